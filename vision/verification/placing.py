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
    size = size_within(pixels, side)
    if size == (pixels.shape[1], pixels.shape[0]):
        return np.ascontiguousarray(pixels)
    return cast("Pixels", cv2.resize(halved(pixels, side), size, interpolation=cv2.INTER_AREA))


def size_within(pixels: Pixels, side: int) -> tuple[int, int]:
    """Width and height of `shrunk` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def halved(pixels: Pixels, side: int) -> Pixels:
    """`pixels` halved while the longest side stays at least `side`; means of means are means, and much faster."""
    while max(pixels.shape[:2]) >= 2 * side and min(pixels.shape[:2]) >= 2:
        half = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = cast("Pixels", cv2.resize(pixels, half, interpolation=cv2.INTER_AREA))
    return pixels


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
