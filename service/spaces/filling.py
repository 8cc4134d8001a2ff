"""Keeps the vectors of every loaded space complete: what is uploaded into one is embedded for the others too.

Place in the flow: upkeep calls `fill` about once a second, in every process; one at a time works, by a lease in SQL.
A reference is searchable in the space that judges when its upload is acknowledged; in a candidate, and in the space
that a rollback returns to, a moment later.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

from indexes.blobs import BlobStore
from indexes.catalog import Catalog
from indexes.changes import Changes
from indexes.ids import new_id
from service.reembedding import Reembedding
from service.spaces.loading import LoadedSpace
from service.spaces.spaces import Spaces

_LEASE = timedelta(seconds=30)
_AT_ONCE = 8  # stretches before the other spaces get their turn


class Filling:
    """Embeds what loaded spaces lack. `give_way` is called before each batch and may wait."""

    def __init__(
        self, spaces: Spaces, catalog: Catalog, blobs: BlobStore, changes: Changes, give_way: Callable[[], None]
    ) -> None:
        self._spaces, self._catalog, self._blobs, self._changes = spaces, catalog, blobs, changes
        self._give_way = give_way
        self._token = new_id("fil")
        self._complete: dict[str, int] = {}  # generation at which a space lacked nothing that can be embedded

    def fill(self) -> None:
        """Embed a little of what each space lacks. One short query when nothing was changed since."""
        generation = self._changes.generation()
        for space in self._spaces.loaded():
            if self._complete.get(space.id) != generation and self._may(space) and self._some(space):
                self._complete[space.id] = generation

    def complete(self, space: LoadedSpace) -> None:
        """Embed all that `space` lacks, whoever else is at it, and bring its index in step."""
        for _ in self._reembedding(space).stretches():
            pass
        space.gallery.catch_up()

    def _may(self, space: LoadedSpace) -> bool:
        return self._spaces.records.hold_fill(space.id, self._token, _LEASE)

    def _some(self, space: LoadedSpace) -> bool:
        """Whether that was all."""
        some = itertools.islice(self._reembedding(space).stretches(), _AT_ONCE)
        return sum(1 for _ in some) < _AT_ONCE

    def _reembedding(self, space: LoadedSpace) -> Reembedding:
        return Reembedding(self._catalog, self._blobs, space.model.embedder, self._give_way)
