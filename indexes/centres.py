"""Centres of inverted lists in two levels: learned, and assigned to, at a fraction of what one level costs.

Place in the flow: `indexes.inverted` trains its lists and fills them in bulk with this. With n centres in about √n
groups a vector is compared with the groups and with the centres of the nearest few, instead of with all. Nearly always
that is the nearest of all; where it is not, the vector lies in a list almost as near, which a search looks into just
as well. Searching does not use it: one query's product with all centres costs next to nothing.
"""

from __future__ import annotations

import math
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Vectors

GROUPS_TRIED: Final = 3
ONE_LEVEL: Final = 2_048
"""Centres up to which one level is affordable: where vectors form no larger groups its lists are better."""
_ROUNDS = 6
_PER_CENTRE = 24
_PER_GROUP = 256
"""Vectors of the sample for each of the first level's centres, which are few."""


class Centres:
    """Unit vectors `[n, d]` in `all`, those of one group side by side."""

    def __init__(self, groups: Vectors, members: list[Vectors]) -> None:
        self.all: Vectors = np.concatenate(members)
        self._groups = _flat(groups)
        self._members = [_flat(centres) for centres in members]
        self._starts = np.cumsum([0, *(len(centres) for centres in members)])

    @classmethod
    def train(cls, sample: Vectors, count: int) -> Centres:
        """About `count` centres of a sample, by spherical k-means on one level, or two where they are many."""
        sample = np.ascontiguousarray(sample)
        if count <= ONE_LEVEL:
            centres = _k_means(sample, count, _PER_CENTRE)
            return cls(centres[:1], [centres])
        groups = _k_means(sample, round(math.sqrt(count)), _PER_GROUP)
        nearest = _flat(groups).search(sample, 1)[1][:, 0]
        sizes = np.bincount(nearest, minlength=len(groups))
        wanted = np.minimum(sizes, np.maximum(1, np.rint(sizes * count / len(sample)))).astype(int)
        filled = [number for number, many in enumerate(wanted) if many]
        most = len(sample)
        members = [_k_means(sample[nearest == number], int(wanted[number]), most) for number in filled]
        return cls(groups[filled], members)

    def nearest(self, vectors: Vectors) -> NDArray[np.int64]:
        """The centre nearest to each of many vectors, int64 `[n]`."""
        faiss.omp_set_num_threads(1)
        vectors = np.ascontiguousarray(vectors)
        if len(self._members) == 1:
            nearest: NDArray[np.int64] = self._members[0].search(vectors, 1)[1][:, 0]
            return nearest
        _, groups = self._groups.search(vectors, min(GROUPS_TRIED, len(self._members)))
        order = np.argsort(groups, axis=None, kind="stable")
        bounds = np.searchsorted(groups.ravel()[order], np.arange(len(self._members) + 1))
        best = np.full(len(vectors), -np.inf, np.float32)
        found = np.zeros(len(vectors), np.int64)
        for number, members in enumerate(self._members):
            rows = order[bounds[number] : bounds[number + 1]] // groups.shape[1]
            if len(rows):
                similarities, centres = members.search(vectors[rows], 1)
                better = similarities[:, 0] > best[rows]
                best[rows[better]] = similarities[better, 0]
                found[rows[better]] = centres[better, 0] + self._starts[number]
        return found


def _k_means(sample: Vectors, count: int, most: int) -> Vectors:
    faiss.omp_set_num_threads(1)  # for the calling thread; more would only take cores from the embedder
    means = faiss.Kmeans(
        sample.shape[1],
        min(count, len(sample)),
        niter=_ROUNDS,
        spherical=True,
        seed=1,
        min_points_per_centroid=1,
        max_points_per_centroid=most,
    )
    means.train(np.ascontiguousarray(sample))
    centres: Vectors = means.centroids
    return centres


def _flat(centres: Vectors) -> faiss.IndexFlatIP:
    index = faiss.IndexFlatIP(centres.shape[1])
    index.add(np.ascontiguousarray(centres))
    return index
