"""Embeds references that lack vectors in a space, so that its index can find them.

Place in the flow: under `brandwarden rebuild`, the job that prepares a space, and the upkeep of spaces that are not
serving. Works in the caller's thread and one that reads ahead, beside the pipeline and not through it: listings keep
their places in the queue. Vectors of other spaces stay where they are. What is done is committed, so that another run
goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from indexes.blobs import BlobStore
from indexes.catalog import Catalog, Reference
from indexes.errors import StorageFailed
from vision.embedding import Embedder, Pixels, Prepared, Regions
from vision.images import VETTED, decode

_PAGE = 200
_BATCH = 8
_LOG = logging.getLogger("brandwarden.reembedding")


_Photos: TypeAlias = list[tuple[Reference, Prepared]]
_Logos: TypeAlias = list[tuple[Reference, Pixels]]


@dataclass(frozen=True, slots=True)
class _Batch:
    """References whose picture was read, ready for the engine, and those that failed so far."""

    photos: _Photos
    logos: _Logos
    failed: list[tuple[Reference, Exception]]

    def fail(self, reference: Reference, error: Exception) -> None:
        _LOG.warning("reference %s cannot be embedded: %s", reference.id, error)
        self.failed.append((reference, error))


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
        """Embed every active reference after primary key `after` that lacks vectors, a batch at a time.

        The next batch is read and decoded while the engine computes one, so that neither waits for the other.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as reader:
            while page := self._catalog.without_vectors(self._embedder.space, after, _PAGE):
                batches = [page[start : start + _BATCH] for start in range(0, len(page), _BATCH)]
                ahead = reader.submit(self._read, batches[0])
                for following in (*batches[1:], None):
                    batch = ahead.result()
                    if following:
                        ahead = reader.submit(self._read, following)
                    self._give_way()
                    yield self._embed(batch)
                after = page[-1].pk

    def _read(self, references: Sequence[Reference]) -> _Batch:
        batch = _Batch([], [], [])
        for reference in references:
            try:
                pixels = decode(self._blobs.get(reference.sha256), limits=VETTED).pixels
                if reference.kind == "photo":
                    batch.photos.append((reference, self._embedder.prepare(pixels)))
                else:
                    batch.logos.append((reference, pixels))
            except StorageFailed:  # the store is away, which says nothing of this picture
                raise
            except Exception as error:  # noqa: BLE001  # an engine may raise anything; each picture answers for itself
                batch.fail(reference, error)
        return batch

    def _embed(self, batch: _Batch) -> Stretch:
        tried = len(batch.photos) + len(batch.logos) + len(batch.failed)
        try:
            made = self._vectors(batch.photos, batch.logos)
        except Exception:  # noqa: BLE001  # as above
            made = self._one_by_one(batch)
        if made:
            self._catalog.embed(made, self._embedder.space)
        return Stretch(tried, tuple(batch.failed))

    def _one_by_one(self, batch: _Batch) -> list[tuple[Reference, Regions]]:
        made = []
        parts: list[tuple[_Photos, _Logos]] = [([photo], []) for photo in batch.photos]
        parts += [([], [logo]) for logo in batch.logos]
        for photos, logos in parts:
            try:
                made += self._vectors(photos, logos)
            except Exception as error:  # noqa: BLE001  # as above
                batch.fail((*photos, *logos)[0][0], error)
        return made

    def _vectors(self, photos: _Photos, logos: _Logos) -> list[tuple[Reference, Regions]]:
        regions = self._embedder.embed_photos([prepared for _, prepared in photos]) if photos else []
        regions += self._embedder.embed_logos([pixels for _, pixels in logos]) if logos else []
        references = (*(reference for reference, _ in photos), *(reference for reference, _ in logos))
        return list(zip(references, regions, strict=True))
