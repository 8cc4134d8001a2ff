"""From a judged listing to its cases: opened by the brand's policy, or told that the evidence moved on.

Place in the flow: inside the transaction in which `ListingStore` saves a result. One case per listing, brand and kind:
the strongest match that nothing suppresses stands for all of them. A case that has not ended keeps its state and gets
the new evidence version. One that ended stays ended for the pictures it was about; another picture opens another case.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

import sqlalchemy as sa

from indexes.ids import new_id
from service.cases import evidence, records
from service.cases.clocks import start
from service.cases.journal import Deed, Journal
from service.cases.moves import Lane, is_live
from service.cases.states import SELLER_ANSWERS, State
from service.cases.values import Acting, Case
from service.listings.tables import LISTING_MATCHES
from service.listings.values import ListedMatch, ListingResult
from service.policies.decisions import Decision, rank

LaneOf: TypeAlias = Callable[[sa.Connection, str, str], Lane]
"""The lane of a brand (its id) for claims of a kind."""
_OPENS: Final[dict[Decision, State]] = {"review": "open", "hold": "held", "takedown": "taken_down"}


@dataclass(frozen=True, slots=True)
class _Found:
    """A match of the listing that nothing suppresses, and the picture it is in."""

    match: ListedMatch
    picture: str | None

    @property
    def strength(self) -> tuple[int, float, float]:
        """Stronger is higher."""
        return rank(self.match.decision), self.match.confidence, self.match.score


class Opening:
    """Opens cases. `lane` tells how far a brand's word goes."""

    def __init__(self, journal: Journal, lane: LaneOf, clock: Callable[[], datetime]) -> None:
        self._journal, self._lane, self._clock = journal, lane, clock

    def open_for(self, connection: sa.Connection, result: ListingResult) -> dict[str, str]:
        """The case of each match of `result` that has one, by match id."""
        groups = _grouped(result)
        known: dict[tuple[str, str], list[Case]] = defaultdict(list)
        for case in records.of_listing(connection, result.listing.marketplace, result.listing.listing_id):
            known[case.brand_id, case.kind].append(case)
        named: dict[str, str] = {}
        for key in dict.fromkeys((*known, *groups)):
            named |= self._settle(connection, result, known[key], groups.get(key, []))
        return named

    def _settle(
        self, connection: sa.Connection, result: ListingResult, cases: Sequence[Case], found: Sequence[_Found]
    ) -> dict[str, str]:
        """One brand and kind."""
        ended = {case.id: _pictures_of(connection, case) for case in cases if not is_live(case)}
        settled = {
            entry.match.id: id_ for id_, pictures in ended.items() for entry in found if entry.picture in pictures
        }
        fresh = [entry for entry in found if entry.match.id not in settled]
        strongest = max(fresh or found, key=lambda entry: entry.strength, default=None)
        live = [case for case in cases if is_live(case)]
        for case in live:
            self._judge_again(connection, case, result, strongest)
        if not live and fresh and strongest is not None and strongest.match.decision in _OPENS:
            live = [self._open_by_policy(connection, result, strongest)]
        if live:
            return {entry.match.id: live[-1].id for entry in found}
        return settled

    def open_noticed(self, connection: sa.Connection, result: ListingResult, match: ListedMatch, deed: Deed) -> Case:
        """Open a case for a match that has none, because somebody sent a notice; a person looks at it."""
        picture = next((image.sha256 for image in result.images if image.index == match.image_index), None)
        case = self._open(connection, result, _Found(match, picture), state="open", deed=deed)
        named = sa.update(LISTING_MATCHES).where(LISTING_MATCHES.c.id == match.id)
        connection.execute(named.values(case_id=case.id))
        return case

    def _open_by_policy(self, connection: sa.Connection, result: ListingResult, found: _Found) -> Case:
        state = _OPENS[found.match.decision]
        if state == "taken_down" and self._lane(connection, found.match.brand_id, found.match.kind) != "fast":
            state = "held"
        reason = f"The policy asks for {found.match.decision}: confidence {found.match.confidence:.2f}."
        details = {
            "decision": found.match.decision,
            "match_id": found.match.id,
            "policy_version": found.match.policy_version,
        }
        policy = Acting("system", f"policy:{found.match.policy_version}")
        return self._open(connection, result, found, state=state, deed=Deed(policy, "opened", reason, details))

    def _open(
        self, connection: sa.Connection, result: ListingResult, found: _Found, *, state: State, deed: Deed
    ) -> Case:
        now = self._clock()
        lengths = records.lengths_of(connection, result.listing.marketplace)
        case = Case(
            pk=0,
            id=new_id("case"),
            marketplace=result.listing.marketplace,
            listing_id=result.listing.listing_id,
            seller_id=result.listing.seller_id,
            brand_id=found.match.brand_id,
            kind=found.match.kind,
            match_id=found.match.id,
            reference_id=found.match.reference_id,
            image_sha256=found.picture,
            confidence=found.match.confidence,
            policy_version=found.match.policy_version,
            state=state,
            evidence_version=result.evidence_version,
            clock=start(SELLER_ANSWERS, lengths, now) if state == "held" else None,
            reviewer=None,
            proof_required=found.match.proof_required,
            proofs=0,
            appealed=False,
            opened_at=now,
            moved_at=now,
        )
        case = records.insert(connection, case)
        evidence.write(connection, case, evidence.document(connection, result, found.match))
        self._journal.moved(connection, case, deed, None)
        return case

    def _judge_again(self, connection: sa.Connection, case: Case, result: ListingResult, found: _Found | None) -> None:
        before = evidence.read(connection, [case])[case.pk]
        now = {**before, "found": False}
        version = max(result.evidence_version, case.evidence_version + 1)  # a listing erased and sent again begins at 1
        case = dataclasses.replace(case, evidence_version=version)
        if found is not None:
            now = evidence.document(connection, result, found.match)
            case = dataclasses.replace(
                case,
                match_id=found.match.id,
                reference_id=found.match.reference_id,
                image_sha256=found.picture,
                confidence=found.match.confidence,
            )
        records.update(connection, case)
        if not evidence.differ(before, now):
            return
        evidence.write(connection, case, now)
        lost = "The listing was judged again and the match is not found any more."
        reason = lost if found is None else "The listing was judged again and the evidence changed."
        details = {"match_id": case.match_id, "found": found is not None}
        deed = Deed(Acting("system", "judging"), "judged_again", reason, details)
        self._journal.noted(connection, case, deed, self._clock())


def _grouped(result: ListingResult) -> dict[tuple[str, str], list[_Found]]:
    pictures = {image.index: image.sha256 for image in result.images}
    groups: dict[tuple[str, str], list[_Found]] = defaultdict(list)
    for match in result.matches:
        if match.suppressed_by is None:
            groups[match.brand_id, match.kind].append(_Found(match, pictures.get(match.image_index)))
    return groups


def _pictures_of(connection: sa.Connection, case: Case) -> frozenset[str | None]:
    """The pictures that the case was about, at any time."""
    return frozenset(map(evidence.picture_of, evidence.versions(connection, case).values()))
