"""Tiles of photograph with one mark on them, as cameras see prints, stickers, embroidery and signs.

Place in the flow: positives of the logo head. A tile is what a window and its surroundings look like at the scale
the backbone sees; one is an eighth of the work of a whole picture and carries as much about a mark.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.marks import Mark
from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg, resize

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tile:
    """uint8 `[side, side, 3]` and the box of the mark in it."""

    pixels: Pixels
    box: Box


def print_tile(
    random: Generator, photo: Pixels, mark: Mark, *, side: int, share: tuple[float, float] = (0.2, 0.78)
) -> Tile:
    """`mark` on a random part of `photo`; its longer side is a log-uniform `share` of the tile."""
    ground = background(random, photo, side).astype(np.float32)
    length = side * float(np.exp(random.uniform(np.log(share[0]), np.log(share[1]))))
    # the shorter side of a long word keeps enough pixels to be read
    length = min(max(length, 13 * max(mark.coverage.shape) / min(mark.coverage.shape)), 0.85 * side)
    alpha, plate = _warped(random, mark.coverage, length)
    alpha, plate = alpha[:side, :side], plate[:side, :side]
    rows, columns = alpha.shape
    left, top = int(random.integers(0, side - columns + 1)), int(random.integers(0, side - rows + 1))
    target = ground[top : top + rows, left : left + columns]
    target[:] = _printed(random, target, (alpha, plate), mark)
    inner = _tight(alpha)
    box = Box((left + inner[0]) / side, (top + inner[1]) / side, (left + inner[2]) / side, (top + inner[3]) / side)
    if random.random() < 0.15:
        _occlude(random, ground, box, photo)
    return Tile(photographed(random, ground), box)


def background(random: Generator, photo: Pixels, side: int) -> Pixels:
    """A random square part of a photograph, as `[side, side, 3]` of its own."""
    height, width = photo.shape[:2]
    length = int(random.uniform(min(110, height, width), min(height, width) + 1))
    left, top = int(random.integers(0, width - length + 1)), int(random.integers(0, height - length + 1))
    return resize(np.ascontiguousarray(photo[top : top + length, left : left + length]), side, side)


def photographed(random: Generator, canvas: Plane) -> Pixels:
    """What a camera and an upload make of it: exposure, blur, lost resolution, noise, JPEG."""
    side = canvas.shape[0]
    if random.random() < 0.3:
        canvas = canvas * random.uniform(0.7, 1.2, 3).astype(np.float32) + random.uniform(-15, 15)
    kind = random.random()
    if kind < 0.35:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(random.uniform(0.3, 1.4))), np.float32)
    elif kind < 0.45:
        canvas = _shaken(random, canvas)
    elif kind < 0.65:
        small = max(48, round(side * random.uniform(0.35, 0.9)))
        reduced = cv2.resize(canvas, (small, small), interpolation=cv2.INTER_AREA)
        canvas = np.asarray(cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    noisy = canvas + random.normal(0, random.uniform(0, 6), canvas.shape)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return decode(encode_jpeg(pixels, int(random.integers(30, 95)))).pixels if random.random() < 0.6 else pixels


def _shaken(random: Generator, canvas: Plane) -> Plane:
    length = int(random.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    angle = random.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length / 2)
    centre = np.array([length / 2, length / 2])
    start, end = (tuple(int(value) for value in centre + sign * reach) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1)
    return np.asarray(cv2.filter2D(canvas, -1, kernel / max(float(kernel.sum()), 1.0)), np.float32)


def _warped(random: Generator, coverage: Plane, length: float) -> tuple[Plane, Plane]:
    """The mark and a plate behind it, turned, squashed, in perspective, folded or wrapped, `length` px long."""
    margin = round(0.3 * max(coverage.shape))
    mark = np.pad(coverage, margin)
    inset = round(margin * random.uniform(0.2, 0.8))
    plate = np.pad(
        np.ones((coverage.shape[0] + 2 * (margin - inset), coverage.shape[1] + 2 * (margin - inset)), np.float32), inset
    )
    height, width = mark.shape
    scale = length / max(coverage.shape)
    squash = float(np.exp(random.uniform(-0.3, 0.3)))
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    angle = np.deg2rad(float(random.normal(0, 10)))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    moved = ((frame - (width / 2, height / 2)) * scale * (squash, 1 / squash)) @ turn.T
    moved = moved * (1 + random.uniform(-0.1, 0.1, (4, 2)))
    low = moved.min(axis=0)
    size = np.maximum(np.ceil(moved.max(axis=0) - low), 12).astype(int)
    matrix = cv2.getPerspectiveTransform(frame, (moved - low).astype(np.float32))
    blur = 0.5 / scale
    layers = []
    bend = _bend(random, int(size[0]), int(size[1])) if random.random() < 0.35 else None
    for layer in (mark, plate):
        smooth = cv2.GaussianBlur(layer, (0, 0), blur) if blur > 0.4 else layer
        warped = cv2.warpPerspective(smooth, matrix, (int(size[0]), int(size[1])))
        layers.append(np.asarray(cv2.remap(warped, *bend, cv2.INTER_LINEAR) if bend else warped, np.float32))
    return layers[0], layers[1]


def _bend(random: Generator, width: int, height: int) -> tuple[Plane, Plane]:
    """Maps of a cylinder (the sides foreshortened) or of folds in cloth."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    if random.random() < 0.5:
        u = (x / max(width - 1, 1) - 0.5) * 2
        curve = np.arcsin(np.clip(u, -1, 1) * 0.95) / np.arcsin(0.95)
        mix = random.uniform(0.3, 1.0)
        bow = random.uniform(-0.15, 0.15) * height * (1 - u**2)
        return ((u + (curve - u) * mix) / 2 + 0.5).astype(np.float32) * (width - 1), (y + bow).astype(np.float32)
    waves = random.uniform(-0.04, 0.04, (2, 2)) * max(width, height)
    phase, rate = random.uniform(0, 6.3, 2), random.uniform(1, 3, 2) * 6.3 / max(width, height)
    along = np.sin(y * rate[0] + phase[0]), np.sin(x * rate[1] + phase[1])
    moved = [base + waves[axis, 0] * along[0] + waves[axis, 1] * along[1] for axis, base in enumerate((x, y))]
    return moved[0].astype(np.float32), moved[1].astype(np.float32)


