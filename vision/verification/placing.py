"""Sizes and boxes of aligned pictures, shared by both verifiers."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels
from vision.verification.alignment import Matrix, corners, moved


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """`pixels` with the longest side at most `side`."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cast("Pixels", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def sized(pixels: Pixels, side: float) -> Pixels:
    """`pixels` with the longest side at `side`: down by area, up by cubic; no side under 8 pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cast("Pixels", cv2.resize(pixels, size, interpolation=way))


def bounds(matrix: Matrix, width: int, height: int, other_width: int, other_height: int) -> Box:
    """Where a picture `width` by `height` lands in another through `matrix`, as an axis-aligned clipped box."""
    quad = moved(matrix, corners(width, height)) / np.array([other_width, other_height])
    if not np.isfinite(quad).all():
        return WHOLE
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1)).clipped()
