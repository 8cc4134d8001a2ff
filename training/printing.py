"""Marks printed on photographs: the logo positives a calibration is fitted on.

Place in the flow: `training.marks` draws the marks, `training.evidence` asks for printed ones, seeded. The mark gets
any colour that stands out, a plain label under it now and then, a mild turn and perspective, blur and JPEG.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.marks import Mark
from vision.embedding import Pixels

Square = tuple[int, int, int, int]
Plane = NDArray[np.float32]


def printed(
    scene: Pixels, mark: Mark, rng: Generator, share: tuple[float, float] = (0.12, 0.45)
) -> tuple[Pixels, Square]:
    """`scene` with the mark printed on it, and the place as (left, top, right, bottom) pixels."""
    height, width = scene.shape[:2]
    cover = _bent(mark.coverage, min(height, width) * rng.uniform(*share), rng)
    rows, columns = cover.shape
    left, top = int(rng.integers(0, width - columns + 1)), int(rng.integers(0, height - rows + 1))
    ground = scene[top : top + rows, left : left + columns].astype(np.float32)
    if rng.random() < 0.4:
        ground = np.broadcast_to(rng.uniform(0, 255, 3).astype(np.float32), ground.shape).copy()
    alpha = cover[..., None] * rng.uniform(0.85, 1.0)
    mixed = ground * (1 - alpha) + _contrasting(ground.mean(axis=(0, 1)), rng) * alpha
    canvas = scene.copy()
    canvas[top : top + rows, left : left + columns] = np.clip(mixed + rng.normal(0, 2, mixed.shape), 0, 255)
    return _photographed(canvas, rng), (left, top, left + columns, top + rows)


def _contrasting(ground: Plane, rng: Generator) -> Plane:
    """A colour whose brightness differs from the ground's by at least 60."""
    weights = np.array([0.3, 0.59, 0.11], np.float32)
    for _ in range(50):
        ink = rng.uniform(0, 255, 3).astype(np.float32)
        if abs(float((ink - ground) @ weights)) > 60:
            return ink
    return np.full(3, 0.0 if ground.mean() > 127 else 255.0, np.float32)


def _bent(cover: Plane, side: float, rng: Generator) -> Plane:
    """The mark turned by up to 12 degrees, in mild perspective, its longest side about `side` pixels."""
    height, width = cover.shape
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-12, 12), 0.88)
    shift = rng.uniform(-0.05, 0.05, (4, 2)) * [width, height]
    corners = (cv2.transform(frame[None], turn)[0] + shift).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(frame, corners)
    bent = cv2.warpPerspective(cover, matrix, (width, height), flags=cv2.INTER_LINEAR)
    scale = side / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    return cast("Plane", cv2.resize(bent, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _photographed(pixels: Pixels, rng: Generator) -> Pixels:
    if rng.random() < 0.5:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
