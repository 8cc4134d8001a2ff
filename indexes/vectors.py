"""Vector search over the references of one kind, in the shape that suits their number.

Everything compared while that is cheap, packed codes refined from a mapped file above that:
`indexes.planner` chooses. An id is `reference.pk * 8 + ordinal`; similarity is the inner product of unit vectors.
Searching for chosen brands compares every vector of theirs, so it is exact at any size. Nothing here is locked and
nothing is checked against SQL: `indexes.gallery` does the first, `indexes.search` the second.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexes import planner
from indexes.embeddings import SLOTS, Rows
from indexes.errors import SnapshotDamaged, SpaceMismatch
from indexes.exact import ExactIndex
from indexes.inverted import TRAIN_PER_LIST
from indexes.layered import LayeredIndex
from indexes.planner import Allowance, Shape
from vision.embedding import Vectors

_FEWEST = 64  # vectors in a sample that anything is learned from


class _Shape(Protocol):
    @property
    def shape(self) -> Shape: ...
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
    """Vectors by id, the brand each reference belongs to, and the shape that suits their number.

    `allowance` is what the shape is chosen by.
    """

    def __init__(self, dim: int, allowance: Allowance | None = None) -> None:
        self._allowance = allowance or Allowance()
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
    def shape(self) -> Shape:
        """The shape the vectors are in."""
        return self._shape.shape

    @property
    def overdue(self) -> bool:
        """Whether the vectors have outgrown the shape or worn it, so that building anew would pay."""
        worn = isinstance(self._shape, LayeredIndex) and self._shape.worn
        return worn or planner.outgrown(self.shape, self._built_for, self.total, self.dim, self._allowance)

    def add(self, rows: Rows) -> None:
        """Add vectors, replacing those their references had."""
        self._check(rows)
        if len(rows):
            self.remove(np.unique(rows.ids // SLOTS))
            self._note(rows)
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
        self.remove(np.flatnonzero(self._owned_by({pk for pk in brand_pks if pk > 0})))

    def search(
        self, queries: Vectors, k: int, brand_pks: frozenset[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ids `[q, <= k]` of each query and their inner products, in no particular order, -1 for none.

        With `brand_pks` the answer is exact among all vectors of these brands.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise SpaceMismatch(f"This index is asked with vectors of {self.dim} numbers, not {queries.shape}.")
        allowed = None if brand_pks is None else self._owned_by({pk for pk in brand_pks if pk > 0})
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
    def load(
        cls, directory: Path, name: str, saved: dict[str, Any], dim: int, allowance: Allowance | None = None
    ) -> VectorIndex:
        """Read what `save` wrote, from files whose checksums the caller has verified.

        `SnapshotDamaged` when the content is not what `saved` says.
        """
        index = cls(dim, allowance)
        shape = _loaded(directory, name, saved, dim)
        owners = np.load(directory / f"{name}.owners.npy", allow_pickle=False)
        index._use(shape, owners)
        index._built_for = int(saved["built_for"])
        if (shape.total, shape.dim, saved["metric"]) != (saved["total"], dim, "inner_product"):
            raise SnapshotDamaged(f"The {name} index holds {shape.total} vectors of {shape.dim} numbers.")
        if not _same_references(shape.ids() // SLOTS, owners):
            raise SnapshotDamaged(f"The {name} index and its list of owners name different references.")
        return index

    @classmethod
    def build(
        cls,
        dim: int,
        total: int,
        sample: Callable[[int], Vectors],
        stream: Iterable[Rows],
        *,
        scratch: Path,
        allowance: Allowance | None = None,
    ) -> VectorIndex:
        """An index of all of `stream`, about `total` vectors whose ids ascend.

        `sample(n)` gives about `n` of them for training; large shapes put their files below `scratch`.
        """
        index = cls(dim, allowance)
        plan = planner.plan(total, dim, index._allowance)
        examples = sample(plan.lists * TRAIN_PER_LIST) if plan.lists else None
        rest = iter(stream)
        first = next(rest, None)
        if examples is None or len(examples) < _FEWEST or first is None:
            for rows in itertools.chain([] if first is None else [first], rest):
                index.add(rows)
        else:
            noted = index._noted(itertools.chain([first], rest))
            index._shape = LayeredIndex.build(examples, plan.lists, plan.recall, noted, scratch)
        index._built_for = index.total
        return index

    def _noted(self, stream: Iterable[Rows]) -> Iterator[Rows]:
        """The rows as they come; their owners are noted."""
        for rows in stream:
            self._check(rows)
            self._note(rows)
            yield rows

    def _check(self, rows: Rows) -> None:
        if rows.vectors.shape != (len(rows), self.dim):
            raise SpaceMismatch(f"This index holds vectors of {self.dim} numbers, not {rows.vectors.shape}.")

    def _note(self, rows: Rows) -> None:
        if len(rows):
            pks = rows.ids // SLOTS
            self._owners = _grown(self._owners, int(pks.max()) + 1)
            self._owners[pks] = rows.brands

    def _owned_by(self, brand_pks: Collection[int]) -> NDArray[np.bool_]:
        """For each reference whether it is of one of these brands."""
        if len(brand_pks) == 1:  # the usual case, and many times faster
            return np.equal(self._owners, next(iter(brand_pks)))
        return np.isin(self._owners, list(brand_pks))


def _loaded(directory: Path, name: str, saved: dict[str, Any], dim: int) -> _Shape:
    match saved["shape"]:
        case "exact":
            return ExactIndex.load(directory, name, dim)
        case "packed":
            return LayeredIndex.load(directory, name, saved, dim)
        case other:
            raise SnapshotDamaged(f"This version knows no index of the shape {other!r}.")


def _same_references(pks: NDArray[np.int64], owners: NDArray[np.int64]) -> bool:
    """Whether these references, often repeated, are the ones that have an owner."""
    if len(pks) and (int(pks.max()) >= len(owners) or int(pks.min()) < 0):
        return False
    seen = np.zeros(len(owners), np.bool_)
    seen[pks] = True
    return bool(np.array_equal(seen, owners != 0))


def _grown(owners: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    if size <= len(owners):
        return owners
    grown = np.zeros(max(size, 2 * len(owners)), np.int64)
    grown[: len(owners)] = owners
    return grown
