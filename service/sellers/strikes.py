"""Strikes: given when a case takes a listing down, taken back when it frees it, and the restrictions that follow.

Place in the flow: a watcher of cases, in the transaction of each move. Restrictions get harsher only with a strike and
milder with time or when one is taken back; each that begins is stated to `on_restricted` in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import sqlalchemy as sa

from indexes.database import Database, utc_now
from service.cases.states import FREED
from service.cases.values import Case, Entry
from service.sellers import records
from service.sellers.points import Level, StrikeTerms, is_above
from service.sellers.values import Ending, Restriction, Seller, Strike

OnRestricted: TypeAlias = Callable[[sa.Connection, Seller, Restriction], None]
"""Told of a restriction that begins."""
REASONS: Final[dict[Level, str]] = {
    "warning": "A listing of this seller was taken down for infringing a right.",
    "restriction": "Listings of this seller were taken down repeatedly for infringing rights.",
    "closure": "Listings of this seller keep being taken down for infringing rights.",
    "ban": "Listings of this seller were taken down for infringing rights more often than any account may bear.",
}
_AT_ONCE: Final = 200


def _ignore(*_: object) -> None:
    pass


class Strikes:
    """The strikes of every seller."""

    def __init__(
        self, database: Database, *, on_restricted: OnRestricted = _ignore, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database, self._on_restricted, self._clock = database, on_restricted, clock

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """A case moved: a strike is given or taken back with the move, once for each case."""
        if case.seller_id is None or entry.source == entry.target:
            return
        if entry.target == "taken_down":
            seller = records.hold(connection, case.marketplace, case.seller_id, entry.at)
            weight = records.terms(connection, case.marketplace).weight(case.kind)
            if weight and records.strike(connection, seller.pk, case.id, kind=case.kind, points=weight, at=entry.at):
                self.follow(connection, seller, entry.at, struck=True)
        elif entry.target in FREED:
            seller = records.hold(connection, case.marketplace, case.seller_id, entry.at)
            if records.take_back(connection, case.id, entry.target, entry.at):
                self.follow(connection, seller, entry.at, because="taken_back")

    def follow(
        self,
        connection: sa.Connection,
        seller: Seller,
        now: datetime,
        *,
        struck: bool = False,
        because: Ending = "faded",
    ) -> None:
        """Let the restrictions of a seller who is held follow its points; harsher only when it was just struck."""
        terms = records.terms(connection, seller.marketplace)
        in_force = [one for one in records.restrictions(connection, seller.pk) if one.ended_at is None]
        for one in in_force:
            if one.until is not None and one.until <= now:
                records.end(connection, one, "expired", now)
        current = next((one for one in in_force if not one.by_hand), None)
        standing = [one for one in records.strikes(connection, seller.pk) if one.taken_back_at is None]
        points = terms.total(standing, now)
        level = due_level(terms, standing, points, current.level if current else None, struck=struck)
        if level == (current.level if current else None):
            return
        if current is not None:
            harsher = level is not None and is_above(level, current.level)
            records.end(connection, current, "raised" if harsher else because, now)
        if level is not None:
            self.begin(connection, seller, level, points=points, reason=REASONS[level], now=now)

    def begin(
        self,
        connection: sa.Connection,
        seller: Seller,
        level: Level,
        *,
        points: float,
        reason: str,
        now: datetime,
        by_hand: bool = False,
        until: datetime | None = None,
    ) -> Restriction:
        """Restrict a seller who is held, and state it."""
        made = records.restrict(
            connection, seller.pk, level, points=points, reason=reason, at=now, by_hand=by_hand, until=until
        )
        self._on_restricted(connection, seller, made)
        return made

    def tick(self, now: datetime | None = None) -> int:
        """Let restrictions end that time has ended; how many sellers were looked at."""
        now, after, looked = now or self._clock(), 0, 0
        while True:
            with self._database.read() as connection:
                due = records.in_force(connection, after, _AT_ONCE)
            for seller in due:
                with self._database.write() as connection:
                    records.lock(connection, seller)
                    self.follow(connection, seller, now)
            looked += len(due)
            if len(due) < _AT_ONCE:
                return looked
            after = due[-1].pk


def due_level(
    terms: StrikeTerms, standing: Sequence[Strike], points: float, current: Level | None, *, struck: bool
) -> Level | None:
    """The level a seller should be at, who is at `current` and has these strikes.

    Without a new strike it only gets milder, and nobody is warned because an older restriction faded.
    """
    level = terms.level(points)
    if current == "ban" and sum(strike.points for strike in standing) >= terms.ban:
        return "ban"
    if level is None or level == current or (struck and is_above(level, current)):
        return level
    if is_above(level, current):
        return current
    return None if level == "warning" else level
