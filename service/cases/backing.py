"""Which cases a right of their brand stands behind, wherever the listing is offered.

Place in the flow: asked where a brand wants to confirm a match, as policies ask before they hold a listing. A brand's
own word takes a listing down no further than its rights reach; a reviewer decides for reasons of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa

from indexes.database import utc_now
from service.cases import evidence
from service.cases.values import Case
from service.marketplaces import MARKETPLACES
from service.rights import Rights, cover

Backed: TypeAlias = Callable[[sa.Connection, Sequence[Case]], frozenset[int]]
"""Of some cases those that a right stands behind, by primary key."""


def all_backed(_connection: sa.Connection, cases: Sequence[Case]) -> frozenset[int]:
    """What is answered where nobody keeps rights."""
    return frozenset(case.pk for case in cases)


class Backing:
    """Looks up the rights of brands and where listings are offered, in the caller's transaction."""

    def __init__(self, rights: Rights, clock: Callable[[], datetime] = utc_now) -> None:
        self._rights, self._clock = rights, clock

    def backed(self, connection: sa.Connection, cases: Sequence[Case]) -> frozenset[int]:
        """Those of `cases` whose brand has the right that the kind needs, in force in every territory."""
        if not cases:
            return frozenset()
        now = self._clock()
        rights = self._rights.of_brands(connection, {case.brand_id for case in cases})
        places = _territories(connection, cases)
        return frozenset(case.pk for case in cases if cover(rights[case.brand_id], case.kind, places[case.pk], now))


def _territories(connection: sa.Connection, cases: Sequence[Case]) -> dict[int, tuple[str, ...]]:
    """Where each listing is offered: what it says itself, else where its marketplace sells."""
    slugs = {case.marketplace for case in cases}
    query = sa.select(MARKETPLACES.c.slug, MARKETPLACES.c.territories).where(MARKETPLACES.c.slug.in_(slugs))
    sold = {row.slug: tuple(row.territories) for row in connection.execute(query)}
    listed = {pk: tuple(found["listing"]["territories"]) for pk, found in evidence.read(connection, cases).items()}
    return {case.pk: listed.get(case.pk) or sold.get(case.marketplace, ()) for case in cases}
