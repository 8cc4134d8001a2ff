"""The values of standing: the terms, the figures of a brand and reason, the lane they give, and what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from service.settings import Settings
from service.stamps import stamp

Lane: TypeAlias = Literal["standard", "fast", "locked"]
Outcome: TypeAlias = Literal["upheld", "rejected", "withdrawn"]
Event: TypeAlias = Literal["earned", "lapsed", "lost", "unlocked", "warned", "suspended"]
NOTICE: Final = "notice"
"""The reason code of a notice that no case came of; others are a case's kind."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the fast lane takes, what loses it, and when a brand is warned or suspended."""

    window: timedelta = timedelta(days=90)
    lockout: timedelta = timedelta(days=90)
    settling: timedelta = timedelta(days=4)
    """How long a removal that only the brand wanted stays open before it counts."""
    minimum: int = 10
    upheld: float = 0.90
    countered: float = 0.05
    warn_at: int = 5
    suspend_at: int = 10
    unfounded_share: float = 0.20

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """The terms the operator set."""
        return cls(
            window=timedelta(days=settings.standing_days),
            lockout=timedelta(days=settings.lockout_days),
            settling=timedelta(days=settings.fast_lane_settle_days),
            minimum=settings.fast_lane_claims,
            upheld=settings.fast_lane_upheld,
            countered=settings.fast_lane_countered,
            warn_at=settings.unfounded_warning,
            suspend_at=settings.unfounded_suspension,
            unfounded_share=settings.unfounded_share,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """A brand's claims of one reason within the window."""

    decided: int = 0
    upheld: int = 0
    countered: int = 0
    """Ended for the seller by a counter-notice."""
    withdrawn: int = 0
    """Taken back before the seller answered; not among the decided."""
    pending: int = 0

    @property
    def rejected(self) -> int:
        """Decided against the brand."""
        return self.decided - self.upheld

    @property
    def upheld_share(self) -> float | None:
        """Of the decided; None when there are none."""
        return self.upheld / self.decided if self.decided else None

    @property
    def countered_share(self) -> float | None:
        """Of the decided; None when there are none."""
        return self.countered / self.decided if self.decided else None

    def holds(self, terms: Terms) -> bool:
        """Do the shares reach what the fast lane asks for, however few claims there are?"""
        upheld, countered = self.upheld_share, self.countered_share
        if upheld is None or countered is None:
            return True
        return upheld >= terms.upheld and countered <= terms.countered

    def as_json(self) -> dict[str, Any]:
        """As it is stored and shown."""
        shares = {"upheld_share": self.upheld_share, "countered_share": self.countered_share}
        rounded = {name: None if share is None else round(share, 4) for name, share in shares.items()}
        return {**asdict(self), "rejected": self.rejected, **rounded}


@dataclass(frozen=True, slots=True)
class Standing:
    """The lane of a brand for one reason code. `until` is the end of a lock-out."""

    reason: str
    lane: Lane
    since: datetime
    until: datetime | None
    figures: Figures

    def at(self, now: datetime) -> Lane:
        """The lane `now`: a lock-out ends by itself, to earn again from nothing."""
        if self.lane == "locked" and self.until is not None and self.until <= now:
            return "standard"
        return self.lane

    def as_json(self, now: datetime) -> dict[str, Any]:
        """As the interface shows it."""
        lane = self.at(now)
        until = stamp(self.until) if lane == "locked" and self.until else None
        return {
            "reason": self.reason,
            "lane": lane,
            "since": stamp(self.since),
            "until": until,
            "figures": self.figures.as_json(),
        }


@dataclass(frozen=True, slots=True)
class StandingEvent:
    """Something that changed a brand's standing, with the figures it went by."""

    brand_id: str
    reason: str
    event: Event
    at: datetime
    until: datetime | None
    figures: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        return {
            "event": self.event,
            "reason": self.reason or None,
            "at": stamp(self.at),
            "until": stamp(self.until) if self.until else None,
            "figures": self.figures,
        }


def weakest(lanes: Iterable[Lane]) -> Lane:
    """One lane for a brand as a whole: locked where any is, fast only where all are and there is one at all."""
    found = set(lanes)
    if "locked" in found:
        return "locked"
    return "fast" if found == {"fast"} else "standard"
