"""A gallery in memory: what the indexes answer, by plain matrix products, for fitting a calibration.

Place in the flow: `training.calibrate` asks it for the hardest candidates of a picture. The service uses
`indexes.gallery`; the measure is the same, the best inner product over all pairs of vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.background import Background
from vision.boxes import Box
from vision.embedding import Kind, Regions, Vectors


@dataclass(frozen=True, slots=True)
class Candidate:
    """Reference number `item`, its best inner product with the query, and the query region that gave it.

    `excess` is the most that is left of a region's similarity above the background's.
    """

    item: int
    similarity: float
    region: Box
    excess: float = 0.0


class MemoryGallery:
    """Vectors of `items` references."""

    def __init__(self, items: Sequence[Regions], kind: Kind = "photo", background: Background | None = None) -> None:
        self._kind: Kind = kind
        self._background = background
        self._vectors: Vectors = np.concatenate([item.vectors for item in items])
        self._starts = np.cumsum([0, *(len(item) for item in items)])[:-1]

    def candidates(self, query: Regions, count: int) -> list[Candidate]:
        """The `count` references nearest to any region of the query, the nearest first."""
        found = self.similarities(query)
        order = np.argsort([-candidate.similarity for candidate in found], kind="stable")
        return [found[number] for number in order[:count]]

    def similarities(self, query: Regions) -> list[Candidate]:
        """Every reference with its best region, in the order of the references."""
        products = np.maximum.reduceat(query.vectors @ self._vectors.T, self._starts, axis=1)
        best, excess = products.argmax(axis=0), np.zeros(products.shape[1])
        if self._background is not None:
            excess = (products - self._background.level(self._kind, query.vectors)[:, None]).max(axis=0)
        return [
            Candidate(item, float(products[region, item]), query.boxes[region], float(excess[item]))
            for item, region in enumerate(best)
        ]
