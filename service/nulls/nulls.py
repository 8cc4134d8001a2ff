"""The nulls in force in this process: applied to matches, learned anew, followed when another process learned.

Place in the flow: `service.listings.judging` asks `adjust` for every match before anything is decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from indexes.database import utc_now
from indexes.scoring import Judgement
from service.nulls.learning import learned
from service.nulls.records import Frozen, NullRecords

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import Match
    from service.pipeline import Checked

Rejudge: TypeAlias = Callable[[str, "Match", float], Judgement | None]
"""Judges a match of a space again, lowered by a shift; None where the space's calibration is gone."""


class Nulls:
    """Holds the frozen version in force. Thread-safe: a version is exchanged as a whole."""

    def __init__(self, records: NullRecords, rejudge: Rejudge, *, calibration: Callable[[], str], every: float) -> None:
        self._records, self._rejudge, self._calibration = records, rejudge, calibration
        self._every = timedelta(hours=every)
        self._tried: datetime | None = None
        self._frozen = records.newest()

    @property
    def frozen(self) -> Frozen:
        """The version in force."""
        return self._frozen

    def follow(self) -> None:
        """Take up a version that another process learned."""
        if self._records.newest_id() != self._frozen.id:
            self._frozen = self._records.newest()

    def learn(self) -> Frozen:
        """Learn from the traffic there is, freeze and take up what came out; without any null yet, nothing."""
        calibration = self._calibration()
        votes = self._records.votes(calibration)
        nulls = learned(votes)
        if nulls or self._frozen.id:
            self._frozen = self._records.add(calibration, len(votes), nulls)
        return self._frozen

    def learn_when_due(self) -> None:
        """Learn when the last attempt, or the version in force, is older than the period; never with a period of 0."""
        last = self._tried or self._frozen.created_at
        if self._every and (last is None or utc_now() - last >= self._every):
            self._tried = utc_now()
            self.learn()

    def adjust(self, frozen: Frozen, marketplace: str, checked: Checked, match: Match) -> Match:
        """The match, its score and confidence lowered where its brand's references score high on everything."""
        shift = frozen.shift(checked.calibration, marketplace, match.brand.id, match.kind)
        judged = self._rejudge(checked.space.id, match, shift) if shift > 0 else None
        if judged is None:
            return match
        return replace(match, score=judged.score, confidence=judged.confidence, shift=shift)
