"""The exact index: every vector compared, in float32, for catalogues small enough that this is also the fastest.

Matrix products over all rows and a partial sort; measured against `faiss.IndexFlatIP` on the same data this is about
half the time for the six to eight vectors of one picture. Not locked: `indexes.gallery` keeps readers and the
writer apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from indexes.embeddings import SLOTS, Rows
from indexes.errors import SnapshotDamaged
from indexes.planner import Shape
from vision.embedding import Vectors

_ROOM = 1024
_BLOCK = 64


class ExactIndex:
    """Ids and vectors in two arrays with room to grow; a removed row is overwritten by one from the end."""

    shape: Final[Shape] = "exact"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.total = 0
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._vectors: Vectors = np.empty((0, dim), np.float32)

    def add(self, rows: Rows) -> None:
        """Append rows whose ids are not in the index."""
        end = self.total + len(rows)
        if end > len(self._ids):
            self._grow(max(end, 2 * len(self._ids), _ROOM))
        self._ids[self.total : end] = rows.ids
        self._vectors[self.total : end] = rows.vectors
        self.total = end

    def remove(self, gone: NDArray[np.bool_]) -> None:
        """Remove the vectors of every reference `pk` with `gone[pk]`."""
        removed = _chosen(self._ids[: self.total], gone)
        end = self.total - int(removed.sum())
        holes = np.flatnonzero(removed[:end])
        fillers = end + np.flatnonzero(~removed[end:])
        self._ids[holes] = self._ids[fillers]
        self._vectors[holes] = self._vectors[fillers]
        self.total = end

    def search(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` best ids `[q, <= k]` for each query and their inner products, in no particular order.

        With `allowed` only references `pk` with `allowed[pk]` are looked at.
        """
        ids, vectors = self._ids[: self.total], self._vectors[: self.total]
        if allowed is not None:
            rows = np.flatnonzero(_chosen(ids, allowed))
            ids, vectors = ids[rows], vectors[rows]
        similarities = _products(vectors, queries).T
        if k < len(ids):
            best = np.argpartition(similarities, len(ids) - k, axis=1)[:, len(ids) - k :]
            return ids[best], np.take_along_axis(similarities, best, axis=1)
        return np.broadcast_to(ids, similarities.shape), similarities

    def ids(self) -> NDArray[np.int64]:
        """Every id in the index, in no particular order."""
        return self._ids[: self.total].copy()

    def save(self, directory: Path, name: str) -> dict[str, Any]:
        """Write the files `<name>.…` and return what `load` needs beside them."""
        np.save(directory / f"{name}.ids.npy", self._ids[: self.total])
        np.save(directory / f"{name}.vectors.npy", self._vectors[: self.total])
        return {"files": [f"{name}.ids.npy", f"{name}.vectors.npy"]}

    @classmethod
    def load(cls, directory: Path, name: str, dim: int) -> ExactIndex:
        """Read what `save` wrote; `SnapshotDamaged` when it is not that."""
        index = cls(dim)
        index._ids = np.load(directory / f"{name}.ids.npy", allow_pickle=False)
        index._vectors = np.load(directory / f"{name}.vectors.npy", allow_pickle=False)
        index.total = len(index._ids)
        if index._vectors.shape != (index.total, dim) or index._vectors.dtype != np.float32:
            raise SnapshotDamaged(f"The {name} vectors are {index._vectors.dtype} {index._vectors.shape}.")
        return index

    def _grow(self, room: int) -> None:
        ids, vectors = np.empty(room, np.int64), np.empty((room, self.dim), np.float32)
        ids[: self.total] = self._ids[: self.total]
        vectors[: self.total] = self._vectors[: self.total]
        self._ids, self._vectors = ids, vectors


def _products(vectors: Vectors, queries: Vectors) -> Vectors:
    """Inner products `[n, q]`, in blocks too small for the BLAS to start threads over.

    Its threads spin while they wait; on a machine whose cores are busy that tripled the time of a search.
    """
    whole = len(vectors) // _BLOCK * _BLOCK
    across = np.ascontiguousarray(queries.T)
    products = np.empty((len(vectors), len(queries)), np.float32)
    blocks = vectors[:whole].reshape(-1, _BLOCK, vectors.shape[1])
    np.matmul(blocks, across, out=products[:whole].reshape(-1, _BLOCK, len(queries)))
    np.matmul(vectors[whole:], across, out=products[whole:])
    return products


def _chosen(ids: NDArray[np.int64], references: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each id whether its reference is marked in `references` (indexed by primary key)."""
    pks = ids // SLOTS
    inside = pks < len(references)
    found: NDArray[np.bool_] = inside & references[np.where(inside, pks, 0)] if len(references) else inside
    return found
