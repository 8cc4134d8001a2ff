"""The index of large catalogues: codes that never change, refined from a mapped file, below a layer that does change.

Built once from a stream: every vector as packed codes in inverted lists, and again in 16 bits in a file that is only
mapped. A search takes several times what it wants by the codes and ranks that by the 16 bits. How many lists it looks
into, and how many times more it takes, is measured when the index is built. What is added later lies in lists of half
floats with the same centres; what is removed is a bit. When either has grown `indexes.vectors` says so and it is built
anew. The large files never change, so a snapshot links them. Not locked.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from indexes.embeddings import SLOTS, Rows
from indexes.errors import SnapshotDamaged
from indexes.inverted import Lists, Places, bit_selector, reference_selector
from indexes.mapped import FineVectors, KeptFile
from indexes.planner import Shape
from vision.embedding import Vectors

WORN: Final = 4
"""Built anew when what was added, or removed, since is more than one part in so many."""

_PROBES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_SCANNED = 32_768
"""Vectors whose codes a search may look up in any case: so many cost half a core-ms, and then lists need not be few."""
_WIDEST = 512
_CANDIDATES = (20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640)
_MEASURED = 10
_SAMPLE = 128


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a search goes: into `probes` lists, refining `candidates`, or twice what is wanted if that is more."""

    probes: int
    candidates: int


