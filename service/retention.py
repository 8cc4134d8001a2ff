"""How long things are kept, and the sweep that forgets them.

Of a clean listing hash and vectors stay `clean_days`, a flagged one stays with its pictures for `flagged_days`, each
since it was last judged, and never less than `flagged_days` after its last case came to rest. Cases go after their
listings. The runtime calls `purge` from time to time; an erasure on request goes through `Listings.delete` and needs no
sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.references import REFERENCES
from service.authorised.tables import NEGATIVES
from service.cases import Cases
from service.cases.keeping import needed_listing
from service.cases.tables import CASE_PICTURES
from service.listings import Listings
from service.listings.tables import LISTING_IMAGES, LISTINGS
from service.proofs.tables import PROOFS
from service.rights.tables import RIGHTS
from service.settings import Settings

_AT_ONCE = 200


def pictures_in_use(database: Database) -> Callable[[Collection[str]], frozenset[str]]:
    """A function that tells which SHA-256 some reference, listing, right, negative, proof or case names."""

    def in_use(sha256s: Collection[str]) -> frozenset[str]:
        of_references = sa.select(REFERENCES.c.sha256).where(REFERENCES.c.sha256.in_(sha256s))
        of_listings = sa.select(LISTING_IMAGES.c.sha256).where(LISTING_IMAGES.c.sha256.in_(sha256s))
        of_rights = sa.select(RIGHTS.c.document_sha256).where(RIGHTS.c.document_sha256.in_(sha256s))
        of_proofs = [
            sa.select(column).where(column.in_(sha256s)) for column in (PROOFS.c.stored_sha256, PROOFS.c.preview_sha256)
        ]
        of_negatives = sa.select(NEGATIVES.c.sha256).where(NEGATIVES.c.sha256.in_(sha256s))
        of_cases = sa.select(CASE_PICTURES.c.sha256).where(CASE_PICTURES.c.sha256.in_(sha256s))
        with database.read() as connection:
            kept = of_listings.where(LISTING_IMAGES.c.kept)
            named = of_references.union(kept, of_rights, of_negatives, of_cases, *of_proofs)
            return frozenset(connection.scalars(named))

    return in_use


class Retention:
    """Forgets listings and cases whose time is over."""

    def __init__(self, settings: Settings, database: Database, listings: Listings, cases: Cases) -> None:
        self._settings, self._database, self._listings, self._cases = settings, database, listings, cases

    def purge(self, now: datetime | None = None) -> int:
        """Erase whatever's time is over at `now`; how many listings went. Small transactions, resumable."""
        now = now or utc_now()
        clean_before = now - timedelta(days=self._settings.clean_days)
        flagged_before = now - timedelta(days=self._settings.flagged_days)
        gone = 0
        while due := self._expired(clean_before, flagged_before):
            for marketplace, listing_id, judged_at in due:
                with contextlib.suppress(NotFound):  # erased or judged again meanwhile
                    self._listings.delete(marketplace, listing_id, judged_at=judged_at)
                    gone += 1
        while any(forgotten := self._cases.forget(flagged_before, limit=_AT_ONCE)):
            self._listings.release(forgotten[1])
        return gone

    def _expired(self, clean_before: datetime, flagged_before: datetime) -> Sequence[tuple[str, str, datetime]]:
        """Some listings `(marketplace, listing_id, judged_at)` whose time is over."""
        clean = sa.and_(LISTINGS.c.decision == "clear", LISTINGS.c.judged_at < clean_before)
        over = sa.or_(clean, LISTINGS.c.judged_at < flagged_before)
        query = sa.select(LISTINGS.c.marketplace, LISTINGS.c.listing_id, LISTINGS.c.judged_at)
        query = query.where(over, ~needed_listing(flagged_before)).order_by(LISTINGS.c.pk).limit(_AT_ONCE)
        with self._database.read() as connection:
            return [(row.marketplace, row.listing_id, row.judged_at) for row in connection.execute(query)]
