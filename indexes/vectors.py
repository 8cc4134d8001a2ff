"""Vector search over the references of one kind: exact while small, inverted lists of half floats when large.

The only module that knows FAISS. An id is `reference.pk * 8 + ordinal`; similarity is the inner product of unit
vectors. Searching for chosen brands compares every vector of theirs, so it is exact at any size. Nothing here is
locked and nothing is checked against SQL: `indexes.gallery` does the first, `indexes.search` the second.

FAISS holds the GIL only on the way in and out; parameters travel with each call, never on the shared index.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from indexes.embeddings import SLOTS, Rows
from indexes.errors import SnapshotDamaged, SpaceMismatch
from indexes.exact import ExactIndex
from vision.embedding import Vectors

EXACT_LIMIT = 32_768
"""Vectors up to which everything is compared: about 5 ms of one core for a picture; above, lists are faster."""

TRAIN_PER_LIST = 40
_ROUNDS = 8
_PLANNED = (16, 32, 64)
_RECALL = 0.99


class _Shape(Protocol):
    @property
    def shape(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def total(self) -> int: ...
    def add(self, rows: Rows) -> None: ...
    def remove(self, gone: NDArray[np.bool_]) -> None: ...
    def search(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...
    def ids(self) -> NDArray[np.int64]: ...
    def save(self, directory: Path, name: str) -> dict[str, Any]: ...


class VectorIndex:
    """Vectors by id, the brand each reference belongs to, and the shape that suits their number."""

    def __init__(self, dim: int) -> None:
        self._use(ExactIndex(dim), np.zeros(0, np.int64))

    def _use(self, shape: _Shape, owners: NDArray[np.int64]) -> None:
        self._shape = shape
        self._owners = owners  # brand by reference.pk, 0 for a reference without vectors here
        self._built_for = shape.total

    @property
    def total(self) -> int:
        """Number of vectors."""
        return self._shape.total

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._shape.dim

    @property
    def overdue(self) -> bool:
        """Whether the vectors have outgrown the shape, so that building anew would pay."""
        if self._shape.shape == "exact":
            return self.total > EXACT_LIMIT
        return self.total > 3 * self._built_for or self.total < EXACT_LIMIT // 2

    def add(self, rows: Rows) -> None:
        """Add vectors, replacing those their references had."""
        if rows.vectors.shape != (len(rows), self.dim):
            raise SpaceMismatch(f"This index holds vectors of {self.dim} numbers, not {rows.vectors.shape}.")
        if not len(rows):
            return
        pks = rows.ids // SLOTS
        self.remove(np.unique(pks))
        self._owners = _grown(self._owners, int(pks.max()) + 1)
        self._owners[pks] = rows.brands
        self._shape.add(rows)

    def remove(self, reference_pks: NDArray[np.int64]) -> None:
        """Remove every vector of these references; those that have none are passed over."""
        inside = reference_pks[reference_pks < len(self._owners)]
        present = inside[self._owners[inside] != 0]
        if len(present):
            gone = np.zeros(int(present.max()) + 1, np.bool_)
            gone[present] = True
            self._shape.remove(gone)
            self._owners[present] = 0

    def remove_brands(self, brand_pks: Iterable[int]) -> None:
        """Remove every vector of these brands."""
        self.remove(np.flatnonzero(np.isin(self._owners, [pk for pk in brand_pks if pk > 0])))

    def search(
        self, queries: Vectors, k: int, brand_pks: frozenset[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ids `[q, <= k]` of each query and their inner products, in no particular order, -1 for none.

        With `brand_pks` the answer is exact among all vectors of these brands.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise SpaceMismatch(f"This index is asked with vectors of {self.dim} numbers, not {queries.shape}.")
        allowed = None if brand_pks is None else np.isin(self._owners, [pk for pk in brand_pks if pk > 0])
        nothing = not self.total or not len(queries) or (allowed is not None and not allowed.any())
        if nothing:
            return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
        return self._shape.search(np.ascontiguousarray(queries, np.float32), k, allowed)

    def save(self, directory: Path, name: str) -> dict[str, Any]:
        """Write the files `<name>.…` and return what `load` is to be given; the files are not yet synced."""
        saved = self._shape.save(directory, name)
        np.save(directory / f"{name}.owners.npy", self._owners)
        described = {"shape": self._shape.shape, "dim": self.dim, "total": self.total, "metric": "inner_product"}
        return described | {"built_for": self._built_for} | saved | {"files": [*saved["files"], f"{name}.owners.npy"]}

    @classmethod
    def load(cls, directory: Path, name: str, saved: dict[str, Any], dim: int) -> VectorIndex:
        """Read what `save` wrote, from files whose checksums the caller has verified.

        `SnapshotDamaged` when the content is not what `saved` says.
        """
        index = cls(dim)
        exact = saved["shape"] == "exact"
        shape: _Shape = ExactIndex.load(directory, name, dim) if exact else _Inverted.load(directory, name, saved)
        owners = np.load(directory / f"{name}.owners.npy", allow_pickle=False)
        index._use(shape, owners)
        index._built_for = int(saved["built_for"])
        if (shape.total, shape.dim, saved["metric"]) != (saved["total"], dim, "inner_product"):
            raise SnapshotDamaged(f"The {name} index holds {shape.total} vectors of {shape.dim} numbers.")
        pks = np.unique(shape.ids() // SLOTS)
        if not np.array_equal(pks, np.flatnonzero(owners)):
            raise SnapshotDamaged(f"The {name} index and its list of owners name different references.")
        return index

    @classmethod
    def build(cls, dim: int, total: int, sample: Callable[[int], Vectors], stream: Iterable[Rows]) -> VectorIndex:
        """An index of all of `stream`, about `total` vectors; `sample(n)` gives about `n` of them for training."""
        index = cls(dim)
        if total > EXACT_LIMIT:
            lists = _lists_for(total)
            examples = sample(lists * TRAIN_PER_LIST)
            if len(examples) >= lists:
                index._shape = _Inverted.train(examples, lists)
        for rows in stream:
            index.add(rows)
        if isinstance(index._shape, _Inverted):
            index._shape.plan(sample(64)[:64])
        index._built_for = index.total
        return index


class _Inverted:
    """Inverted lists over a spherical k-means of a sample, vectors as float16, every search with its own probes."""

    shape = "inverted"

    def __init__(self, index: Any, probes: int) -> None:
        self._index = index
        self._probes = probes

    @property
    def dim(self) -> int:
        return int(self._index.d)

    @property
    def total(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def train(cls, sample: Vectors, lists: int) -> _Inverted:
        faiss.omp_set_num_threads(1)  # for the calling thread; more would only take cores from the embedder
        dim = sample.shape[1]
        coarse = faiss.IndexFlatIP(dim)
        kind = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIVFScalarQuantizer(coarse, dim, lists, kind, faiss.METRIC_INNER_PRODUCT, False)
        index.cp.niter = _ROUNDS
        index.train(np.ascontiguousarray(sample))
        return cls(index, max(_PLANNED))

    def plan(self, sample: Vectors) -> None:
        """Choose the fewest probes that find 99 % of the true best ten for blurred copies of `sample`."""
        noise = np.random.default_rng(0).standard_normal(sample.shape).astype(np.float32)
        noise *= 0.75 / np.linalg.norm(noise, axis=1, keepdims=True)
        queries = sample + noise  # cosine about 0.8 with what they should find
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        truth, _ = self._search(queries, 10, int(self._index.nlist), None)
        for probes in _PLANNED:
            self._probes = probes
            found, _ = self._search(queries, 10, probes, None)
            hits = sum(len(np.intersect1d(row, true)) for row, true in zip(found, truth, strict=True))
            if hits >= _RECALL * truth.size:
                return

    def add(self, rows: Rows) -> None:
        faiss.omp_set_num_threads(1)
        self._index.add_with_ids(np.ascontiguousarray(rows.vectors), np.ascontiguousarray(rows.ids))

    def remove(self, gone: NDArray[np.bool_]) -> None:
        faiss.omp_set_num_threads(1)
        self._index.remove_ids(_selector(gone))

    def search(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        probes = self._probes if allowed is None else int(self._index.nlist)
        return self._search(queries, k, probes, allowed)

    def _search(
        self, queries: Vectors, k: int, probes: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        faiss.omp_set_num_threads(1)
        selector = None if allowed is None else _selector(allowed)
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        similarities, ids = self._index.search(queries, k, params=parameters)
        return ids, similarities

    def ids(self) -> NDArray[np.int64]:
        lists = self._index.invlists
        filled = [(number, lists.list_size(number)) for number in range(int(self._index.nlist))]
        return np.concatenate(
            [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in filled if size]
            or [np.empty(0, np.int64)]
        )

    def save(self, directory: Path, name: str) -> dict[str, Any]:
        faiss.write_index(self._index, str(directory / f"{name}.faiss"))
        return {"files": [f"{name}.faiss"], "probes": self._probes}

    @classmethod
    def load(cls, directory: Path, name: str, saved: dict[str, Any]) -> _Inverted:
        try:
            index = faiss.read_index(str(directory / f"{name}.faiss"))
        except RuntimeError as error:
            raise SnapshotDamaged(f"FAISS cannot read the {name} index.") from error
        right = isinstance(index, faiss.IndexIVFScalarQuantizer) and index.is_trained
        if not right or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise SnapshotDamaged(f"The {name} index is not of the type this version writes.")
        return cls(index, int(saved["probes"]))


def _lists_for(total: int) -> int:
    """A power of two near three times the root of the number of vectors: short lists, so that a probe is cheap."""
    return 1 << round(math.log2(2.8 * math.sqrt(total)))


def _selector(references: NDArray[np.bool_]) -> Any:
    """FAISS's bitmap selector: its byte `pk` holds the eight ids of the reference `pk`."""
    return faiss.IDSelectorBitmap(np.where(references, 255, 0).astype(np.uint8))


def _grown(owners: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    if size <= len(owners):
        return owners
    grown = np.zeros(max(size, 2 * len(owners)), np.int64)
    grown[: len(owners)] = owners
    return grown
