"""How long things are kept, and the sweep that forgets them.

Of a clean listing hash and vectors stay `clean_days`, a flagged one stays with its pictures for `flagged_days`, each
since it was last judged. The runtime calls `purge` from time to time; an erasure on request goes through
`Listings.delete` and needs no sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.references import REFERENCES
from service.authorised.tables import NEGATIVES
from service.listings import Listings
from service.listings.store import ListingStore
from service.listings.tables import LISTING_IMAGES
from service.proofs.tables import PROOFS
from service.rights.tables import RIGHTS
from service.settings import Settings

_AT_ONCE = 200


def pictures_in_use(database: Database) -> Callable[[Collection[str]], frozenset[str]]:
    """A function that tells which SHA-256 some reference, kept listing picture, right, negative or proof names."""

    def in_use(sha256s: Collection[str]) -> frozenset[str]:
        of_references = sa.select(REFERENCES.c.sha256).where(REFERENCES.c.sha256.in_(sha256s))
        of_listings = sa.select(LISTING_IMAGES.c.sha256).where(LISTING_IMAGES.c.sha256.in_(sha256s))
        of_rights = sa.select(RIGHTS.c.document_sha256).where(RIGHTS.c.document_sha256.in_(sha256s))
        of_proofs = [
            sa.select(column).where(column.in_(sha256s)) for column in (PROOFS.c.stored_sha256, PROOFS.c.preview_sha256)
        ]
        of_negatives = sa.select(NEGATIVES.c.sha256).where(NEGATIVES.c.sha256.in_(sha256s))
        with database.read() as connection:
            named = of_references.union(of_listings.where(LISTING_IMAGES.c.kept), of_rights, of_negatives, *of_proofs)
            return frozenset(connection.scalars(named))

    return in_use


class Retention:
    """Forgets listings whose time is over."""

    def __init__(self, settings: Settings, store: ListingStore, listings: Listings) -> None:
        self._settings, self._store, self._listings = settings, store, listings

    def purge(self, now: datetime | None = None) -> int:
        """Erase every listing whose time is over at `now`; returns how many went. Small transactions, resumable."""
        now = now or utc_now()
        clean_before = now - timedelta(days=self._settings.clean_days)
        flagged_before = now - timedelta(days=self._settings.flagged_days)
        gone = 0
        while due := self._store.expired(clean_before=clean_before, flagged_before=flagged_before, limit=_AT_ONCE):
            for marketplace, listing_id, judged_at in due:
                with contextlib.suppress(NotFound):  # erased or judged again meanwhile
                    self._listings.delete(marketplace, listing_id, judged_at=judged_at)
                    gone += 1
        return gone
