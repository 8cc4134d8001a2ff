"""What may be done with a case, beyond what the table of states says, and what it is afterwards.

Pure, but for `circumstances`, which reads what the answer depends on. Four things stand above the table: nothing is
done to a listing for a brand that is not verified, a brand confirms only what its rights cover, an appeal is worked by
a reviewer who did not decide the case before, and there is one appeal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

import sqlalchemy as sa

from indexes.brands import BRANDS
from service.cases.backing import Backed, all_backed
from service.cases.clocks import Length, start
from service.cases.states import ACTIONS, ENDED, Action, Move, State, find_move
from service.cases.tables import CASE_ENTRIES, CASES
from service.cases.values import Acting, Case
from service.rights.values import NEEDED

Lane: TypeAlias = Literal["standard", "fast", "locked"]

AGAINST: Final[frozenset[Action]] = frozenset({"hold", "remove", "confirm", "reject_proof"})
"""What is done to a listing for the brand's sake."""
DECIDING: Final = frozenset({"hold", "remove", "dismiss", "accept_proof", "reject_proof", "uphold", "reinstate"})
"""A reviewer who did one of these has an opinion of the case."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What beyond its own state a case depends on."""

    brand_status: str = "verified"
    deciders: frozenset[str] = frozenset()
    """Ids of the reviewers' keys that decided the case before it was appealed."""
    backed: bool = True
    """Whether a right of the brand stands behind the match; looked up only for who needs it."""


def circumstances(
    connection: sa.Connection, cases: Sequence[Case], asker: Acting | None, backed: Backed = all_backed
) -> dict[int, Circumstances]:
    """Those of each case, by its primary key, as far as they matter to `asker`."""
    pks = [case.pk for case in cases]
    statuses = sa.select(CASES.c.pk, BRANDS.c.status).join(BRANDS, BRANDS.c.id == CASES.c.brand_id)
    found = {row.pk: row.status for row in connection.execute(statuses.where(CASES.c.pk.in_(pks)))}
    deciders = {case.pk: _deciders(connection, case) for case in cases if case.appealed}
    confirms = asker is not None and asker.role == "brand"
    asked = [case for case in cases if confirms and find_move(case.state, "confirm", "brand") is not None]
    bare = {case.pk for case in asked} - backed(connection, asked)
    return {pk: Circumstances(status, deciders.get(pk, frozenset()), pk not in bare) for pk, status in found.items()}


def _deciders(connection: sa.Connection, case: Case) -> frozenset[str]:
    entries = CASE_ENTRIES.alias()
    appeal = sa.select(sa.func.min(entries.c.number)).where(entries.c.case_pk == case.pk, entries.c.action == "appeal")
    decided = sa.select(CASE_ENTRIES.c.actor_id).where(
        CASE_ENTRIES.c.case_pk == case.pk,
        CASE_ENTRIES.c.actor_role == "reviewer",
        CASE_ENTRIES.c.action.in_(DECIDING),
        CASE_ENTRIES.c.number < appeal.scalar_subquery(),
    )
    return frozenset(connection.scalars(decided))


def obstacle(case: Case, move: Move, acting: Acting, around: Circumstances) -> str | None:
    """What stands in the way of a move that the table allows; None when nothing does."""
    if move.after_proof and case.proofs == 0:
        return "The seller has not sent a proof yet; wait for it, or for the clock."
    if move.action == "appeal" and case.appealed:
        return "This case was appealed before; there is one appeal."
    if case.appealed and acting.role == "reviewer" and acting.id in around.deciders:
        return "You decided this case before it was appealed; another reviewer has to work the appeal."
    if case.appealed and case.state == "in_review" and move.action == "confirm":
        return "An appeal is decided by a reviewer."
    return _unfounded(case, move, acting, around)


def _unfounded(case: Case, move: Move, acting: Acting, around: Circumstances) -> str | None:
    """What the brand lacks for whatever is done to a listing for its sake."""
    if move.action in AGAINST and around.brand_status != "verified":
        return f"The brand is {around.brand_status}; nothing is done to a listing for it until an operator verifies it."
    if move.action == "confirm" and acting.role == "brand" and not around.backed:
        return (
            f"No {NEEDED[case.kind]} of the brand is on record that holds wherever this listing is offered; add it, or "
            "leave the decision to a reviewer."
        )
    return None


def allowed(case: Case, acting: Acting, around: Circumstances) -> list[Action]:
    """What `acting` may do with the case now, of what a caller may name, in the order of the table."""
    moves = ((action, find_move(case.state, action, acting.role)) for action in ACTIONS if action != "submit_proof")
    return [action for action, move in moves if move is not None and obstacle(case, move, acting, around) is None]


def moved(case: Case, move: Move, acting: Acting, *, lane: Lane, lengths: Mapping[str, Length], now: datetime) -> Case:
    """The case after `move`."""
    target: State = move.fast if move.fast is not None and lane == "fast" else move.target
    turn = move.turn if target == move.target else None
    reviewer = {"start_review": acting.id, "appeal": None}.get(move.action, case.reviewer)
    return dataclasses.replace(
        case,
        state=target,
        clock=None if turn is None else start(turn, lengths, now),
        reviewer=reviewer,
        proofs=case.proofs + (move.action == "submit_proof"),
        appealed=case.appealed or move.action == "appeal",
        moved_at=now,
    )


def is_live(case: Case) -> bool:
    """May anything still happen to the case by itself?"""
    return case.state not in ENDED
