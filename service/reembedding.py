"""Embeds references that another model made, so that this model's index can find them.

Place in the flow: under `brandwarden rebuild`, after the model setting changed. Vectors of other spaces stay where they
are, so that the old model can be put back. Judging two models against each other is not done here.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from indexes.blobs import BlobStore
from indexes.catalog import Catalog, Reference
from indexes.errors import BlobMissing
from service.pipeline import EmbeddedReference, Pipeline
from vision.embedding import Space
from vision.errors import ImageError

_PAGE = 200
_IN_FLIGHT = 16
_PATIENCE = 600.0
_LOG = logging.getLogger("brandwarden.reembedding")


def embed_missing(
    catalog: Catalog, blobs: BlobStore, pipeline: Pipeline, space: Space, progress: Callable[[int], None]
) -> list[Reference]:
    """Embed every active reference that has no vectors in `space`; those whose picture cannot be read are returned.

    `progress` is told how many are done. What is done is committed, so that another run goes on from there.
    """
    failed: list[Reference] = []
    under_way: deque[tuple[Reference, Future[EmbeddedReference]]] = deque()
    done = 0

    def finish() -> None:
        nonlocal done
        reference, future = under_way.popleft()
        try:
            catalog.embed(reference.id, space, future.result().regions)
        except ImageError as error:
            _LOG.warning("reference %s cannot be embedded: %s", reference.id, error)
            failed.append(reference)
        done += 1
        progress(done)

    for reference in _missing(catalog, space):
        try:
            data = blobs.get(reference.sha256)
        except BlobMissing as error:
            _LOG.warning("reference %s cannot be embedded: %s", reference.id, error)
            failed.append(reference)
            continue
        under_way.append((reference, pipeline.reference(data, reference.kind, patience=_PATIENCE)))
        if len(under_way) >= _IN_FLIGHT:
            finish()
    while under_way:
        finish()
    return failed


def _missing(catalog: Catalog, space: Space) -> Iterator[Reference]:
    after = 0
    while page := catalog.without_vectors(space, after, _PAGE):
        yield from page
        after = page[-1].pk
