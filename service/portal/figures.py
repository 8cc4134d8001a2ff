"""A brand's figures: what was found for it, what became of its cases, and how long that took.

Place in the flow: the portal's first page asks. Reads the tables of listings and cases; two grouped queries and one
bounded list, however many cases there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

import sqlalchemy as sa

from indexes.database import Database, utc_now
from service.cases.tables import CASE_ENTRIES, CASES
from service.listings.tables import LISTING_MATCHES, LISTINGS

WINDOW: Final = timedelta(days=90)
_TIMED: Final = 2000
_MOVING: Final = ("open", "in_review", "held", "counter_noticed")
_UPHELD: Final = ("taken_down", "upheld")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last ninety days, but for `waiting`, which is now. `hours_to_removal` is a median; None without one."""

    matches: int
    listings: int
    sellers: int
    waiting: int
    removed: int
    reinstated: int
    dismissed: int
    hours_to_removal: float | None


def figures_of(database: Database, brand_id: str, *, clock: Callable[[], datetime] = utc_now) -> Figures:
    """The figures of a brand."""
    since = clock() - WINDOW
    with database.read() as connection:
        matches, listings, sellers = connection.execute(_found(brand_id, since)).one()
        states = {row.state: int(row.number) for row in connection.execute(_states(brand_id, since))}
        moving = sa.and_(CASES.c.brand_id == brand_id, CASES.c.state.in_(_MOVING))
        waiting = connection.scalar(sa.select(sa.func.count()).select_from(CASES).where(moving)) or 0
        hours = [
            (row.at - row.opened_at) / timedelta(hours=1) for row in connection.execute(_removals(brand_id, since))
        ]
    return Figures(
        matches=matches,
        listings=listings,
        sellers=sellers,
        waiting=waiting,
        removed=sum(states.get(state, 0) for state in _UPHELD),
        reinstated=states.get("reinstated", 0),
        dismissed=states.get("dismissed", 0),
        hours_to_removal=median(hours) if hours else None,
    )


def _found(brand_id: str, since: datetime) -> sa.Select[int, int, int]:
    distinct = sa.func.count(LISTINGS.c.pk.distinct()), sa.func.count(LISTINGS.c.seller_id.distinct())
    query = sa.select(sa.func.count(), *distinct).select_from(LISTING_MATCHES)
    query = query.join(LISTINGS, LISTINGS.c.pk == LISTING_MATCHES.c.listing_pk)
    return query.where(LISTING_MATCHES.c.brand_id == brand_id, LISTINGS.c.judged_at >= since)


def _states(brand_id: str, since: datetime) -> sa.Select[Any]:
    query = sa.select(CASES.c.state, sa.func.count().label("number"))
    return query.where(CASES.c.brand_id == brand_id, CASES.c.opened_at >= since).group_by(CASES.c.state)


def _removals(brand_id: str, since: datetime) -> sa.Select[Any]:
    query = sa.select(CASES.c.opened_at, CASE_ENTRIES.c.at).join(CASE_ENTRIES, CASE_ENTRIES.c.case_pk == CASES.c.pk)
    query = query.where(CASES.c.brand_id == brand_id, CASE_ENTRIES.c.target == "taken_down")
    moved = sa.or_(CASE_ENTRIES.c.source.is_(None), CASE_ENTRIES.c.source != "taken_down")
    return query.where(moved, CASE_ENTRIES.c.at >= since).order_by(CASE_ENTRIES.c.at.desc()).limit(_TIMED)
