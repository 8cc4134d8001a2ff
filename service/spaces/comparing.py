"""What two models say of one listing, side by side, and many such comparisons added up. Pure values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from indexes.database import utc_now
from service.listings.judging import Judgement, is_shown

Found = tuple[str, str, str]
"""Brand, kind and reference of a match."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One listing: the two decisions, each with the confidence of its strongest match, and what each side found."""

    marketplace: str
    listing_id: str
    pictures: int
    before: str
    after: str
    before_confidence: float
    after_confidence: float
    current: frozenset[Found]
    candidate: frozenset[Found]
    current_seconds: float
    candidate_seconds: float
    embed_seconds: float
    at: datetime = field(default_factory=utc_now)


@dataclass
class Tally:
    """Comparisons of a stretch of time, added up; `changed` are those in which the decision would be another."""

    totals: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    brands: dict[str, Counter[str]] = field(default_factory=dict)
    changed: list[Compared] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.totals)

    def add(self, one: Compared) -> None:
        """Count one listing."""
        same = one.before == one.after
        self.totals.update(listings=1, pictures=one.pictures, same=int(same))
        for name in ("current_seconds", "candidate_seconds", "embed_seconds"):
            self.seconds[name] = self.seconds.get(name, 0.0) + getattr(one, name)
        if not same:
            self.changes[one.before, one.after] += 1
            self.changed.append(one)
        for name, found in (
            ("both", one.current & one.candidate),
            ("only_current", one.current - one.candidate),
            ("only_candidate", one.candidate - one.current),
        ):
            for brand_id, _, _ in found:
                self.brands.setdefault(brand_id, Counter())[name] += 1


def confidence(judgement: Judgement) -> float:
    """Of the strongest match that counts; 0 where there is none."""
    return max((row["confidence"] for row in judgement.matches if row["suppressed_by"] is None), default=0.0)


def found(rows: Iterable[dict[str, Any]]) -> frozenset[Found]:
    """The matches of a judgement that anybody is told of."""
    return frozenset((row["brand_id"], row["kind"], row["reference_id"]) for row in rows if is_shown(row))
