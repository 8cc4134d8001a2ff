"""Outlines: where edges lie and which way they run, whatever the colours and the polarity.

Place in the flow: `logos` enrols marks and reads scenes as fields of doubled edge angles and correlates them.
Doubling the angle makes dark-on-light equal to light-on-dark; summing over channels sees edges between colours
of the same brightness.
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels

Field = NDArray[np.float32]

SOFT_EDGE = 24.0


def outline(pixels: Pixels, blur: float = 1.0) -> Field:
    """float32 `[h, w, 2]`: (cos 2θ, sin 2θ) of the edge at every pixel, its length the edge's strength in [0, 1)."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), blur) if blur > 0 else pixels
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    real = _over_channels(across * across - down * down)
    imaginary = _over_channels(across * down) * np.float32(2.0)
    energy = cv2.magnitude(real, imaginary)
    strength = np.sqrt(energy)
    gain = strength / ((strength + np.float32(SOFT_EDGE)) * np.maximum(energy, np.float32(1e-6)))
    return cast("Field", cv2.merge([real * gain, imaginary * gain]))


def _over_channels(planes: Field) -> NDArray[np.float32]:
    """The sum over three channels; NumPy adds along a short last axis ten times slower."""
    return cast("NDArray[np.float32]", cv2.transform(planes, np.ones((1, 3), np.float32)))


def product(one: Field, two: Field) -> NDArray[np.float32]:
    """Inner product of two fields at every pixel, float32 `[h, w]`."""
    return one[..., 0] * two[..., 0] + one[..., 1] * two[..., 1]


def strength(field: Field) -> NDArray[np.float32]:
    """Strength of the edge at every pixel, float32 `[h, w]` in [0, 1)."""
    return cast("NDArray[np.float32]", cv2.magnitude(field[..., 0], field[..., 1]))


def softened(field: Field) -> NDArray[np.float32]:
    """Edge strength blurred by 2 pixels, so that an alignment feels edges it has not reached: float32 `[h, w]`."""
    return cast("NDArray[np.float32]", cv2.GaussianBlur(strength(field), (0, 0), 2.0))


def near(field: Field, reach: int) -> NDArray[np.float32]:
    """1 within about `reach` pixels of a clear edge, 0 elsewhere: float32 `[h, w]`."""
    size = 2 * max(1, reach // 2) + 1
    edges = (strength(field) > 0.3).astype(np.uint8)
    return cv2.dilate(edges, np.ones((size, size), np.uint8)).astype(np.float32)


def variety(field: Field) -> float:
    """How evenly the edges of a mark run all ways: 0 when all are parallel, 1 for a circle or a square."""
    total = float(strength(field).sum())
    return 1.0 - math.hypot(*(float(value) for value in field.sum(axis=(0, 1)))) / max(total, 1e-6)


def correlation(one: Field, two: Field, weight: NDArray[np.float32]) -> float:
    """Correlation of two fields of one size under a weight in [0, 1] per pixel, in [-1, 1]."""
    shared = float((product(one, two) * weight).sum())
    energy = float((product(one, one) * weight).sum()) * float((product(two, two) * weight).sum())
    return float(shared / math.sqrt(max(energy, 1e-9)))


def parts(mark: Field, scene: Field, weight: NDArray[np.float32], block: int, *, agrees: float = 0.5) -> float:
    """Share of the mark's outline, cut into blocks, whose correlation with the scene exceeds `agrees`."""
    tiles = [
        _tiles(product(mark, scene) * weight, block),
        _tiles(product(mark, mark) * weight, block),
        _tiles(product(scene, scene) * weight, block),
    ]
    shared, ours, theirs = tiles
    outlined = ours > 0.15 * ours.max() if ours.size else np.zeros(0, bool)
    if not outlined.any():
        return 0.0
    agreed = shared > agrees * np.sqrt(np.maximum(ours * theirs, 1e-9))
    return float(ours[outlined & agreed].sum() / ours[outlined].sum())


def _tiles(plane: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    height, width = (max(1, round(length / block)) for length in plane.shape[:2])
    return cast("NDArray[np.float32]", cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))
