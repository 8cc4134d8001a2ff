"""What became of pictures that were checked before: marketplaces send the same bytes again and again.

Place in the flow: under `service.pipeline.recalling`. A picture's vectors hold as long as the space does; what is found
for it holds for one version of the catalogue, since a change may add a match or take one away. No pixels are kept:
whatever has to be looked at again is decoded again. Each marketplace has entries of its own, so that the time an answer
takes tells nobody what another one sent.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from indexes.changes import Version
from vision.embedding import QueryEmbedding, Regions

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import SearchResult
    from service.pipeline.work import Question

Key: TypeAlias = "tuple[str, str, str, Question]"
"""SHA-256 of the bytes, space id, calibration, and what was asked, the marketplace included."""
_OF_AN_ENTRY: Final = 4096
_OF_A_MATCH: Final = 4096
"""Bytes that the objects around the vectors take, roughly."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """One picture: its size, its vectors, and what was found at `version` of the catalogue."""

    width: int
    height: int
    format: str
    embedding: QueryEmbedding
    result: SearchResult
    version: Version

    @property
    def size(self) -> int:
        """Bytes."""
        regions = (self.embedding.photo, self.embedding.logo)
        vectors = sum(part.vectors.nbytes + part.weights.nbytes for part in regions)
        return _OF_AN_ENTRY + vectors + _OF_A_MATCH * len(self.result.matches)


class Memory:
    """The pictures checked last, of at most `max_bytes`; 0 keeps none. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Remembered] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What is kept."""
        return self._bytes

    def get(self, key: Key) -> Remembered | None:
        """What became of the picture the last time."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Key, entry: Remembered) -> None:
        """Keep it instead of what was there, and let go of the pictures that were not asked for the longest."""
        entry = replace(entry, embedding=_compact(entry.embedding))
        with self._lock:
            before = self._entries.pop(key, None)
            self._bytes += entry.size - (before.size if before is not None else 0)
            self._entries[key] = entry
            while self._bytes > self._max_bytes:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.size


def _compact(embedding: QueryEmbedding) -> QueryEmbedding:
    """The same vectors in memory of their own: they may be views into those of a whole batch."""
    return replace(embedding, photo=_own(embedding.photo), logo=_own(embedding.logo))


def _own(regions: Regions) -> Regions:
    return Regions(regions.boxes, np.array(regions.vectors), np.array(regions.weights))
