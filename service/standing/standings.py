"""Standings: the way in. Told of moves and of notices, asked for lanes.

Place in the flow: a watcher of cases, in the transaction of each move; policies ask for the lane. A lane is a stored
row, so that asking costs one look-up; it is worked out anew whenever a claim is decided and as time passes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from indexes import changes
from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from service.stamps import stamp
from service.standing import claims, records
from service.standing.outcomes import Move, Moved, is_claim, outcome_of
from service.standing.values import NOTICE, Event, Figures, Lane, Standing, StandingEvent, Terms, weakest

_LOG = logging.getLogger("brandwarden.standing")


class Standings:
    """The standing of every brand, by reason code."""

    def __init__(self, database: Database, terms: Terms = Terms(), clock: Callable[[], datetime] = utc_now) -> None:  # noqa: B008  # frozen
        self._database, self.terms, self._clock = database, terms, clock

    def lane(self, connection: sa.Connection, brand_id: str, reason: str | None = None) -> Lane:
        """The lane for claims of `reason`, such as `stolen_photo`; without one, of the brand as a whole.

        A brand that is not verified is never in the fast lane.
        """
        now = self._clock()
        found = [one for one in records.of_brand(connection, brand_id) if reason in {None, one.reason}]
        lane = weakest(one.at(now) for one in found)
        return "standard" if lane == "fast" and not _is_verified(connection, brand_id) else lane

    def of_brand(self, brand_id: str) -> tuple[Lane, list[Standing], list[StandingEvent]]:
        """The brand's lane, its standing by reason with figures of this moment, and what happened, newest first."""
        now = self._clock()
        with self._database.read() as connection:
            figures = claims.count(connection, brand_id, now, self.terms.window)
            known = {one.reason: one for one in records.of_brand(connection, brand_id)}
            events = records.events(connection, brand_id)
            lane = self.lane(connection, brand_id)
        fresh = {reason: Standing(reason, "standard", now, None, one) for reason, one in figures.items()}
        for reason, one in known.items():
            fresh[reason] = Standing(reason, one.lane, one.since, one.until, figures.get(reason, Figures()))
        return lane, [fresh[reason] for reason in sorted(fresh)], events

    def document(self, brand_id: str) -> dict[str, Any]:
        """As the interface shows it."""
        now, terms = self._clock(), self.terms
        lane, standings, events = self.of_brand(brand_id)
        locked = [one.until for one in standings if one.at(now) == "locked" and one.until is not None]
        shown = {
            "window_days": terms.window / timedelta(days=1),
            "lockout_days": terms.lockout / timedelta(days=1),
            "minimum": terms.minimum,
            "upheld": terms.upheld,
            "countered": terms.countered,
        }
        return {
            "lane": lane,
            "until": stamp(max(locked)) if locked else None,
            "reasons": [one.as_json(now) for one in standings],
            "events": [one.as_json() for one in events],
            "terms": shown,
        }

    def moved(self, connection: sa.Connection, case: Moved, entry: Move) -> None:
        """A case moved: what it says of the brand's claim is counted, with the move."""
        if is_claim(entry):
            claims.make(connection, case.brand_id, case.kind, case.id, entry.at)
        decided = outcome_of(case, entry, self.terms)
        if decided is None:
            return
        known = claims.decide(connection, case.id, decided.outcome, decided.counts_from, countered=decided.countered)
        if known:
            self.review(connection, case.brand_id, entry.at)

    def claim(self, connection: sa.Connection, brand_id: str, reason: str, case_id: str, at: datetime) -> None:
        """The brand stands behind a case with a notice; what becomes of the case decides."""
        claims.make(connection, brand_id, reason, case_id, at)

    def notice_decided(
        self, connection: sa.Connection, brand_id: str, notice_id: str, *, founded: bool, at: datetime
    ) -> None:
        """A notice of the brand was decided at the desk, without a case."""
        claims.make(connection, brand_id, NOTICE, notice_id, at)
        claims.decide(connection, notice_id, "upheld" if founded else "rejected", at, countered=False)
        self.review(connection, brand_id, at)

    def review(self, connection: sa.Connection, brand_id: str, now: datetime) -> None:
        """Work out the brand's lanes at `now`, and note what changed."""
        records.lock(connection, brand_id)
        counted = claims.count(connection, brand_id, now, self.terms.window)
        known = {one.reason: one for one in records.of_brand(connection, brand_id)}
        for reason in sorted({*counted, *known}):
            figures = counted.get(reason, Figures())
            self._review(connection, brand_id, known.get(reason) or _new(reason, now), figures, now)
        self._weigh_unfounded(connection, brand_id, now)

    def tick(self, now: datetime | None = None, *, limit: int = 200) -> int:
        """Work out anew what time has changed; how many brands were looked at."""
        now = now or self._clock()
        with self._database.read() as connection:
            due = records.due(connection, now, limit)
        for brand_id in due:
            with self._database.write() as connection:
                self.review(connection, brand_id, now)
        return len(due)

    def _review(
        self, connection: sa.Connection, brand_id: str, before: Standing, figures: Figures, now: datetime
    ) -> None:
        lane, event = next_lane(before.at(now), figures, self.terms)
        if event is None and before.lane == "locked" and lane == "standard":
            event = "unlocked"
        until = before.until if lane == "locked" else None
        if event == "lost":
            until = now + self.terms.lockout
        since = before.since if event is None else now
        records.write(connection, brand_id, Standing(before.reason, lane, since, until, figures), now)
        if event is not None:
            self._note(connection, StandingEvent(brand_id, before.reason, event, now, until, figures.as_json()))

    def _weigh_unfounded(self, connection: sa.Connection, brand_id: str, now: datetime) -> None:
        """Warn a brand whose claims are often unfounded, then suspend it; each once for what it did since."""
        since = max(now - self.terms.window, records.last(connection, brand_id, "suspended") or now - self.terms.window)
        rejected, decided = claims.unfounded(connection, brand_id, since, now)
        if not decided or rejected / decided < self.terms.unfounded_share:
            return
        warned = (records.last(connection, brand_id, "warned") or since) > since
        figures = {"unfounded": rejected, "decided": decided}
        if rejected >= self.terms.suspend_at and warned and _suspend(connection, brand_id):
            self._note(connection, StandingEvent(brand_id, "", "suspended", now, None, figures))
        elif rejected >= self.terms.warn_at and not warned:
            self._note(connection, StandingEvent(brand_id, "", "warned", now, None, figures))

    def _note(self, connection: sa.Connection, event: StandingEvent) -> None:
        records.note(connection, event)
        level = logging.WARNING if event.event in ("lost", "warned", "suspended") else logging.INFO
        _LOG.log(level, "standing of a brand: %s", event.event, extra={"brand": event.brand_id, **event.figures})


def next_lane(lane: Lane, figures: Figures, terms: Terms) -> tuple[Lane, Event | None]:
    """The lane that follows from `lane` with these figures, and what to call the change.

    Bad shares lose the lane; too few claims only let it lapse, without a lock-out.
    """
    if lane == "locked":
        return "locked", None
    enough = figures.decided >= terms.minimum
    if lane == "fast" and not figures.holds(terms):
        return "locked", "lost"
    if lane == "fast" and not enough:
        return "standard", "lapsed"
    if lane == "standard" and enough and figures.holds(terms):
        return "fast", "earned"
    return lane, None


def _new(reason: str, now: datetime) -> Standing:
    return Standing(reason, "standard", now, None, Figures())


def _is_verified(connection: sa.Connection, brand_id: str) -> bool:
    return connection.scalar(sa.select(BRANDS.c.status).where(BRANDS.c.id == brand_id)) == "verified"


def _suspend(connection: sa.Connection, brand_id: str) -> bool:
    held = sa.and_(BRANDS.c.id == brand_id, BRANDS.c.status == "verified")
    suspended = connection.execute(sa.update(BRANDS).where(held).values(status="suspended")).rowcount > 0
    if suspended:
        changes.touch(connection)
    return suspended
