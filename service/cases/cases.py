"""The way in: cases opened, moved by the table and by nothing else, talked about, and moved on when a clock runs out.

Every move is one transaction that holds the case's row: the table, the evidence version and the circumstances are
looked at, the entry is chained to the ones before, and whoever watches writes what is theirs. Knows no HTTP and no
tenants: whether somebody may see a case is the question of `CaseReader.find_for`, and its callers'.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

import sqlalchemy as sa

from indexes.database import Database, utc_now
from service.cases import keeping, moves, records
from service.cases.backing import Backed, all_backed
from service.cases.journal import Deed, Journal
from service.cases.moves import Lane
from service.cases.opening import LaneOf, Opening
from service.cases.reading import CaseReader, there
from service.cases.states import Action, Move, State, find_move, may_ever
from service.cases.tokens import Tokens
from service.cases.values import Acting, Case, Entry, Message, Watcher
from service.errors import Forbidden, Invalid, StateConflict
from service.keys import Principal
from service.listings.values import ListedMatch, ListingResult
from service.stamps import stamp

_LOG = logging.getLogger("brandwarden.cases")
CLOCK: Final = Acting("system", "clock")
LONGEST_TEXT: Final = 4000
MOST_MESSAGES: Final = 200
"""Of one role in a case: nobody can use up what the others have to say."""
_AT_ONCE: Final = 200


def standard_lane(_connection: sa.Connection, _brand_id: str, _kind: str) -> Lane:
    """The lane of every brand where nobody keeps their standing."""
    return "standard"


class Said(TypedDict):
    """What goes with an action."""

    reason: str
    evidence_version: int | None
    details: Mapping[str, Any] | None
    seen: State | None


class Cases(CaseReader):
    """The cases of one database.

    `lane` tells how far a brand's word goes, `backed` what a right of it stands behind, `watchers` act with every move.
    """

    def __init__(
        self,
        database: Database,
        *,
        lane: LaneOf = standard_lane,
        backed: Backed = all_backed,
        watchers: Iterable[Watcher] = (),
        link_lives: timedelta = timedelta(days=180),
        kept: timedelta = timedelta(days=180),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(database, backed)
        self._lane, self._clock = lane, clock
        self._journal = Journal(watchers)
        self._opening = Opening(self._journal, lane, clock)
        self._ticked = 0
        self.tokens = Tokens(database, self._journal, lives=link_lives, kept=kept, clock=clock)

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every move as well, after those before it."""
        self._journal.watch(watcher)

    def open_for(self, connection: sa.Connection, result: ListingResult) -> dict[str, str]:
        """The case of each match of a result that is being saved, by match id; opens those there are to open."""
        return self._opening.open_for(connection, result)

    def among(self, connection: sa.Connection, names: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those of the listings, marketplace and listing id, that have a case of any state."""
        return records.listings_among(connection, names)

    def open_noticed(
        self,
        connection: sa.Connection,
        result: ListingResult,
        match: ListedMatch,
        acting: Acting,
        *,
        reason: str,
        details: Mapping[str, Any],
    ) -> Case:
        """Open a case for a match without one because of a notice, in the caller's transaction."""
        return self._opening.open_noticed(connection, result, match, Deed(acting, "noticed", reason, details))

    def release_listing(self, connection: sa.Connection, marketplace: str, listing_id: str) -> frozenset[str]:
        """A listing is being erased: the pictures that its cases let go of, since nothing can happen to them."""
        return keeping.release_listing(connection, marketplace, listing_id)

    def forget(self, before: datetime, *, limit: int) -> tuple[int, frozenset[str]]:
        """Let go of what came to rest before `before`: how many cases went, and pictures that they and others kept.

        Small transactions: at most about `limit` of each, so call it until both are nothing.
        """
        with self._database.write() as connection:
            pictures = keeping.drop_pictures(connection, before, limit)
            return keeping.drop_cases(connection, before, limit), pictures

    def act(
        self,
        case_id: str,
        acting: Acting,
        action: Action,
        *,
        reason: str,
        evidence_version: int | None,
        details: Mapping[str, Any] | None = None,
        seen: State | None = None,
    ) -> Case:
        """Move a case by the table; the case as it is then.

        `NotFound`; `Forbidden` what this role may never do; `StateConflict` what is not possible from here, from
        another state than the one `seen`, or on evidence that has moved on (None takes what is there); `Invalid`
        without a reason.
        """
        said: Said = {"reason": reason, "evidence_version": evidence_version, "details": details, "seen": seen}
        with self._database.write() as connection:
            return self.act_on(connection, case_id, acting, action, **said)

    def act_on(
        self,
        connection: sa.Connection,
        case_id: str,
        acting: Acting,
        action: Action,
        *,
        reason: str,
        evidence_version: int | None,
        details: Mapping[str, Any] | None = None,
        seen: State | None = None,
    ) -> Case:
        """As `act`, in the caller's transaction."""
        if not may_ever(action, acting.role):
            raise Forbidden(f"A {acting.role} may never {action}; see the table of moves in docs/cases.md.")
        reason = _text(reason, "reason")
        case = there(records.lock(connection, case_id))
        move = self._check(connection, case, acting, action)
        _check_seen(case, seen, evidence_version)
        return self._move(connection, case, move, Deed(acting, action, reason, dict(details or {})))

    def note(
        self,
        connection: sa.Connection,
        case: Case,
        acting: Acting,
        action: str,
        *,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Write an entry that moves nothing into the audit, in the caller's transaction."""
        held = there(records.lock(connection, case.id))
        return self._journal.noted(connection, held, Deed(acting, action, reason, details or {}), self._clock())

    def say(self, case_id: str, acting: Acting, text: str) -> Message:
        """Write a message that every side of the case can read; `StateConflict` when it has too many."""
        text = _text(text, "text")
        with self._database.write() as connection:
            case = there(records.lock(connection, case_id))
            if records.count_messages(connection, case, acting) >= MOST_MESSAGES:
                raise StateConflict(f"A {acting.role} may write {MOST_MESSAGES} messages in a case; these are written.")
            return records.add_message(connection, case, acting, text, self._clock())

    def tick(self, now: datetime | None = None) -> int:
        """Do what silence does in every case whose clock has run out at `now`; how many moved.

        Each case is a transaction of its own; what another process holds, or what fails, is left for another tick.
        Many are gone through a part at a time, so that those that fail do not stand before the others.
        """
        now = now or self._clock()
        with self._database.read() as connection:
            due = records.due(connection, now, after=self._ticked, limit=_AT_ONCE)
        self._ticked = due[-1] if len(due) == _AT_ONCE else 0
        return sum(self._run_out(pk, now) for pk in due)

    def _run_out(self, pk: int, now: datetime) -> bool:
        try:
            with self._database.write() as connection:
                case = records.lock_due(connection, pk, now)
                if case is None or case.clock is None:
                    return False
                clock = case.clock
                move = self._check(connection, case, CLOCK, clock.on_silence)
                reason = f"The {clock.whose_turn} had until {stamp(clock.deadline)} and did not answer."
                details = {"clock": clock.clock, "deadline": stamp(clock.deadline), "acted_on": stamp(now)}
                self._move(connection, case, move, Deed(CLOCK, move.action, reason, details), now)
        except StateConflict as conflict:
            _LOG.warning("a clock ran out and nothing was done: %s", conflict, extra={"case": pk})
            return False
        except Exception:  # noqa: BLE001  # one case must not keep the clocks of all others from running out
            _LOG.exception("a clock ran out and will be acted on again", extra={"case": pk})
            return False
        return True

    def _check(self, connection: sa.Connection, case: Case, acting: Acting, action: Action) -> Move:
        move = find_move(case.state, action, acting.role)
        if move is None:
            there = f"A {acting.role} cannot {action} a case that is {case.state}; read it again."
            raise StateConflict(there, **_where(case))
        around = moves.circumstances(connection, [case], acting, self._backed)[case.pk]
        if (obstacle := moves.obstacle(case, move, acting, around)) is not None:
            if acting.role == "brand" and around.brand_status == "suspended":
                raise Forbidden(obstacle)
            raise StateConflict(obstacle, **_where(case))
        return move

    def _move(self, connection: sa.Connection, case: Case, move: Move, deed: Deed, now: datetime | None = None) -> Case:
        lane = "standard" if move.fast is None else self._lane(connection, case.brand_id, case.kind)
        lengths = records.lengths_of(connection, case.marketplace)
        after = moves.moved(case, move, deed.acting, lane=lane, lengths=lengths, now=now or self._clock())
        records.update(connection, after)
        self._journal.moved(connection, after, deed, case.state)
        return after


def acting_as(principal: Principal) -> Acting:
    """Who `principal` is in a case; `Forbidden` for a role that has no part in cases."""
    match principal.role:
        case "operator" | "reviewer" | "brand" | "seller" as role:
            return Acting(role, principal.key_id)
        case other:
            raise Forbidden(f"The role {other} has no part in cases.")


def _check_seen(case: Case, seen: State | None, evidence_version: int | None) -> None:
    """Refuse what was decided on another state or other evidence than there is."""
    if seen not in {None, case.state}:
        raise StateConflict(f"The case is {case.state} by now, you saw it {seen}; look again.", **_where(case))
    if evidence_version not in {None, case.evidence_version}:
        raise StateConflict(
            f"The evidence moved on: the case stands on version {case.evidence_version}, you looked at "
            f"{evidence_version}; look again and decide on that.",
            **_where(case),
        )


def _where(case: Case) -> dict[str, Any]:
    """What a refusal tells of the case."""
    return {"state": case.state, "evidence_version": case.evidence_version}


def _text(text: str, name: str) -> str:
    """`text` as it was written, between one letter and the most a case holds."""
    if text.strip() == "" or len(text) > LONGEST_TEXT:
        message = f"1 to {LONGEST_TEXT} characters"
        raise Invalid(f"Write a {name} of {message}.", errors=[{"loc": ["body", name], "msg": message}])
    return text
