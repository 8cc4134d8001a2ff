"""How long cases and what they need are kept: pictures while anything can still happen, and a while after.

A case is at rest where no clock runs and nobody has to do anything: ended, or taken down without an answer. Its
pictures go when it has been at rest for long enough, the case itself with them once its listing is gone: as long as the
listing is there, the case remembers that it was decided. Place in the flow: behind `service.retention` and
`service.erasure`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from service.cases.states import ENDED, FREED, State
from service.cases.tables import CASE_PICTURES, CASES
from service.listings.tables import LISTINGS

AT_REST: Final[frozenset[State]] = ENDED | {"taken_down"}
_NOTHING_LEFT: Final = sa.or_(CASES.c.state.in_(FREED), sa.and_(CASES.c.state == "upheld", CASES.c.appealed))
"""Not even an objection or an appeal can follow."""
_OF_LISTING: Final = sa.and_(CASES.c.marketplace == LISTINGS.c.marketplace, CASES.c.listing_id == LISTINGS.c.listing_id)


def needed_listing(before: datetime) -> sa.ColumnElement[bool]:
    """Of a row of `listings`: a case needs it that is not at rest, or was not yet at `before`."""
    needs = sa.or_(CASES.c.state.not_in(AT_REST), CASES.c.moved_at >= before)
    return sa.exists().where(_OF_LISTING, needs)


def drop_pictures(connection: sa.Connection, before: datetime, limit: int) -> frozenset[str]:
    """Let go of the pictures of at most `limit` cases that have been at rest since `before`; which they were."""
    keeps = sa.exists().where(CASE_PICTURES.c.case_pk == CASES.c.pk)
    return _release(connection, sa.select(CASES.c.pk).where(_at_rest_since(before), keeps).limit(limit))


def drop_cases(connection: sa.Connection, before: datetime, limit: int) -> int:
    """Erase at most `limit` cases that have been at rest since `before` and whose listing is gone; how many went."""
    gone = sa.select(CASES.c.pk).where(_at_rest_since(before), ~sa.exists().where(_OF_LISTING)).limit(limit)
    return connection.execute(sa.delete(CASES).where(CASES.c.pk.in_(connection.scalars(gone).all()))).rowcount


def release_listing(connection: sa.Connection, marketplace: str, listing_id: str) -> frozenset[str]:
    """A listing is erased: the pictures of its cases that nothing can happen to any more."""
    named = sa.and_(CASES.c.marketplace == marketplace, CASES.c.listing_id == listing_id, _NOTHING_LEFT)
    return _release(connection, sa.select(CASES.c.pk).where(named))


def pictures_of_brand(connection: sa.Connection, brand_id: str) -> frozenset[str]:
    """Every picture that a case of the brand keeps."""
    kept = sa.select(CASE_PICTURES.c.sha256).join(CASES, CASES.c.pk == CASE_PICTURES.c.case_pk)
    return frozenset(connection.scalars(kept.where(CASES.c.brand_id == brand_id)))


def _at_rest_since(before: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(CASES.c.state.in_(AT_REST), CASES.c.moved_at < before)


def _release(connection: sa.Connection, cases: sa.Select[tuple[int]]) -> frozenset[str]:
    """Let go of all pictures of some cases, by primary key; which they were."""
    of_cases = CASE_PICTURES.c.case_pk.in_(connection.scalars(cases).all())
    pictures = frozenset(connection.scalars(sa.select(CASE_PICTURES.c.sha256).where(of_cases)))
    connection.execute(sa.delete(CASE_PICTURES).where(of_cases))
    return pictures
