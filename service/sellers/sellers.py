"""Sellers: the way in for people. What a seller is at, and what a reviewer or an operator does about it.

Place in the flow: the interface and the pages call it. Every deed is one transaction that holds the seller and leaves
an action with who and why; a restriction that begins is stated like one that followed from points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from service.cases.values import Acting
from service.errors import Invalid, StateConflict
from service.listings.tables import LISTINGS
from service.sellers import records, similar
from service.sellers.points import LEVELS, Level
from service.sellers.strikes import Strikes
from service.sellers.values import Action, Restriction, Seller, Strike
from service.stamps import stamp

ActionWord: TypeAlias = Literal["restrict", "lift", "forgive", "appeal", "appeal_upheld", "appeal_rejected"]
ACTION_WORDS: tuple[ActionWord, ...] = get_args(ActionWord)


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody does about a seller, and what it needs: a level, an end, a restriction or a strike."""

    action: ActionWord
    reason: str
    level: Level | None = None
    until: datetime | None = None
    strike_id: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A seller as a person looks at it."""

    seller: Seller
    points: float
    level: Level | None
    strikes: Sequence[tuple[Strike, float]]
    """Each with what it weighs now."""
    restrictions: Sequence[Restriction]
    actions: Sequence[Action]
    similar: Sequence[similar.Similar]

    def as_json(self, statements: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """As the interface shows it, each restriction with its statement."""
        return {
            "marketplace": self.seller.marketplace,
            "seller_id": self.seller.seller_id,
            "points": round(self.points, 4),
            "level": self.level,
            "strikes": [strike.as_json(left) for strike, left in self.strikes],
            "restrictions": [one.as_json() | {"statement": statements.get(one.id)} for one in self.restrictions],
            "actions": [one.as_json() for one in self.actions],
            "similar": [one.as_json() for one in self.similar],
        }


class Sellers:
    """What is known of sellers. `cap` is how many share a picture before it is stock."""

    def __init__(
        self, database: Database, strikes: Strikes, *, cap: int, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database, self._strikes, self._cap, self._clock = database, strikes, cap, clock

    def view(self, marketplace: str, seller_id: str, *, everywhere: bool) -> View:
        """The seller; `NotFound` when nothing of it was ever seen. `everywhere` shows other marketplaces' too."""
        with self._database.read() as connection:
            return self._view(connection, marketplace, seller_id, everywhere=everywhere)

    def act(self, marketplace: str, seller_id: str, acting: Acting, deed: Deed, *, everywhere: bool) -> View:
        """Do it; the seller as it is then. `NotFound`, `StateConflict`, or `Invalid` for what is missing."""
        now = self._clock()
        with self._database.write() as connection:
            if records.find(connection, marketplace, seller_id) is None:
                _check_seen(connection, marketplace, seller_id)
            seller = records.hold(connection, marketplace, seller_id, now)
            details = self._do(connection, seller, acting, deed, now)
            records.note(connection, seller, acting, deed.action, reason=deed.reason, details=details, at=now)
            return self._view(connection, marketplace, seller_id, everywhere=everywhere)

    def _view(self, connection: sa.Connection, marketplace: str, seller_id: str, *, everywhere: bool) -> View:
        now, terms = self._clock(), records.terms(connection, marketplace)
        seller = records.find(connection, marketplace, seller_id)
        if seller is None:
            _check_seen(connection, marketplace, seller_id)
            return View(Seller(0, marketplace, seller_id), 0.0, None, (), (), (), ())
        strikes = records.strikes(connection, seller.pk)
        weighed = [(one, 0.0 if one.taken_back_at else terms.left(one, now)) for one in strikes]
        restrictions = records.restrictions(connection, seller.pk)
        return View(
            seller,
            sum(left for _, left in weighed),
            harshest(one for one in restrictions if one.holds(now)),
            weighed,
            restrictions,
            records.actions(connection, seller.pk),
            similar.cluster(connection, seller, cap=self._cap, everywhere=everywhere),
        )

    def _do(
        self, connection: sa.Connection, seller: Seller, acting: Acting, deed: Deed, now: datetime
    ) -> dict[str, Any]:
        match deed.action:
            case "restrict":
                return self._restrict(connection, seller, deed, now)
            case "forgive":
                return self._forgive(connection, seller, deed, now)
        in_force = [one for one in records.restrictions(connection, seller.pk) if one.ended_at is None]
        if not in_force:
            raise StateConflict(f"No restriction is in force; there is nothing to {deed.action.replace('_', ' ')}.")
        ids = [one.id for one in in_force]
        if deed.action == "appeal":
            records.mark_appealed(connection, in_force, now)
        elif deed.action == "lift":
            for one in in_force:
                records.end(connection, one, "lifted", now)
        else:
            self._decide(connection, seller, acting, deed, in_force=in_force, now=now)
        return {"restrictions": ids}

    def _restrict(self, connection: sa.Connection, seller: Seller, deed: Deed, now: datetime) -> dict[str, Any]:
        if deed.level is None:
            raise _missing("level", "Name the level.")
        if deed.until is not None and deed.until <= now:
            raise _missing("until", "The end has to lie in the future.")
        for one in records.restrictions(connection, seller.pk):
            if one.ended_at is None and one.by_hand:
                records.end(connection, one, "replaced", now)
        terms = records.terms(connection, seller.marketplace)
        standing = [one for one in records.strikes(connection, seller.pk) if one.taken_back_at is None]
        made = self._strikes.begin(
            connection,
            seller,
            deed.level,
            points=terms.total(standing, now),
            reason=deed.reason,
            now=now,
            by_hand=True,
            until=deed.until,
        )
        return {"restriction": made.id, "level": made.level, "until": stamp(deed.until) if deed.until else None}

    def _forgive(self, connection: sa.Connection, seller: Seller, deed: Deed, now: datetime) -> dict[str, Any]:
        if deed.strike_id is None:
            raise _missing("strike_id", "Name the strike.")
        strike = next((one for one in records.strikes(connection, seller.pk) if one.id == deed.strike_id), None)
        if strike is None:
            raise NotFound("The seller has no such strike.")
        if not records.take_back(connection, strike.case_id, "forgiven", now):
            raise StateConflict("This strike was taken back already.")
        self._strikes.follow(connection, seller, now, because="taken_back")
        return {"strike": strike.id}

    def _decide(
        self,
        connection: sa.Connection,
        seller: Seller,
        acting: Acting,
        deed: Deed,
        *,
        in_force: Sequence[Restriction],
        now: datetime,
    ) -> None:
        """Decide an appeal: upheld ends what is in force and takes back what it stood on."""
        if all(one.appealed_at is None for one in in_force):
            raise StateConflict("Nobody appealed; record the seller's appeal first.")
        last = records.actions(connection, seller.pk, action="restrict", limit=1)
        if (
            acting.role == "reviewer"
            and any(one.by_hand for one in in_force)
            and last
            and last[0].actor_id == acting.id
        ):
            raise StateConflict("You imposed this restriction; another reviewer has to decide the appeal.")
        if deed.action == "appeal_rejected":
            return
        for strike in records.strikes(connection, seller.pk):
            records.take_back(connection, strike.case_id, "appeal_upheld", now)
        for one in in_force:
            records.end(connection, one, "appeal_upheld", now)


def harshest(restrictions: Any) -> Level | None:
    """The harshest level among `restrictions`."""
    levels = {one.level for one in restrictions}
    return next((level for level in reversed(LEVELS) if level in levels), None)


def _check_seen(connection: sa.Connection, marketplace: str, seller_id: str) -> None:
    named = sa.and_(LISTINGS.c.marketplace == marketplace, LISTINGS.c.seller_id == seller_id)
    if connection.scalar(sa.select(LISTINGS.c.pk).where(named).limit(1)) is None:
        raise NotFound("There is no such seller.")


def _missing(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[{"loc": ["body", name], "msg": message}])
