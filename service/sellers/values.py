"""The values of sellers: strikes, restrictions, what people did, and who is similar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from service.sellers.points import Level
from service.stamps import stamp

Ending: TypeAlias = Literal["faded", "raised", "taken_back", "lifted", "appeal_upheld", "expired", "replaced"]


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller as one marketplace knows it."""

    pk: int
    marketplace: str
    seller_id: str


@dataclass(frozen=True, slots=True)
class Strike:
    """Points for a case that took a listing down."""

    id: str
    case_id: str
    kind: str
    points: float
    at: datetime
    taken_back_at: datetime | None
    taken_back_for: str | None
    """The state the case entered, or the action of a person."""

    def as_json(self, left: float) -> dict[str, Any]:
        """As the interface shows it, with what it still weighs."""
        return {
            "id": self.id,
            "case_id": self.case_id,
            "kind": self.kind,
            "points": self.points,
            "left": round(left, 4),
            "at": stamp(self.at),
            "taken_back_at": stamp(self.taken_back_at) if self.taken_back_at else None,
            "taken_back_for": self.taken_back_for,
        }


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a seller may not do for now; a warning takes nothing and is kept the same way."""

    pk: int
    id: str
    seller_pk: int
    level: Level
    points: float
    by_hand: bool
    reason: str
    began_at: datetime
    until: datetime | None
    appealed_at: datetime | None
    ended_at: datetime | None
    ended_because: Ending | None

    def holds(self, now: datetime) -> bool:
        """Is it in force at `now`?"""
        return self.ended_at is None and (self.until is None or self.until > now)

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        times = ("began_at", "until", "appealed_at", "ended_at")
        shown = {name: stamp(when) if (when := getattr(self, name)) else None for name in times}
        same = ("id", "level", "by_hand", "reason", "ended_because")
        return {**{name: getattr(self, name) for name in same}, "points": round(self.points, 4), **shown}


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did about a seller, and why."""

    id: str
    at: datetime
    actor_role: str
    actor_id: str
    action: str
    reason: str
    details: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        same = ("id", "actor_role", "actor_id", "action", "reason", "details")
        return {**{name: getattr(self, name) for name in same}, "at": stamp(self.at)}
