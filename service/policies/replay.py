"""What a policy would have done: the stored results of a brand ruled on again, and what that adds up to.

Place in the flow: `Policies.replay` hands over the results, the verdicts and the rulebook with the proposed policy in
it. It is the same `rule` that listings are judged by, so a replay is what judging them all again would come to. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from service.policies.decisions import DECISIONS, Decision, rank
from service.policies.results import StoredResult
from service.policies.ruling import Rulebook, Ruling, rule

MOST_CHANGES: Final = 500
"""Changed results that are listed; all of them are counted."""
_FLAGGED: Final = DECISIONS[rank("review") :]
_HELD: Final = frozenset({"hold", "takedown"})
_WRONG: Final = frozenset({"authorised", "not_a_match"})


@dataclass(slots=True)
class Figures:
    """What one set of rulings comes to."""

    decisions: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often matches with a decision have a verdict; the empty verdict is none."""
    _listings: dict[int, int] = field(default_factory=dict)

    def add(self, listing_pk: int, decision: Decision, verdict: str) -> None:
        """Count one match."""
        self.decisions[decision] += 1
        self.verdicts[decision, verdict] += 1
        self._listings[listing_pk] = max(self._listings.get(listing_pk, 0), rank(decision))

    @property
    def listings(self) -> int:
        """How many listings the matches are of."""
        return len(self._listings)

    @property
    def for_review(self) -> int:
        """Listings that a person has to look at: nothing of them is held, something is for review."""
        return list(self._listings.values()).count(rank("review"))

    @property
    def wrongful_holds(self) -> int:
        """Matches held or taken down that people found to be authorised or no match."""
        return sum(count for (decision, said), count in self.verdicts.items() if decision in _HELD and said in _WRONG)

    @property
    def unlabelled(self) -> int:
        """Matches that would be acted upon and that nobody has given a verdict on."""
        return sum(self.verdicts[decision, ""] for decision in _FLAGGED)

    def precision(self, decisions: Iterable[str] = _FLAGGED) -> float | None:
        """The share of `infringing` among the matches with such a decision that have a verdict; None without any."""
        right = labelled = 0
        for (decision, said), count in self.verdicts.items():
            if said and decision in decisions:
                labelled += count
                right += count if said == "infringing" else 0
        return right / labelled if labelled else None

    def as_json(self, days: float) -> dict[str, Any]:
        """As the interface shows it; `days` is the time over which the listings came."""
        return {
            "precision": self.precision(),
            "precision_by_decision": {decision: self.precision([decision]) for decision in _FLAGGED},
            "queue": round(self.for_review / days, 2),
            "queue_listings": self.for_review,
            "wrongful_holds": self.wrongful_holds,
            "unlabelled": self.unlabelled,
            "decisions": _counts(self.decisions),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A stored result that the proposed policy would decide otherwise."""

    result: StoredResult
    ruling: Ruling
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        result = self.result
        return {
            "match_id": result.match_id,
            "marketplace": result.facts.marketplace,
            "listing_id": result.listing_id,
            "kind": result.claim.kind,
            "confidence": round(result.claim.confidence, 6),
            "before": result.decision,
            "after": self.ruling.decision,
            "suppressed_by": self.ruling.suppressed_by,
            "verdict": self.verdict or None,
            "because": list(self.ruling.because),
        }


@dataclass(slots=True)
class Replay:
    """A replay as it goes on; `complete` turns false where older results were left out."""

    before: Figures = field(default_factory=Figures)
    after: Figures = field(default_factory=Figures)
    changed: list[Change] = field(default_factory=list)
    changes: int = 0
    complete: bool = True
    oldest: datetime | None = None
    newest: datetime | None = None
    _places: dict[str, tuple[Counter[str], Counter[str]]] = field(default_factory=dict)

    def run(self, book: Rulebook, results: Iterable[StoredResult], verdicts: Mapping[str, str], on: datetime) -> None:
        """Rule on every one of `results` by `book`, and count."""
        for result in results:
            self._count(result, rule(book, result.facts, result.claim, on), verdicts.get(result.match_id, ""))

    def _count(self, result: StoredResult, ruling: Ruling, verdict: str) -> None:
        self.before.add(result.listing_pk, result.decision, verdict)
        self.after.add(result.listing_pk, ruling.decision, verdict)
        place = result.facts.marketplace
        if place not in self._places:
            self._places[place] = (Counter(), Counter())
        before, after = self._places[place]
        before[result.decision] += 1
        after[ruling.decision] += 1
        judged_at = result.judged_at
        if self.oldest is None or judged_at < self.oldest:
            self.oldest = judged_at
        if self.newest is None or judged_at > self.newest:
            self.newest = judged_at
        if ruling.decision != result.decision or ruling.suppressed_by != result.suppressed_by:
            self.changes += 1
            if len(self.changed) < MOST_CHANGES:
                self.changed.append(Change(result, ruling, verdict))

    @property
    def days(self) -> float:
        """The time between the first and the last result, at least one day."""
        if self.oldest is None or self.newest is None:
            return 1.0
        return max(1.0, (self.newest - self.oldest) / timedelta(days=1))

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        places = [
            {"marketplace": name, "before": _counts(before), "after": _counts(after)}
            for name, (before, after) in sorted(self._places.items())
        ]
        return {
            **self.after.as_json(self.days),
            "before": self.before.as_json(self.days),
            "marketplaces": places,
            "results": self.after.decisions.total(),
            "listings": self.after.listings,
            "complete": self.complete,
            "oldest": self.oldest,
            "newest": self.newest,
            "changed": [change.as_json() for change in self.changed],
            "changed_count": self.changes,
        }


def _counts(found: Mapping[str, int]) -> dict[str, int]:
    return {decision: found.get(decision, 0) for decision in DECISIONS}
