"""Inverted lists over a spherical k-means: vectors as half floats, which change, or as bytes, which never do.

The only module that knows FAISS. `indexes.vectors` uses lists of half floats by themselves, `indexes.layered` puts
some of them over lists of bytes that are read from a mapped file. Similarity is the inner product of unit vectors.
Nothing here is locked.

FAISS holds the GIL only on the way in and out; parameters travel with each call, never on the shared index.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from indexes.embeddings import Rows
from indexes.errors import SnapshotDamaged
from indexes.planner import Shape
from vision.embedding import Vectors

Precision: TypeAlias = Literal["half", "byte"]
TRAIN_PER_LIST = 40
_ROUNDS = 6
_PROBES = (4, 8, 16, 32, 64, 128, 256)
_MOST_PROBES = 512


@dataclass(frozen=True, slots=True)
class Places:
    """For each query its nearest lists, int64 `[q, p]`, and the inner products with their centres, float32 `[q, p]`."""

    lists: NDArray[np.int64]
    similarities: NDArray[np.float32]


class Lists:
    """Vectors in lists, each under an id; every search says which lists it looks into."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def train(cls, sample: Vectors, lists: int, precision: Precision) -> Lists:
        """Empty lists whose centres and steps are learned from `sample`; fewer of them where it is too small."""
        faiss.omp_set_num_threads(1)  # for the calling thread; more would only take cores from the embedder
        lists = max(1, min(lists, len(sample) // 8))
        centres = faiss.IndexFlatIP(sample.shape[1])
        index = _empty(centres, lists, precision)
        index.cp.niter = _ROUNDS
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = TRAIN_PER_LIST
        index.train(np.ascontiguousarray(sample))
        return cls(index)

    def sibling(self) -> Lists:
        """Empty lists of half floats with the same centres."""
        index = _empty(self._index.quantizer, self.lists, "half")
        index.train(np.zeros((1, self.dim), np.float32))  # half floats have nothing to learn
        return Lists(index)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def total(self) -> int:
        """Number of vectors."""
        return int(self._index.ntotal)

    @property
    def lists(self) -> int:
        """Number of lists."""
        return int(self._index.nlist)

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Add vectors under ids that are not there."""
        faiss.omp_set_num_threads(1)
        self._index.add_with_ids(np.ascontiguousarray(vectors), np.ascontiguousarray(ids))

    def remove(self, selector: Any) -> None:
        """Remove what `selector` selects."""
        faiss.omp_set_num_threads(1)
        self._index.remove_ids(selector)

    def places(self, queries: Vectors, probes: int) -> Places:
        """The `probes` lists whose centres are nearest to each query."""
        faiss.omp_set_num_threads(1)
        similarities, lists = self._index.quantizer.search(queries, min(probes, self.lists))
        return Places(lists, similarities)

    def search(
        self, queries: Vectors, k: int, places: Places, selector: Any = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` best ids `[q, k]` in these places and their similarities, best first, -1 for none."""
        faiss.omp_set_num_threads(1)
        parameters = faiss.SearchParametersIVF(nprobe=places.lists.shape[1], sel=selector)
        ids = np.empty((len(queries), k), np.int64)
        similarities = np.empty((len(queries), k), np.float32)
        self._index.search_preassigned_c(
            len(queries),
            faiss.swig_ptr(queries),
            k,
            faiss.swig_ptr(places.lists),
            faiss.swig_ptr(places.similarities),
            faiss.swig_ptr(similarities),
            faiss.swig_ptr(ids),
            False,
            parameters,
        )
        return ids, similarities

    def ids(self) -> NDArray[np.int64]:
        """Every id, list by list."""
        lists = self._index.invlists
        filled = [(number, lists.list_size(number)) for number in range(self.lists)]
        return np.concatenate(
            [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in filled if size]
            or [np.empty(0, np.int64)]
        )

    def write(self, path: Path) -> None:
        """Write them to one file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def read(cls, path: Path, precision: Precision, *, mapped: bool = False) -> Lists:
        """Read what `write` wrote, from a verified file; `mapped` leaves codes in it until they are touched.

        `SnapshotDamaged` when it holds something else. Mapped lists cannot be changed.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
        except RuntimeError as error:
            raise SnapshotDamaged(f"FAISS cannot read {path.name}.") from error
        right = isinstance(index, faiss.IndexIVFScalarQuantizer) and index.is_trained
        if not right or index.metric_type != faiss.METRIC_INNER_PRODUCT or index.sq.qtype != _KINDS[precision]:
            raise SnapshotDamaged(f"{path.name} is not of the type this version writes.")
        if mapped:
            faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0  # threads that only read ahead
        return cls(index)


class HalvesIndex:
    """Lists of half floats by themselves, ids those of references; everything in memory."""

    shape: Final[Shape] = "halves"

    def __init__(self, lists: Lists, probes: int) -> None:
        self._lists = lists
        self._probes = probes

    @classmethod
    def train(cls, sample: Vectors, lists: int) -> HalvesIndex:
        """An empty one with centres from `sample`; searches look everywhere until `plan`."""
        trained = Lists.train(sample, lists, "half")
        return cls(trained, trained.lists)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._lists.dim

    @property
    def total(self) -> int:
        """Number of vectors."""
        return self._lists.total

    def plan(self, sample: Vectors, recall: float) -> None:
        """Choose how many lists a search looks into."""
        self._probes = enough_probes(self._lists, sample, recall)

    def add(self, rows: Rows) -> None:
        """Add rows whose ids are not there."""
        self._lists.add(rows.ids, rows.vectors)

    def remove(self, gone: NDArray[np.bool_]) -> None:
        """Remove every vector of the references `pk` with `gone[pk]`."""
        self._lists.remove(reference_selector(gone))

    def search(
        self, queries: Vectors, k: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` best ids and similarities `[q, k]`; with `allowed`, of these references alone, all compared."""
        if allowed is None:
            return self._lists.search(queries, k, self._lists.places(queries, self._probes))
        everywhere = self._lists.places(queries, self._lists.lists)
        return self._lists.search(queries, k, everywhere, reference_selector(allowed))

    def ids(self) -> NDArray[np.int64]:
        """Every id, in no particular order."""
        return self._lists.ids()

    def save(self, directory: Path, name: str) -> dict[str, Any]:
        """Write the file `<name>.faiss` and return what `load` needs beside it."""
        self._lists.write(directory / f"{name}.faiss")
        return {"files": [f"{name}.faiss"], "probes": self._probes}

    @classmethod
    def load(cls, directory: Path, name: str, saved: dict[str, Any]) -> HalvesIndex:
        """Read what `save` wrote."""
        return cls(Lists.read(directory / f"{name}.faiss", "half"), int(saved["probes"]))


def enough_probes(lists: Lists, sample: Vectors, recall: float) -> int:
    """The fewest lists in which `recall` of the best ten of a wide search are found, for blurred copies of `sample`."""
    noise = np.random.default_rng(0).standard_normal(sample.shape).astype(np.float32)
    noise *= 0.75 / np.linalg.norm(noise, axis=1, keepdims=True)
    queries = np.ascontiguousarray(sample + noise)  # cosine about 0.8 with what they should find
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    widest = lists.places(queries, _MOST_PROBES)
    truth, _ = lists.search(queries, 10, widest)
    for probes in _PROBES:
        found, _ = lists.search(queries, 10, lists.places(queries, probes))
        hits = sum(len(np.intersect1d(row, true)) for row, true in zip(found, truth, strict=True))
        if hits >= recall * truth.size:
            return min(probes, lists.lists)
    return min(_MOST_PROBES, lists.lists)


def reference_selector(references: NDArray[np.bool_]) -> Any:
    """Selects the ids of the references `pk` with `references[pk]`: byte `pk` of the bitmap is its eight ids."""
    return faiss.IDSelectorBitmap(np.where(references, 255, 0).astype(np.uint8))


def bit_selector(bits: NDArray[np.uint8]) -> Any:
    """Selects the ids whose bit is set in `bits`, the lowest of a byte first; sees later changes of the array."""
    return faiss.IDSelectorBitmap(bits)


def _empty(centres: Any, lists: int, precision: Precision) -> Any:
    residual = precision == "byte"  # the byte's steps are finer for what a centre leaves
    arguments = (centres, centres.d, lists, _KINDS[precision], faiss.METRIC_INNER_PRODUCT, residual)
    return faiss.IndexIVFScalarQuantizer(*arguments)


_KINDS = {"half": faiss.ScalarQuantizer.QT_fp16, "byte": faiss.ScalarQuantizer.QT_8bit}
