"""Fifteen crops of a picture, so that a single-vector method can find what fills only a part of it.

Place in the flow: `training.peers.lite0` and `training.peers.sscd` ask with all of them and keep the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels, Vectors

LAYOUT: Final[tuple[Box, ...]] = (
    WHOLE,
    Box(0.2, 0.2, 0.8, 0.8),
    *(Box(x, y, x + 0.6, y + 0.6) for y in (0.0, 0.4) for x in (0.0, 0.4)),
    *(Box(x, y, x + 0.4, y + 0.4) for y in (0.0, 0.3, 0.6) for x in (0.0, 0.3, 0.6)),
)
"""The whole, its middle, four corners of 60 % and nine places of 40 %."""


def cropped(pixels: Pixels, boxes: Sequence[Box]) -> list[Pixels]:
    """The parts of a picture."""
    height, width = pixels.shape[:2]
    spots = [box.pixels(width, height) for box in boxes]
    return [np.ascontiguousarray(pixels[top:bottom, left:right]) for left, top, right, bottom in spots]


def best_of_crops(vectors: Vectors, references: Vectors, crops: int) -> NDArray[np.float64]:
    """Inner products `[pictures, references]` of the best of each picture's `crops` consecutive vectors."""
    products = (vectors @ references.T).astype(np.float64)
    best: NDArray[np.float64] = products.reshape(-1, crops, len(references)).max(axis=1)
    return best
