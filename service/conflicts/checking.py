"""Compares new references with what was there before them, and holds those that somebody else had first.

Place in the flow: upkeep calls `check` about once a second in every process. A reference is searchable when its upload
is acknowledged; what is found against it holds it within seconds. Nothing is undone here: an operator releases or
rejects. Each reference is claimed in SQL first, so that several processes share the work, and what a process left
when it died is taken up again after a while.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from indexes.brands import Brands
from indexes.catalog import Catalog, Reference
from indexes.changes import Changes
from indexes.database import Database
from indexes.errors import BlobMissing, NotFound
from service.authorised import Authorised
from service.conflicts.listed import Listed, ListedPictures
from service.conflicts.peers import Peers
from service.conflicts.records import Conflicts
from service.conflicts.values import Agreement, Finding
from service.enrolment import TWIN
from service.likeness import Comparison
from service.spaces import Spaces
from service.spaces.loading import LoadedSpace
from vision.embedding import Vectors
from vision.errors import ImageError

AT_ONCE: Final = 64
_SWEEP_SECONDS: Final = 600.0
_LOG = logging.getLogger("brandwarden.conflicts")


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """How long before a reference of a verified brand a listing's picture must have been seen, and how many are read.

    For a brand that is not verified any listing before it counts.
    """

    days: float
    pictures: int


class Checking:
    """Finds conflicts. `check` is called from one thread at a time."""

    def __init__(  # noqa: PLR0917 - the parts of a check, named where it is made
        self,
        database: Database,
        spaces: Spaces,
        catalog: Catalog,
        brands: Brands,
        authorised: Authorised,
        conflicts: Conflicts,
        peers: Peers,
        listed: ListedPictures,
        comparison: Comparison,
        bounds: Bounds,
    ) -> None:
        self._database, self._spaces, self._catalog, self._brands = database, spaces, catalog, brands
        self._authorised, self._conflicts, self._bounds = authorised, conflicts, bounds
        self._peers, self._listed, self._comparison = peers, listed, comparison
        self._changes = Changes(database)
        self._generation: int | None = None
        self._pending: dict[int, None] = {}
        self._swept = 0.0

    def check(self) -> int:
        """Compare a few references that were not compared yet; returns how many. A short query when there are none."""
        self._follow()
        batch = list(self._pending)[:AT_ONCE]
        if not batch:
            return 0
        space = self._spaces.active
        space.gallery.catch_up()
        claimed = self._conflicts.claim(batch)
        vectors = {
            pk: found
            for kind in ("photo", "logo")
            for pk, found in space.gallery.vectors_of(kind, [one.pk for one in claimed if one.kind == kind]).items()
        }
        ready = [reference for reference in claimed if reference.pk in vectors]
        self._check(space, ready, vectors)
        for pk in batch:
            self._pending.pop(pk, None)
        return len(ready)

    def _follow(self) -> None:
        """Learn which references changed; now and then look at all of them."""
        changed = None if self._generation is None else self._changes.since(self._generation)
        if changed is None or time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept, self._generation = time.monotonic(), self._changes.generation()
            self._pending.update(dict.fromkeys(self._conflicts.unchecked()))
            return
        self._generation, entries = changed
        self._pending.update(dict.fromkeys(entry.reference_pk for entry in entries if entry.reference_pk is not None))

    def _check(self, space: LoadedSpace, references: Sequence[Reference], vectors: dict[int, Vectors]) -> None:
        prior = self._prior(space, [one for one in references if one.kind == "photo"], vectors)
        for reference in references:
            try:
                findings = self._peers.find(space, reference)
                findings += self._of_listings(reference, prior.get(reference.pk, ()), vectors[reference.pk][0])
            except (BlobMissing, ImageError) as error:
                _LOG.warning("reference %s cannot be compared: %s", reference.id, error)
                findings = []
            for finding in findings:
                self._hold(finding)
        if references:
            self._conflicts.done(references)

    def _hold(self, finding: Finding) -> None:
        if not self._conflicts.record(finding):
            return
        try:
            self._catalog.update(finding.reference.id, status="quarantined")
        except NotFound:
            return  # erased meanwhile
        self._spaces.catch_up()
        _LOG.info("reference %s is held: somebody had its picture first", finding.reference.id)

    def _prior(
        self, space: LoadedSpace, photos: Sequence[Reference], vectors: dict[int, Vectors]
    ) -> dict[int, Sequence[Listed]]:
        """Listing pictures that may have been there before each of `photos`."""
        if not photos or not self._bounds.pictures:
            return {}
        brands = self._brands.by_pks(frozenset(one.brand_pk for one in photos))
        ages = {pk: self._bounds.days if brand.status == "verified" else 0.0 for pk, brand in brands.items()}
        asked = [
            (one, vectors[one.pk][0], one.created_at - timedelta(days=ages[one.brand_pk]))
            for one in photos
            if one.brand_pk in ages
        ]
        floor = max(self._comparison.floor(), 0.0)
        return dict(self._listed.like(asked, space.id, floor=floor, certain=TWIN, most=self._bounds.pictures))

    def _of_listings(self, reference: Reference, hits: Sequence[Listed], vector: Vectors) -> list[Finding]:
        """The oldest listing that showed the picture and is not the brand's own."""
        if not hits:
            return []
        with self._database.read() as connection:
            allowed = self._authorised.of_brand(connection, reference.brand_id)
        anywhere = [dataclasses.replace(one, territories=()) for one in allowed]
        for hit in hits:
            moments = (hit.seen_at, reference.created_at)
            if any(one.permits(hit.facts, moment) for one in anywhere for moment in moments):
                continue
            if (agreed := self._agrees(reference, hit, vector)) is not None:
                how, confidence = agreed
                place = (hit.facts.marketplace, hit.listing_id, hit.image_index)
                return [Finding(reference, "listing", how, confidence, hit.seen_at, None, None, *place)]
        return []

    def _agrees(self, reference: Reference, hit: Listed, vector: Vectors) -> tuple[Agreement, float] | None:
        if hit.sha256 == reference.sha256:
            return "bytes", 1.0
        if not hit.kept:
            return ("vectors", hit.similarity) if hit.similarity >= TWIN else None
        query = self._comparison.stored(reference.sha256)
        likeness = None if query is None else self._comparison.compare(query, vector, hit.sha256, hit.similarity)
        return ("pixels", likeness.confidence) if likeness is not None and likeness.same else None
