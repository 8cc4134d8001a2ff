"""Moves of a case as a watcher is told of them, without the case's own rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Someone:
    role: str
    id: str = "key_somebody"


@dataclass(frozen=True)
class OfCase:
    id: str
    brand_id: str = "brd_none"
    kind: str = "stolen_photo"
    marketplace: str = "default"
    seller_id: str | None = "s-1"
    proofs: int = 0


@dataclass(frozen=True)
class Step:
    source: str | None
    action: str
    target: str
    actor: Someone
    at: datetime
    reason: str = ""
    details: dict = field(default_factory=dict)


def step(moved: str, role: str, at: datetime = START) -> Step:
    """`held remove taken_down` by `role`; `- opened held` for a case that is new."""
    source, action, target = moved.split()
    return Step(None if source == "-" else source, action, target, Someone(role), at)
