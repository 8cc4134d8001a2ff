"""Pictures of listings that were here before a reference: prior publication.

Place in the flow: `service.conflicts.checking` asks for a few new photo references at a time, because they are compared
with the vectors of all listing pictures that are old enough, in blocks. Of clean listings only vectors are kept: there
the same file, or a whole picture that can hardly be told apart, counts; where the picture is kept its pixels decide.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from indexes.catalog import Reference
from indexes.database import Database
from service.authorised import ListingFacts
from service.listings.tables import LISTING_IMAGES, LISTINGS
from vision.embedding import Vectors

BLOCK: Final = 2_000
MOST_HITS: Final = 20
"""Listing pictures that are looked at for one reference, the most similar of those found."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A picture of a listing that resembles a reference. `kept` tells whether it is in the store."""

    facts: ListingFacts
    listing_id: str
    image_index: int
    sha256: str
    kept: bool
    seen_at: datetime
    similarity: float


class ListedPictures:
    """Reads the vectors of listing pictures. `give_way` is called between blocks and may wait."""

    def __init__(self, database: Database, give_way: Callable[[], None] = lambda: None) -> None:
        self._database, self._give_way = database, give_way

    def like(
        self,
        references: Sequence[tuple[Reference, Vectors, datetime]],
        space: str,
        *,
        floor: float,
        certain: float,
        most: int,
    ) -> Mapping[int, Sequence[Listed]]:
        """By primary key of each reference the listing pictures seen before its moment that resemble it, oldest first.

        A picture that was kept resembles it from the similarity `floor`, one without pixels from `certain`. A
        reference comes with the vector `[d]` of its whole and that moment. The `most` newest pictures that are old
        enough for any of them are looked at.
        """
        found: dict[int, list[Listed]] = {reference.pk: [] for reference, _, _ in references}
        if not references:
            return found
        asked = np.ascontiguousarray(np.stack([vector for _, vector, _ in references]), np.float32)
        before = max(moment for _, _, moment in references)
        for rows, vectors in self._blocks(space, asked.shape[1], before, most):
            needed = np.where([row.kept for row in rows], floor, certain).astype(np.float32)
            for row, column in zip(*np.nonzero(vectors @ asked.T >= needed[:, None]), strict=True):
                reference, vector, moment = references[column]
                if rows[row].seen_at < moment:
                    similarity = float(vectors[row] @ vector)
                    found[reference.pk].append(_listed(rows[row], similarity))
            found = {pk: heapq.nlargest(MOST_HITS, hits, key=_similarity) for pk, hits in found.items()}
            self._give_way()
        return {pk: sorted(hits, key=lambda hit: hit.seen_at) for pk, hits in found.items()}

    def _blocks(self, space: str, dim: int, before: datetime, most: int) -> Iterator[tuple[Sequence[Any], Vectors]]:
        """Rows with the vector of each whole picture, the newest first."""
        after: int | None = None
        left = most
        while left > 0:
            query = _newest_first(space, dim, before).limit(min(BLOCK, left))
            if after is not None:
                query = query.where(LISTING_IMAGES.c.pk < after)
            with self._database.read() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            whole = [row for row in rows if len(row.vector) == 2 * dim]
            if whole:
                packed = np.frombuffer(b"".join(row.vector for row in whole), np.float16)
                yield whole, packed.astype(np.float32).reshape(-1, dim)
            after, left = rows[-1].pk, left - len(rows)


def _similarity(hit: Listed) -> float:
    return hit.similarity


def _newest_first(space: str, dim: int, before: datetime) -> sa.Select[Any]:
    seen_at = sa.func.coalesce(LISTING_IMAGES.c.first_seen_at, LISTINGS.c.judged_at, type_=LISTINGS.c.judged_at.type)
    whole = sa.func.substr(LISTING_IMAGES.c.photo_vectors, 1, 2 * dim, type_=sa.LargeBinary())
    of_image = (LISTING_IMAGES.c[name] for name in ("pk", "position", "sha256", "kept"))
    names = ("marketplace", "listing_id", "seller_id", "url", "gtin")
    query = sa.select(*of_image, *(LISTINGS.c[name] for name in names), seen_at.label("seen_at"), whole.label("vector"))
    query = query.select_from(LISTING_IMAGES.join(LISTINGS, LISTINGS.c.pk == LISTING_IMAGES.c.listing_pk))
    query = query.where(LISTINGS.c.space == space, LISTING_IMAGES.c.photo_vectors.is_not(None), seen_at < before)
    return query.order_by(LISTING_IMAGES.c.pk.desc())


def _listed(row: Any, similarity: float) -> Listed:
    facts = ListingFacts(row.marketplace, row.seller_id, row.url, row.gtin)
    return Listed(facts, row.listing_id, row.position, row.sha256, row.kept, row.seen_at, similarity)