def _printed(random: Generator, target: Plane, layers: tuple[Plane, Plane], mark: Mark) -> Plane:
    """Ink over plate over what was there, shaded as the surface is."""
    alpha, plate = layers
    under = target
    ground = target.mean(axis=(0, 1))
    if random.random() < 0.4:
        ground = _plate_colour(random)
        under = target * (1 - plate[..., None]) + ground * _shade(random, target) * plate[..., None]
    if random.random() < 0.06:
        alpha = np.asarray(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.float32)
    ink = _ink(random, ground, mark.colour, alpha.shape)
    ink = ink * _shade(random, target)
    if random.random() < 0.12:
        ink = _stitched(random, ink, alpha)
    weight = alpha[..., None] * random.uniform(0.75, 1.0)
    return np.asarray(under * (1 - weight) + np.clip(ink, 0, 255) * weight, np.float32)


def _plate_colour(random: Generator) -> Plane:
    choice = int(random.integers(3))
    return np.asarray([(255, 255, 255), (20, 20, 20), random.integers(0, 256, 3)][choice], np.float32)


def _shade(random: Generator, target: Plane) -> Plane:
    """The light on the surface: of the photograph itself, of soft folds, or even."""
    shade = np.ones((*target.shape[:2], 1), np.float32)
    if random.random() < 0.6:
        grey = target.mean(axis=2, keepdims=True)
        shade = np.clip(grey / max(float(grey.mean()), 1.0), 0.55, 1.45)
    if random.random() < 0.25:
        coarse = random.uniform(0.6, 1.3, (4, 4)).astype(np.float32)
        shade = shade * cv2.resize(coarse, target.shape[1::-1], interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray(shade, np.float32)


def _ink(random: Generator, ground: Plane, brand: tuple[int, int, int], shape: tuple[int, ...]) -> Plane:
    """One ink that can be seen on `ground`, sometimes running into a second; `[h, w, 3]` or `[3]`."""
    choices = [np.asarray(brand), np.full(3, 255), np.full(3, 15), random.integers(0, 256, 3)]
    seen = [choice.astype(np.float32) for choice in choices if _stands_out(choice - ground)]
    if not seen:
        return np.asarray(255.0 - ground, np.float32)
    first = seen[int(random.integers(len(seen)))]
    if random.random() > 0.12 or len(seen) < 2:
        return first
    second = seen[int(random.integers(len(seen)))]
    ramp = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None]
    return np.asarray(first * (1 - ramp) + second * np.broadcast_to(ramp, (shape[0], shape[1], 1)), np.float32)


def _stands_out(difference: Plane) -> bool:
    """Whether two colours can be told apart on a poor photograph."""
    return bool(np.abs(difference).max() > 90 and abs(float(difference @ (0.3, 0.59, 0.11))) > 35)


def _stitched(random: Generator, ink: Plane, alpha: Plane) -> Plane:
    """Threads: fine stripes of light and dark across the mark, and a raised edge."""
    rows, columns = alpha.shape
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    angle, pitch = random.uniform(0, np.pi), random.uniform(1.6, 4.0)
    threads = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / pitch + random.normal(0, 0.6, alpha.shape))
    edge = np.asarray(cv2.Sobel(cv2.GaussianBlur(alpha, (0, 0), 1.2), cv2.CV_32F, 1, 1), np.float32)
    light = 1 + random.uniform(0.08, 0.25) * threads + random.uniform(-0.8, 0.8) * edge
    return np.asarray(ink * light[..., None], np.float32)


def _occlude(random: Generator, canvas: Plane, box: Box, photo: Pixels) -> None:
    """Something in front: up to a third of the mark from one side, filled with other parts of the photograph."""
    side = canvas.shape[0]
    left, top, right, bottom = box.pixels(side, side)
    depth = random.uniform(0.08, 0.33)
    width, height = max(2, round((right - left) * depth)), max(2, round((bottom - top) * depth))
    x0, y0, x1, y1 = [
        (left, top, left + width, bottom),
        (right - width, top, right, bottom),
        (left, top, right, top + height),
        (left, bottom - height, right, bottom),
    ][int(random.integers(4))]
    canvas[y0:y1, x0:x1] = (
        background(random, photo, 48)[:1].mean()
        if random.random() < 0.3
        else resize(background(random, photo, 48), x1 - x0, y1 - y0)
    )


def _tight(alpha: Plane) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 0.15), np.flatnonzero(alpha.max(axis=0) > 0.15)
    if not len(rows) or not len(columns):
        return 0, 0, alpha.shape[1], alpha.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
