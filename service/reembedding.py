"""Embeds references that lack vectors in a space, so that its index can find them.

Place in the flow: under `brandwarden rebuild`, the job that prepares a space, and the upkeep of spaces that are not
serving. Works in the caller's thread, beside the pipeline and not through it: listings keep their places in the queue.
Vectors of other spaces stay where they are. What is done is committed, so that another run goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from indexes.blobs import BlobStore
from indexes.catalog import Catalog, Reference
from indexes.errors import BlobMissing
from vision.embedding import Embedder, Regions
from vision.errors import ImageError
from vision.images import DecodeLimits, Picture, decode

_PAGE = 200
_BATCH = 8
_LIMITS = DecodeLimits(max_bytes=1 << 30, max_pixels=400_000_000)  # enrolment held the real limits
_LOG = logging.getLogger("brandwarden.reembedding")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A few references that were tried: how many, and those whose picture cannot be read."""

    tried: int
    failed: tuple[tuple[Reference, Exception], ...]


class Reembedding:
    """Embeds into the space of one embedder. `give_way` is called before each batch and may wait."""

    def __init__(
        self, catalog: Catalog, blobs: BlobStore, embedder: Embedder, give_way: Callable[[], None] = lambda: None
    ) -> None:
        self._catalog, self._blobs, self._embedder = catalog, blobs, embedder
        self._give_way = give_way

    def stretches(self, after: int = 0) -> Iterator[Stretch]:
        """Embed every active reference after primary key `after` that lacks vectors, a batch at a time."""
        while page := self._catalog.without_vectors(self._embedder.space, after, _PAGE):
            for start in range(0, len(page), _BATCH):
                self._give_way()
                yield self._embed(page[start : start + _BATCH])
            after = page[-1].pk

    def _embed(self, references: Sequence[Reference]) -> Stretch:
        read: list[tuple[Reference, Picture]] = []
        failed: list[tuple[Reference, Exception]] = []
        for reference in references:
            try:
                read.append((reference, decode(self._blobs.get(reference.sha256), limits=_LIMITS)))
            except (ImageError, BlobMissing) as error:
                _LOG.warning("reference %s cannot be embedded: %s", reference.id, error)
                failed.append((reference, error))
        try:
            made = self._vectors(read)
        except Exception:  # noqa: BLE001  # an engine may raise anything; each picture answers for itself
            made = self._one_by_one(read, failed)
        if made:
            self._catalog.embed(made, self._embedder.space)
        return Stretch(len(references), tuple(failed))

    def _one_by_one(
        self, read: Sequence[tuple[Reference, Picture]], failed: list[tuple[Reference, Exception]]
    ) -> list[tuple[Reference, Regions]]:
        made = []
        for one in read:
            try:
                made += self._vectors([one])
            except Exception as error:  # noqa: BLE001  # as above
                _LOG.warning("reference %s cannot be embedded: %s", one[0].id, error)
                failed.append((one[0], error))
        return made

    def _vectors(self, read: Sequence[tuple[Reference, Picture]]) -> list[tuple[Reference, Regions]]:
        photos = [(reference, picture) for reference, picture in read if reference.kind == "photo"]
        logos = [(reference, picture) for reference, picture in read if reference.kind == "logo"]
        prepared = [self._embedder.prepare(picture.pixels) for _, picture in photos]
        regions = self._embedder.embed_photos(prepared) if photos else []
        regions += self._embedder.embed_logos([picture.pixels for _, picture in logos]) if logos else []
        return [(reference, made) for (reference, _), made in zip((*photos, *logos), regions, strict=True)]