class LayeredIndex:
    """A base of rows in ascending order of their ids, the bits of those that are still there, and the layer above."""

    shape: Final[Shape] = "packed"

    def __init__(self, base: _Base, alive: NDArray[np.uint8], above: Lists, reach: Reach) -> None:
        self._base = base
        self._alive = alive
        self._removed = len(base.ids) - _count(alive)
        self._above = above
        self._reach = reach

    @classmethod
    def build(cls, sample: Vectors, lists: int, recall: float, stream: Iterable[Rows], scratch: Path) -> LayeredIndex:
        """An index of `stream`, whose ids ascend, with files in a new directory below `scratch`.

        They go away with the index, unless it was saved. `ValueError` for ids that do not ascend, `OSError` for a full
        disk.
        """
        base = _Base.build(sample, lists, stream, scratch)
        index = cls(base, _all_bits(len(base.ids)), base.lists.sibling(), Reach(max(_PROBES), max(_CANDIDATES)))
        index._reach = index._enough(_blurred(sample[:_SAMPLE]), recall)
        return index

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._base.lists.dim

    @property
    def total(self) -> int:
        """Number of vectors."""
        return len(self._base.ids) - self._removed + self._above.total

    @property
    def worn(self) -> bool:
        """Whether so much was added or removed that building anew would pay."""
        return max(self._removed, self._above.total) * WORN > len(self._base.ids)

    def add(self, rows: Rows) -> None:
        """Add rows whose ids are not there."""
        self._above.add(rows.ids, rows.vectors)

    def remove(self, gone: NDArray[np.bool_]) -> None:
        """Remove every vector of the references `pk` with `gone[pk]`."""
        rows = self._living(self._base.rows_of(np.flatnonzero(gone)))
        np.bitwise_and.at(self._alive, rows >> 3, ~(1 << (rows & 7)).astype(np.uint8))
        self._removed += len(rows)
        if self._above.total:
            self._above.remove(reference_selector(gone))

    def search(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best ids `[q, <= k]` and their similarities; with `allowed`, of these references alone, all compared."""
        if allowed is not None:
            return self._search_among(queries, k, allowed)
        places = self._base.lists.places(queries, self._reach.probes)
        ids, similarities = self._search_base(queries, k, places, self._reach.candidates)
        if ((ids >= 0).sum(axis=1) < min(k, len(self._base.ids) - self._removed)).any():  # much was removed here
            everywhere = self._base.lists.places(queries, self._base.lists.lists)
            ids, similarities = self._search_base(queries, k, everywhere, self._reach.candidates)
        if self._above.total:
            above = self._above.search(queries, k, places)
            ids, similarities = np.hstack([ids, above[0]]), np.hstack([similarities, above[1]])
        return _best(ids, similarities, k)

    def ids(self) -> NDArray[np.int64]:
        """Every id, in no particular order."""
        alive = np.unpackbits(self._alive, count=len(self._base.ids), bitorder="little").view(np.bool_)
        return np.concatenate([self._base.ids[alive], self._above.ids()])

    def save(self, directory: Path, name: str) -> dict[str, Any]:
        """Write the files `<name>.…`, the unchanging ones as links, and return what `load` needs beside them."""
        files = self._base.put(directory, name)
        np.save(directory / f"{name}.alive.npy", self._alive)
        self._above.write(directory / f"{name}.above.faiss")
        return {
            "files": [*files, f"{name}.alive.npy", f"{name}.above.faiss"],
            "probes": self._reach.probes,
            "candidates": self._reach.candidates,
        }

    @classmethod
    def load(cls, directory: Path, name: str, saved: dict[str, Any], dim: int) -> LayeredIndex:
        """Read what `save` wrote; `SnapshotDamaged` when it is not that."""
        base = _Base(directory, name, dim)
        alive = np.load(directory / f"{name}.alive.npy", allow_pickle=False)
        above = Lists.read(directory / f"{name}.above.faiss", "half")
        if alive.shape != ((len(base.ids) + 7) // 8,) or alive.dtype != np.uint8:
            raise SnapshotDamaged(f"The {name} bits are {alive.dtype} {alive.shape}.")
        if not np.array_equal(above.centres(), base.lists.centres()):
            raise SnapshotDamaged(f"The layers of the {name} index have different centres.")
        return cls(base, alive, above, Reach(int(saved["probes"]), int(saved["candidates"])))

    def _search_base(
        self, queries: Vectors, k: int, places: Places, candidates: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        wide = min(max(2 * k, candidates), len(self._base.ids))
        selector = bit_selector(self._alive) if self._removed else None
        rows, _ = self._base.lists.search(queries, wide, places, selector)
        there = np.maximum(rows, 0)
        similarities = self._base.fine.products(there, queries)
        ids = self._base.ids[there]
        if (rows < 0).any():
            ids[rows < 0], similarities[rows < 0] = -1, -np.inf
        return ids, similarities

    def _enough(self, queries: Vectors, recall: float) -> Reach:
        """The fewest lists, and for those the fewest candidates, that find `recall` of what the widest search finds.

        Half the misses that are allowed are left for what blurred copies do not show. Where vectors form
        no clusters no few lists are enough: then it is the most that are offered.
        """

        def found(probes: int, candidates: int) -> NDArray[np.int64]:
            places = self._base.lists.places(queries, probes)
            return _best(*self._search_base(queries, _MEASURED, places, candidates), _MEASURED)[0]

        def first(offered: tuple[int, ...], tried: Callable[[int], NDArray[np.int64]], truth: NDArray[np.int64]) -> int:
            wanted = (1.0 + recall) / 2 * (truth >= 0).sum()
            return next((few for few in offered if _shared(tried(few), truth) >= wanted), offered[-1])

        most = _CANDIDATES[-1]
        share = min(1.0, _SCANNED / len(self._base.ids))
        offered = tuple(sorted({*_PROBES, max(_PROBES[-1], round(share * self._base.lists.lists))}))
        probes = first(offered, lambda few: found(few, most), found(_WIDEST, most))
        candidates = first(_CANDIDATES, lambda few: found(probes, few), found(probes, most))
        return Reach(probes, candidates)

    def _search_among(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        ids = np.empty((len(queries), 0), np.int64)
        similarities = np.empty((len(queries), 0), np.float32)
        rows = self._living(self._base.rows_of(np.flatnonzero(allowed)))
        for block, products in self._base.fine.all_products(rows, queries):
            found = np.broadcast_to(self._base.ids[block], products.shape)
            ids, similarities = _best(np.hstack([ids, found]), np.hstack([similarities, products]), k)
        if self._above.total:
            everywhere = self._above.places(queries, self._above.lists)
            above = self._above.search(queries, k, everywhere, reference_selector(allowed))
            ids, similarities = np.hstack([ids, above[0]]), np.hstack([similarities, above[1]])
        return _best(ids, similarities, k)

    def _living(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        living: NDArray[np.int64] = rows[(self._alive[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 > 0]
        return living


class _Base:
    """The unchanging files: packed lists whose ids are row numbers, the fine rows, and the id of every row."""

    def __init__(self, directory: Path, name: str, dim: int) -> None:
        self._clear: Callable[[], object] = lambda: None  # removes the directory it was built in
        codes = directory / f"{name}.codes.faiss"
        self.lists = Lists.read(codes, "packed")
        self.fine = FineVectors(directory / f"{name}.fine.i2", dim)
        self.ids: NDArray[np.int64] = np.load(directory / f"{name}.ids.npy", allow_pickle=False)
        self._kept = {
            "codes.faiss": KeptFile(codes),
            "fine.i2": self.fine.file,
            "ids.npy": KeptFile(directory / f"{name}.ids.npy"),
        }
        if self.ids.dtype != np.int64 or self.ids.ndim != 1 or not (np.diff(self.ids) > 0).all():
            raise SnapshotDamaged(f"The ids of the {name} index do not ascend.")
        if not len(self.ids) == len(self.fine) == self.lists.total or self.lists.dim != dim:
            raise SnapshotDamaged(f"The files of the {name} index hold different numbers of vectors.")

    @classmethod
    def build(cls, sample: Vectors, lists: int, stream: Iterable[Rows], scratch: Path) -> _Base:
        directory = _room(scratch)
        try:
            made = cls._built_in(directory, sample, lists, stream)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)  # every further try would leave another
            raise
        made._clear = weakref.finalize(made, shutil.rmtree, directory, ignore_errors=True)
        return made

    @classmethod
    def _built_in(cls, directory: Path, sample: Vectors, lists: int, stream: Iterable[Rows]) -> _Base:
        done, last = 0, -1
        built = Lists.train(sample, lists, "packed")
        ids: list[NDArray[np.int64]] = []
        with (directory / "base.fine.i2").open("wb") as fine:
            for rows in stream:
                if not len(rows):
                    continue
                if rows.ids[0] <= last or not (np.diff(rows.ids) > 0).all():
                    raise ValueError("An index of this size is built from rows whose ids ascend.")
                built.add(np.arange(done, done + len(rows)), rows.vectors)
                fine.write(FineVectors.encoded(rows.vectors).tobytes())
                ids.append(rows.ids)
                done, last = done + len(rows), int(rows.ids[-1])
        np.save(directory / "base.ids.npy", np.concatenate(ids))
        built.write(directory / "base.codes.faiss")
        del built  # what is read from the file has no room to grow, and up to half the size
        return cls(directory, "base", sample.shape[1])

    def rows_of(self, pks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of these references, which ascend, in order."""
        starts = np.searchsorted(self.ids, pks * SLOTS)
        lengths = np.searchsorted(self.ids, (pks + 1) * SLOTS) - starts
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows: NDArray[np.int64] = np.repeat(starts, lengths) + within
        return rows

    def put(self, directory: Path, name: str) -> list[str]:
        for suffix, file in self._kept.items():
            file.put(directory / f"{name}.{suffix}")
        self._clear()  # a snapshot keeps the files now
        return [f"{name}.{suffix}" for suffix in self._kept]


def _best(
    ids: NDArray[np.int64], similarities: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if ids.shape[1] <= k:
        return ids, similarities
    best = np.argpartition(similarities, ids.shape[1] - k, axis=1)[:, ids.shape[1] - k :]
    return np.take_along_axis(ids, best, 1), np.take_along_axis(similarities, best, 1)


def _room(scratch: Path) -> Path:
    """A new directory below `scratch`, or among the system's temporary files where there can be none."""
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=scratch, prefix=".building-"))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="brandwarden-index-"))


def _blurred(vectors: Vectors) -> Vectors:
    """Unit vectors with a cosine of about 0.8 to these."""
    noise = np.random.default_rng(0).standard_normal(vectors.shape).astype(np.float32)
    blurred = vectors + noise * (0.75 / np.linalg.norm(noise, axis=1, keepdims=True))
    unit: Vectors = np.ascontiguousarray(blurred / np.linalg.norm(blurred, axis=1, keepdims=True), np.float32)
    return unit


def _shared(found: NDArray[np.int64], truth: NDArray[np.int64]) -> int:
    return sum(len(np.intersect1d(row[row >= 0], true)) for row, true in zip(found, truth, strict=True))


def _all_bits(count: int) -> NDArray[np.uint8]:
    return np.packbits(np.ones(count, np.bool_), bitorder="little")


def _count(bits: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(bits).sum())
