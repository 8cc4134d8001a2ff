"""What strikes weigh, how they fade, and which restriction follows: pure, from a marketplace's `strike_points`.

A strike weighs in full on its first day and a whole day's share less each day after, nothing once `decay_days` are
over: a seller can be told the date. A closed account opens again when the points fall below its mark; a ban does not
end with time, only when strikes are taken back until those that stand never reached it, or by a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

Level: TypeAlias = Literal["warning", "restriction", "closure", "ban"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""From the mildest up."""
_LARGEST: Final = 1000.0
_ROUNDING: Final = 1e-9


class InvalidPoints(ValueError):
    """Strike points that make no sense; `name` is the entry."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")
        self.name, self.message = name, message


class Weighed(Protocol):
    """What is needed of a strike."""

    @property
    def points(self) -> float:
        """On its first day."""
        ...

    @property
    def at(self) -> datetime:
        """When it was given."""
        ...


@dataclass(frozen=True, slots=True)
class StrikeTerms:
    """A marketplace's terms: points by kind, the marks of the four levels, and the days a strike takes to fade."""

    stolen_photo: float = 1.0
    logo_use: float = 1.0
    warning: float = 1.0
    restriction: float = 4.0
    closure: float = 8.0
    ban: float = 12.0
    decay_days: float = 90.0

    @classmethod
    def of(cls, points: Mapping[str, Any]) -> StrikeTerms:
        """The terms a marketplace wrote, defaults for the rest; `InvalidPoints`."""
        for name, value in points.items():
            if name not in cls.__slots__:
                raise InvalidPoints(name, f"is none of {', '.join(cls.__slots__)}")
            if not 0 <= value <= _LARGEST:
                raise InvalidPoints(name, f"must lie between 0 and {_LARGEST:g}")
        terms = cls(**{name: float(value) for name, value in points.items()})
        terms._check_order()
        return terms

    def _check_order(self) -> None:
        if self.decay_days < 1:
            raise InvalidPoints("decay_days", "must be 1 at least")
        marks = [0.0, *(self.mark(level) for level in LEVELS)]
        for level, below, mark in zip(LEVELS, marks, marks[1:], strict=False):
            if mark <= below:
                raise InvalidPoints(level, f"must be above {below:g}: each level takes more points than the one before")

    def mark(self, level: Level) -> float:
        """The points from which `level` holds."""
        return float(getattr(self, level))

    def weight(self, kind: str) -> float:
        """The points a takedown of this kind adds."""
        return self.logo_use if kind == "logo_use" else self.stolen_photo

    def left(self, strike: Weighed, now: datetime) -> float:
        """What a strike still weighs."""
        days = max(0, (now - strike.at).days)
        return strike.points * max(0.0, 1.0 - days / self.decay_days)

    def total(self, strikes: Iterable[Weighed], now: datetime) -> float:
        """The points of a seller with these strikes."""
        return sum(self.left(strike, now) for strike in strikes)

    def level(self, points: float) -> Level | None:
        """The level that so many points reach."""
        reached = [level for level in LEVELS if points >= self.mark(level) - _ROUNDING]
        return reached[-1] if reached else None


def is_above(one: Level, other: Level | None) -> bool:
    """Is `one` the harsher level?"""
    return other is None or LEVELS.index(one) > LEVELS.index(other)
