"""Is there anything in a picture that makes it its own? Contrast, texture and the ways its edges run.

Place in the flow: `service.enrolment` asks before a reference is stored, beside what its vectors say. A picture of one
colour, a bare line or stripes would be found everywhere or nowhere. Looks at pixels only; thresholds are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.placing import shrunk

SIDE: Final = 256
CELL: Final = 16
_EDGE: Final = 12.0
"""Grey levels a pixel, below which a slope is shading or noise."""
_BINS: Final = 18


@dataclass(frozen=True, slots=True)
class Substance:
    """What a picture has to be recognised by.

    `contrast` is the spread of its most varied channel between the 1st and 99th percentile, in grey levels, `busy`
    the share of 16 px cells (of the picture at most 256 px long) with an edge in them, `ways` in [1, 18] how many
    directions its edges run in: 1 for stripes, 2 for a rectangle, all 18 for a circle.
    """

    contrast: float
    busy: float
    ways: float


def substance(pixels: Pixels) -> Substance:
    """Measure a picture, uint8 RGB `[h, w, 3]`; about a millisecond."""
    small = shrunk(pixels, SIDE)
    low, high = np.percentile(small.reshape(-1, 3), (1, 99), axis=0)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    across, down = (
        np.asarray(cv2.Sobel(grey, cv2.CV_32F, x, y, ksize=3, scale=0.125), np.float32) for x, y in ((1, 0), (0, 1))
    )
    strength = np.asarray(np.hypot(across, down), np.float32)
    strength[strength < _EDGE] = 0
    return Substance(float((high - low).max()), _busy(strength), _ways(strength, across, down))


def _busy(strength: NDArray[np.float32]) -> float:
    rows, columns = (-(-length // CELL) * CELL for length in strength.shape)
    padded = np.zeros((rows, columns), np.float32)
    padded[: strength.shape[0], : strength.shape[1]] = strength
    cells = padded.reshape(rows // CELL, CELL, columns // CELL, CELL).max(axis=(1, 3))
    return float((cells > 0).mean())


def _ways(strength: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]) -> float:
    """The perplexity of the directions, weighed by the strength of the edges; 1 without any edge."""
    if not strength.any():
        return 1.0
    turn = np.mod(np.arctan2(down, across) / np.pi + 0.5 / _BINS, 1.0)
    mass = np.bincount((turn * _BINS).astype(np.int64).ravel() % _BINS, strength.ravel(), _BINS)
    shares = mass[mass > 0] / mass.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
