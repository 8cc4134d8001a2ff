"""The values of webhooks: an endpoint, a delivery, and the events there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

DeliveryState: TypeAlias = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint and what it wants to be told. Without its secret."""

    pk: int
    id: str
    url: str
    events: tuple[str, ...]
    marketplace: str | None
    decisions: tuple[str, ...] | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_because: str | None

    def wants(self, event: str, marketplace: str | None, decision: str | None) -> bool:
        """Is this endpoint to be told of `event`? One that names a marketplace hears of nothing else."""
        if self.marketplace is not None and self.marketplace != marketplace:
            return False
        if decision is not None and self.decisions is not None and decision not in self.decisions:
            return False
        return event in self.events or f"{event.partition('.')[0]}.*" in self.events


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one endpoint, and how far it got. `next_attempt_at` means something while it is pending."""

    pk: int
    id: str
    webhook_id: str
    event: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    response_status: int | None
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


def with_wildcards(events: Collection[str]) -> frozenset[str]:
    """What an endpoint may ask for: each event, and `case.*` for all of a thing's."""
    return frozenset(events) | {f"{event.partition('.')[0]}.*" for event in events}
