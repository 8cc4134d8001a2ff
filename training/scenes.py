"""Photographs with brand marks pasted into them, and where the marks are.

Place in the flow: pairs for the logo head, examples for logoness, queries for measuring both. A mark is recoloured,
sometimes set on a plate, tilted, shaded by the cloth under it, blurred and recompressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.marks import Mark
from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg, resize

SIDE = 480
"""Scenes are square, as the model's input is; the marks are squashed at random for it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture of `SIDE` px and the box of each mark of `marks` (indices into the list it was made from)."""

    pixels: Pixels
    marks: tuple[int, ...]
    boxes: tuple[Box, ...]


def make_scene(random: np.random.Generator, photo: Pixels, marks: Sequence[Mark], indices: list[int]) -> Scene:
    """Paste the marks at `indices` into `photo` where they do not overlap; one that finds no place is left out."""
    canvas = resize(photo, SIDE, SIDE).astype(np.float32)
    kept: list[int] = []
    boxes: list[Box] = []
    for index in indices:
        alpha, plate = _warped(random, marks[index].coverage)
        box = _place(random, alpha.shape, boxes)
        if box is None:
            continue
        _blend(random, canvas, box, (alpha, plate), marks[index].colour)
        kept.append(index)
        boxes.append(_tight(box, alpha))
    noisy = canvas + random.normal(0, random.uniform(0, 5), canvas.shape)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return Scene(decode(encode_jpeg(pixels, int(random.integers(40, 95)))).pixels, tuple(kept), tuple(boxes))


def _warped(
    random: np.random.Generator, coverage: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mark and its plate (what lies behind it) at a random size, tilt and squash."""
    margin = round(0.35 * max(coverage.shape))
    mark = np.pad(coverage, margin)
    plate = np.pad(np.ones_like(coverage), round(margin * 0.6))
    plate = np.pad(plate, margin - round(margin * 0.6))
    height, width = mark.shape
    size = float(np.exp(random.uniform(np.log(36), np.log(230)))) / (1 + 2 * 0.35)
    scale = size / max(coverage.shape)
    squash = float(np.exp(random.uniform(-0.3, 0.3)))
    length = max(12, round(max(height, width) * scale * 1.1))
    centre = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - (width / 2, height / 2)
    angle = np.deg2rad(random.uniform(-15, 15))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    moved = (centre * scale * (squash, 1 / squash)) @ turn.T
    moved = moved * (1 + random.uniform(-0.08, 0.08, (4, 2))) + length / 2
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    reduced = [cv2.GaussianBlur(layer, (0, 0), max(0.3, 0.5 / scale)) for layer in (mark, plate)]
    first, second = (cv2.warpPerspective(layer, matrix, (length, length)) for layer in reduced)
    return np.asarray(first, np.float32), np.asarray(second, np.float32)


def _place(random: np.random.Generator, shape: tuple[int, ...], taken: list[Box]) -> Box | None:
    """A box for the canvas of one mark, clear of the others."""
    height, width = shape[0] / SIDE, shape[1] / SIDE
    for _ in range(12):
        x, y = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
        box = Box(x, y, x + width, y + height)
        if all(box.iou(other) == 0 for other in taken):
            return box
    return None


def _tight(box: Box, alpha: NDArray[np.float32]) -> Box:
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 0.1), np.flatnonzero(alpha.max(axis=0) > 0.1)
    height, width = alpha.shape
    inner = Box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return inner.within(box)


def _blend(
    random: np.random.Generator,
    canvas: NDArray[np.float32],
    box: Box,
    layers: tuple[NDArray[np.float32], NDArray[np.float32]],
    brand: tuple[int, int, int],
) -> None:
    """Lay the plate (sometimes) and the mark on the canvas, shaded as the surface is and blurred as the lens did."""
    left, top = round(box.x0 * SIDE), round(box.y0 * SIDE)
    alpha, plate = layers
    target = canvas[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    alpha, plate = alpha[: target.shape[0], : target.shape[1]], plate[: target.shape[0], : target.shape[1]]
    ground: NDArray[np.float64] = target.mean(axis=(0, 1), dtype=np.float64)
    under: NDArray[np.float64] = target.astype(np.float64)
    if random.random() < 0.4:
        ground = np.asarray([(255, 255, 255), (20, 20, 20), random.integers(0, 256, 3)][int(random.integers(3))], float)
        under = under * (1 - plate[:, :, None]) + ground * plate[:, :, None]
    ink = _ink(random, ground, brand)
    shade = 1.0
    if random.random() < 0.6:
        grey = target.mean(axis=2, keepdims=True)
        shade = np.clip(grey / max(float(grey.mean()), 1.0), 0.6, 1.4)
    weight = alpha[:, :, None] * random.uniform(0.75, 1.0)
    mixed = under * (1 - weight) + np.clip(ink * shade, 0, 255) * weight
    target[:] = cv2.GaussianBlur(mixed, (0, 0), random.uniform(0.3, 1.1))


def _ink(random: np.random.Generator, ground: NDArray[np.float64], brand: tuple[int, int, int]) -> NDArray[np.float64]:
    """The brand's colour, black, white or any other that can be seen on `ground`."""
    choices = [brand, (255, 255, 255), (15, 15, 15), tuple(random.integers(0, 256, 3))]
    seen = [np.asarray(choice, float) for choice in choices if np.abs(np.asarray(choice) - ground).max() > 70]
    return seen[int(random.integers(len(seen)))] if seen else np.asarray((255.0, 255.0, 255.0)) - ground
