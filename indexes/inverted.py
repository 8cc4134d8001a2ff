"""Inverted lists over a spherical k-means: vectors as half floats, which change, or in four bits, which never do.

`indexes.layered` puts some lists of half floats over packed ones. Packed lists hold a product quantiser's code of four
bits for each two numbers, laid out so that the products of 32 vectors are looked up at once (Andre et al., Quicker ADC,
2019); they say which vectors may be near, not how near. Similarity is the inner product of unit vectors. Nothing here
is locked. This module and `indexes.centres` know FAISS, nobody else does.

FAISS holds the GIL only on the way in and out; parameters travel with each call, never on the shared index.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from indexes.centres import Centres
from indexes.errors import SnapshotDamaged
from vision.embedding import Vectors

Precision: TypeAlias = Literal["half", "packed"]
TRAIN_PER_LIST = 40
_CODES_FROM = 16_384
"""Vectors of the sample from which the codes are learned."""
_ROUNDS = 8
_MANY = 1_024
"""Vectors at once from which two levels of centres are quicker than one."""


@dataclass(frozen=True, slots=True)
class Places:
    """For each query its nearest lists, int64 `[q, p]`, and the inner products with their centres, float32 `[q, p]`."""

    lists: NDArray[np.int64]
    similarities: NDArray[np.float32]


class Lists:
    """Vectors in lists, each under an id; every search says which lists it looks into."""

    def __init__(self, index: Any, centres: Centres | None = None) -> None:
        self._index = index
        self._centres = centres

    @classmethod
    def train(cls, sample: Vectors, lists: int, precision: Precision) -> Lists:
        """Empty lists whose centres and codes are learned from `sample`; about `lists`, fewer where it is too small."""
        centres = Centres.train(sample, max(1, min(lists, len(sample) // 8)))
        quantiser = faiss.IndexFlatIP(sample.shape[1])
        quantiser.add(centres.all)
        index = _empty(quantiser, len(centres.all), precision)
        index.train(np.ascontiguousarray(sample[:: max(1, len(sample) // _CODES_FROM)]))
        return cls(index, centres)

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
        vectors, ids = np.ascontiguousarray(vectors), np.ascontiguousarray(ids)
        if self._centres is None or len(ids) < _MANY:
            self._index.add_with_ids(vectors, ids)
        else:
            lists = self._centres.nearest(vectors)
            self._index.add_core(len(ids), *(faiss.swig_ptr(array) for array in (vectors, ids, lists)))

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

    def centres(self) -> Vectors:
        """The centres `[lists, d]`."""
        centres: Vectors = self._index.quantizer.reconstruct_n(0, self.lists)
        return centres

    def ids(self) -> NDArray[np.int64]:
        """Every id, list by list."""
        lists = self._index.invlists
        filled = [(number, lists.list_size(number)) for number in range(self.lists)]
        return np.concatenate(
            [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in filled if size]
            or [np.empty(0, np.int64)]
        )

    def write(self, path: Path) -> None:
        """Write them to one file, packed ones in the layout that is searched."""
        plain = isinstance(self._index, faiss.IndexIVFPQ)
        faiss.write_index(faiss.IndexIVFPQFastScan(self._index) if plain else self._index, str(path))

    @classmethod
    def read(cls, path: Path, precision: Precision) -> Lists:
        """Read what `write` wrote, from a verified file; `SnapshotDamaged` when it holds something else."""
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise SnapshotDamaged(f"FAISS cannot read {path.name}.") from error
        if not _is(index, precision) or not index.is_trained or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise SnapshotDamaged(f"{path.name} is not of the type this version writes.")
        return cls(index)


def reference_selector(references: NDArray[np.bool_]) -> Any:
    """Selects the ids of the references `pk` with `references[pk]`: byte `pk` of the bitmap is its eight ids."""
    return faiss.IDSelectorBitmap(np.where(references, 255, 0).astype(np.uint8))


def bit_selector(bits: NDArray[np.uint8]) -> Any:
    """Selects the ids whose bit is set in `bits`, the lowest of a byte first; sees later changes of the array."""
    return faiss.IDSelectorBitmap(bits)


def _empty(centres: Any, lists: int, precision: Precision) -> Any:
    dim, metric = centres.d, faiss.METRIC_INNER_PRODUCT
    if precision == "half":
        return faiss.IndexIVFScalarQuantizer(centres, dim, lists, faiss.ScalarQuantizer.QT_fp16, metric, False)
    # Filled as plain codes, since only those can be put into given lists, and rearranged when they are written.
    index = faiss.IndexIVFPQ(centres, dim, lists, dim if dim % 2 else dim // 2, 4, metric)
    index.by_residual = False
    index.pq.cp.niter, index.pq.cp.min_points_per_centroid = _ROUNDS, 1
    return index


def _is(index: Any, precision: Precision) -> bool:
    if precision == "packed":
        return isinstance(index, faiss.IndexIVFPQFastScan)
    half = faiss.ScalarQuantizer.QT_fp16
    return isinstance(index, faiss.IndexIVFScalarQuantizer) and index.sq.qtype == half
