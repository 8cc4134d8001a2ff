"""What peers of one vector a picture share, and fifteen crops, so that they can find what fills only a part of one.

Place in the flow: under `training.peers.lite0` and `training.peers.sscd`. Knows no model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import numpy as np

from training.peers import Scores
from vision.boxes import WHOLE, Box
from vision.embedding import Pixels, Vectors
from vision.images import cut

LAYOUT: Final[tuple[Box, ...]] = (
    WHOLE,
    Box(0.2, 0.2, 0.8, 0.8),
    *(Box(x, y, x + 0.6, y + 0.6) for y in (0.0, 0.4) for x in (0.0, 0.4)),
    *(Box(x, y, x + 0.4, y + 0.4) for y in (0.0, 0.3, 0.6) for x in (0.0, 0.3, 0.6)),
)
"""The whole, its middle, four corners of 60 % and nine places of 40 %."""


class CropPeer(ABC):
    """Inner product of one unit vector a picture; with `crops` the best of fifteen of the query."""

    def __init__(self, *, crops: bool) -> None:
        self._layout = LAYOUT if crops else (WHOLE,)
        self._references: Vectors = np.zeros((0, 0), np.float32)

    def enrol(self, pictures: Sequence[Pixels]) -> None:
        """References are taken whole."""
        self._references = self._vectors(pictures)

    def scores(self, pictures: Sequence[Pixels]) -> Scores:
        """The best inner product over the crops, `[pictures, references]`."""
        parts = [cut(pixels, box, 0.0) for pixels in pictures for box in self._layout]
        products = (self._vectors(parts) @ self._references.T).astype(np.float64)
        best: Scores = products.reshape(-1, len(self._layout), len(self._references)).max(axis=1)
        return best

    @abstractmethod
    def _vectors(self, pictures: Sequence[Pixels]) -> Vectors:
        """Unit vectors `[n, d]`."""
