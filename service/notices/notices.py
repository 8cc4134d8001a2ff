"""Notices: the way in. Taken complete or not at all, kept first and then pursued address by address.

Place in the flow: the interface and the form hand notices in. Each address is a transaction of its own: the notice
joins the case of the listing it names, or opens one; a verified brand in the fast lane is acted on at once. What could
not be placed waits for the desk. A watcher of cases: what becomes of a case decides the notices that joined it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.paging import Page
from service.cases import Acting, Case, Cases, Entry
from service.cases.states import ENDED
from service.errors import Invalid, StateConflict
from service.marketplaces import MARKETPLACES
from service.notices import finding, records
from service.notices.values import Named, NewNotice, Notice, NoticeState, Outcome
from service.rights import Rights, cover
from service.standing import Standings

_LOG = logging.getLogger("brandwarden.notices")
_BY_CASE: Final = "case"
_AT_ONCE: Final = 100
_PATIENCE: Final = timedelta(seconds=30)
"""After so long an address that nobody looked at is taken up by upkeep: its process stopped."""
_OPEN: Final = frozenset({"open", "in_review"})


class Notices:
    """Takes notices, pursues them, and lets the desk decide what is left. `trusted` are brands' ids."""

    def __init__(
        self,
        database: Database,
        cases: Cases,
        standings: Standings,
        rights: Rights,
        *,
        trusted: Collection[str] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._cases, self._standings, self._rights = database, cases, standings, rights
        self._trusted, self._clock = frozenset(trusted), clock

    def take(self, new: NewNotice, *, brand_id: str | None = None, sent_by: str | None = None) -> Notice:
        """Keep a notice and pursue it; `Invalid` with all that is missing. `brand_id` is whose key `sent_by` is."""
        new.check()
        trusted = brand_id in self._trusted
        with self._database.write() as connection:
            kept = records.insert(
                connection, new, brand_id=brand_id, sent_by=sent_by, trusted=trusted, at=self._clock()
            )
        try:
            return self.pursue(kept.id)
        except Exception:  # noqa: BLE001  # it is kept, and upkeep takes it up again
            _LOG.exception("a notice was kept and not pursued yet", extra={"notice": kept.id})
            return kept

    def get(self, notice_id: str) -> Notice:
        """The notice; `NotFound`."""
        with self._database.read() as connection:
            return _there(records.find(connection, notice_id))

    def list(
        self,
        *,
        state: NoticeState | None = None,
        brand_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Notice]:
        """Notices, newest first."""
        with self._database.read() as connection:
            return records.page(connection, state=state, brand_id=brand_id, limit=limit, cursor=cursor)

    def sender(self, notice: Notice) -> tuple[int, int]:
        """How many notices came from the sender's mail address, and how many of them were unfounded."""
        with self._database.read() as connection:
            return records.unfounded_of(connection, notice.email)

    def pursue(self, notice_id: str) -> Notice:
        """Look at every address of a notice that nobody looked at yet; the notice as it is then."""
        for named in self.get(notice_id).urls:
            if named.outcome is None:
                with self._database.write() as connection:
                    notice = _there(records.find(connection, notice_id, lock=True))
                    if notice.urls[named.position].outcome is None:
                        self._pursue(connection, notice, named)
        with self._database.write() as connection:
            notice = _there(records.find(connection, notice_id, lock=True))
            if notice.decided_at is None:
                records.move(connection, notice, _state(notice))
            return _there(records.find(connection, notice_id))

    def pursue_left(self, now: datetime | None = None) -> int:
        """Go on with notices whose process stopped; how many."""
        before = (now or self._clock()) - _PATIENCE
        with self._database.read() as connection:
            left = records.left(connection, before, _AT_ONCE)
        for notice_id in left:
            self.pursue(notice_id)
        return len(left)

    def decide(self, notice_id: str, acting: Acting, *, founded: bool, reason: str) -> Notice:
        """Decide a notice at the desk; `StateConflict` when it was decided. Counts for or against the brand."""
        if not reason.strip():
            raise Invalid("Say why.", errors=[{"loc": ["body", "reason"], "msg": "must not be blank"}])
        now = self._clock()
        with self._database.write() as connection:
            notice = _there(records.find(connection, notice_id, lock=True))
            if notice.decided_at is not None:
                raise StateConflict("This notice was decided already; read it again.")
            state: NoticeState = "founded" if founded else "unfounded"
            records.decide(connection, notice, state, by=acting.id, reason=reason, at=now)
            if notice.brand_id is not None and not any(one.case_id for one in notice.urls):
                self._standings.notice_decided(connection, notice.brand_id, notice.id, founded=founded, at=now)
            return _there(records.find(connection, notice_id))

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """A case moved: the notices that joined it are decided when all their cases are."""
        if entry.source == entry.target:
            return
        for notice in records.of_case(connection, case.id, _BY_CASE):
            if any(one.case_id is None for one in notice.urls):
                continue  # a person decides what could not be placed
            cases = [self._cases.find(connection, one.case_id) for one in notice.urls if one.case_id]
            states = {found.state for found in cases if found is not None}
            if states <= (ENDED | {"taken_down"}) and entry.actor.role != "brand":
                founded = bool(states & {"taken_down", "upheld"})
                state: NoticeState = "founded" if founded else "unfounded"
                records.decide(connection, notice, state, by=_BY_CASE, reason=entry.reason, at=entry.at)

    def forget(self, before: datetime) -> int:
        """Erase who sent the notices that were decided before a moment; how many."""
        with self._database.write() as connection:
            return records.forget(connection, before)

    def _pursue(self, connection: sa.Connection, notice: Notice, named: Named) -> None:
        """One address: find its listing, then its case."""
        listing = finding.find_listing(connection, named.url)
        if listing is None:
            records.settle(connection, notice, named.position, "unknown_listing")
            return
        place = (listing.listing.marketplace, listing.listing.listing_id)
        match = finding.of_brand(listing, brand_id=notice.brand_id, name=notice.brand)
        if match is None:
            records.settle(connection, notice, named.position, "no_match", listing=place)
            return
        sender = Acting("brand", notice.sent_by or "") if notice.brand_id else Acting("system", "notice")
        reason, details = f"The notice {notice.id} names this listing.", _details(notice)
        case = self._cases.find(connection, match.case_id) if match.case_id else None
        outcome: Outcome = "joined"
        if case is None:
            case = self._cases.open_noticed(connection, listing, match, sender, reason=reason, details=details)
            outcome = "opened"
        elif case.state in ENDED:
            records.settle(connection, notice, named.position, "settled", listing=place)
            return
        else:
            self._cases.note(connection, case, sender, "noticed", reason=reason, details=details)
        if notice.brand_id and case.state in (*_OPEN, "held"):
            self._standings.claim(connection, notice.brand_id, case.kind, case.id, self._clock())
        records.settle(connection, notice, named.position, outcome, listing=place, case_id=case.id)
        if self._act(connection, notice, case, listing.listing.territories):
            records.settle(connection, notice, named.position, "acted", listing=place, case_id=case.id)

    def _act(self, connection: sa.Connection, notice: Notice, case: Case, territories: tuple[str, ...]) -> bool:
        """Take the listing down at once where the brand's word is enough; whether it was."""
        if notice.brand_id is None or case.state not in _OPEN:
            return False
        if self._standings.lane(connection, notice.brand_id, case.kind) != "fast":
            return False
        rights = self._rights.of_brand(connection, notice.brand_id)
        if not cover(rights, case.kind, self._places(connection, case, territories), self._clock()):
            return False
        reason = f"Notice {notice.id}: {notice.explanation}"[:4000]
        try:
            brand = Acting("brand", notice.sent_by or "")
            self._cases.act_on(connection, case.id, brand, "confirm", reason=reason, evidence_version=None)
        except StateConflict as conflict:
            _LOG.info("a notice joined a case and could not act: %s", conflict, extra={"case": case.id})
            return False
        return True

    def _places(self, connection: sa.Connection, case: Case, territories: tuple[str, ...]) -> tuple[str, ...]:
        if territories:
            return territories
        query = sa.select(MARKETPLACES.c.territories).where(MARKETPLACES.c.slug == case.marketplace)
        return tuple(connection.scalar(query) or ())


def _state(notice: Notice) -> NoticeState:
    outcomes = {one.outcome for one in notice.urls}
    if outcomes & {None, "no_match", "unknown_listing", "settled"}:
        return "received"
    return "acted" if outcomes == {"acted"} else "in_review"


def _details(notice: Notice) -> dict[str, object]:
    """What the audit of a case keeps of a notice: nothing that names who sent it."""
    return {"notice_id": notice.id, "trusted": notice.trusted, "explanation": notice.explanation[:2000]}


def _there(notice: Notice | None) -> Notice:
    if notice is None:
        raise NotFound("There is no such notice.")
    return notice
