"""One space's two indexes, photo and logo, at one generation: built from SQL, moved on by the log, searched.

Place in the flow: `indexes.gallery` keeps one of these and swaps it; `indexes.snapshots` writes and reads it. Its lock
lets searches run side by side and a change run alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.changes import Change
from indexes.embeddings import SLOTS, Embeddings, Rows
from indexes.planner import Allowance, Shape
from indexes.sharing import SharedLock
from indexes.vectors import VectorIndex
from vision.embedding import KINDS, Kind, Space, Vectors

Progress = Callable[[int, int], None]
"""Told how many vectors are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unverified hit: vector `ordinal` of a reference resembles vector `query` of the picture asked about."""

    reference_pk: int
    ordinal: int
    query: int
    similarity: float
    """Inner product of the two unit vectors, in [-1, 1]."""
    excess: float = 0.0
    """What of it is left after the query's similarity to pictures that are nobody's; 0 where nobody measured."""


class IndexPair:
    """The indexes by kind, and the generation of the last change they contain."""

    def __init__(self, indexes: dict[Kind, VectorIndex], generation: int) -> None:
        self.indexes = indexes
        self.generation = generation
        self.lock = SharedLock()

    @classmethod
    def empty(cls, space: Space, generation: int, allowance: Allowance | None = None) -> IndexPair:
        """Two indexes without a vector."""
        return cls({kind: VectorIndex(space.dim(kind), allowance) for kind in KINDS}, generation)

    @classmethod
    def build(
        cls,
        space: Space,
        embeddings: Embeddings,
        generation: int,
        *,
        scratch: Path,
        allowance: Allowance | None = None,
        progress: Progress | None = None,
    ) -> IndexPair:
        """Both indexes from SQL, large files of theirs below `scratch`.

        `generation` was read before, so what changed meanwhile is replayed afterwards.
        """
        totals = {kind: embeddings.count(kind) for kind in KINDS}
        meter = _Meter(sum(totals.values()), progress)
        return cls(
            {
                kind: VectorIndex.build(
                    space.dim(kind),
                    totals[kind],
                    _sampler(embeddings, kind),
                    meter.watch(embeddings.stream(kind)),
                    scratch=scratch,
                    allowance=allowance,
                )
                for kind in KINDS
            },
            generation,
        )

    def apply(self, changed: Sequence[Change], generation: int, embeddings: Embeddings) -> None:
        """Bring the changed references to their present state in SQL; applying a change twice does no harm."""
        pks = sorted({change.reference_pk for change in changed if change.reference_pk is not None})
        brands = {change.brand_pk for change in changed if change.reference_pk is None}
        rows = {kind: embeddings.of(kind, pks) for kind in KINDS}
        with self.lock.writing():
            for kind, index in self.indexes.items():
                index.remove(np.array(pks, dtype=np.int64))
                if brands:
                    index.remove_brands(brands)
                index.add(rows[kind])
            self.generation = generation

    def candidates(
        self, kind: Kind, vectors: Vectors, k: int, brand_pks: frozenset[int] | None
    ) -> tuple[int, list[Candidate]]:
        """The generation searched, and for each query vector its `k` best vectors, one per reference, best first."""
        with self.lock.reading():
            generation = self.generation
            ids, similarities = self.indexes[kind].search(vectors, k, brand_pks)
        return generation, _ranked(ids, similarities)

    def totals(self) -> dict[Kind, int]:
        """Number of vectors by kind."""
        return {kind: index.total for kind, index in self.indexes.items()}

    def shapes(self) -> dict[Kind, Shape]:
        """Shape by kind."""
        return {kind: index.shape for kind, index in self.indexes.items()}

    @property
    def overdue(self) -> bool:
        """Whether one of the indexes has outgrown its shape."""
        return any(index.overdue for index in self.indexes.values())


def _ranked(ids: NDArray[np.int64], similarities: NDArray[np.float32]) -> list[Candidate]:
    """Candidates of the hits `[q, k]`, the best of each query and reference, by falling similarity."""
    queries, _ = there = np.nonzero(ids >= 0)
    pks, ordinals = np.divmod(ids[there], SLOTS)
    found = similarities[there].astype(np.float64)
    order = np.lexsort((pks, -found))
    _, first = np.unique(pks[order] * len(ids) + queries[order], return_index=True)
    kept = order[np.sort(first)]
    columns = (column[kept].tolist() for column in (pks, ordinals, queries, found))
    return [Candidate(*values) for values in zip(*columns, strict=True)]


class _Meter:
    """Counts the vectors that pass by."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def watch(self, stream: Iterator[Rows]) -> Iterator[Rows]:
        for rows in stream:
            yield rows
            self._done += len(rows)
            if self._progress is not None:
                self._progress(min(self._done, self._total), self._total)


def _sampler(embeddings: Embeddings, kind: Kind) -> Callable[[int], Vectors]:
    return lambda count: embeddings.sample(kind, count)
