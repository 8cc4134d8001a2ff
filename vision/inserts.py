"""Rectangles that were pasted into a picture: a photo in a screenshot, a cell of a collage, a copy on another photo.

Place in the flow: before embedding and before local features, so that a small copy is looked at in its own size.
An insert's sides are straight, parallel to the picture's and have a step in colour nearly all along, which things
photographed seldom have. It reads pixels only, knows no model and decides nothing: a wrong rectangle costs one more
look.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import Box
from vision.embedding import Pixels

SIDE: Final = 160
"""Edges are looked for in a square copy of this side; a line is then placed within 1 % of the picture."""

LEAST: Final = 0.18
"""Shortest side of an insert, as a share of the picture's."""

MOST: Final = 0.92
"""Largest area: what fills the picture is the picture."""

_STEP: Final = 12
_LINES: Final = 8
_LENGTHS: Final = (32, 48, 72, 108, 150)
_BROKEN: Final = 0.6
_WEAKEST: Final = 0.45
_OVERLAP: Final = 0.6

Support = NDArray[np.float32]


def inserts(pixels: Pixels, *, most: int = 3, support: float = 0.8) -> tuple[Box, ...]:
    """At most `most` rectangles of `pixels` (uint8 RGB `[h, w, 3]`), the clearest first.

    `support` is the share of the sides that has to show a step. Sides on the picture's own border need none, but
    two sides must lie within.
    """
    square = np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    upright, level = _steps(square), _steps(np.ascontiguousarray(square.transpose(1, 0, 2)))
    columns, rows = _lines(upright), _lines(level)
    sides = _sums(upright), _sums(level)
    boxes, scores = _rectangles(columns, rows, *sides, support)
    chosen: list[Box] = []
    for number in np.argsort(-scores, kind="stable"):
        box = Box(*(float(value) / SIDE for value in boxes[number]))
        if all(box.iou(other) < _OVERLAP for other in chosen):
            chosen.append(box)
        if len(chosen) == most:
            break
    return tuple(chosen)


def _steps(square: Pixels) -> Support:
    """Where colour steps from one column to the next more than it does a little to either side; `[side, side]`."""
    red, green, blue = cv2.split(cv2.absdiff(square[:, 1:], square[:, :-1]))
    step = np.zeros(square.shape[:2], np.float32)
    step[:, 1:] = cv2.max(cv2.max(red, green), blue)
    aside = np.zeros_like(step)
    aside[:, 3:-3] = np.maximum(step[:, :-6], step[:, 6:])
    found = (step > _STEP) & (step > 1.5 * aside)
    found[:, 1:] |= found[:, :-1]
    return found.astype(np.float32)


def _sums(steps: Support) -> Support:
    """Sums of `steps` down each column, `[side + 1, side]`."""
    return np.concatenate([np.zeros((1, SIDE), np.float32), np.cumsum(steps, axis=0, dtype=np.float32)])


def _lines(steps: Support) -> NDArray[np.intp]:
    """The columns with the longest runs of steps, and both borders, sorted."""
    sums = _sums(steps)
    length = np.zeros(SIDE)
    for size in _LENGTHS:
        share = (sums[size:] - sums[:-size]).max(axis=0) / size
        length = np.maximum(length, np.where(share > _BROKEN, share * size, 0.0))
    found = [0, SIDE]
    for _ in range(_LINES):
        place = int(length.argmax())
        if length[place] == 0.0:
            break
        found.append(place)
        length[max(0, place - 2) : place + 3] = 0.0
    return np.unique(found)


def _rectangles(
    columns: NDArray[np.intp], rows: NDArray[np.intp], upright: Support, level: Support, support: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Every rectangle between the lines with enough support: corners `[n, 4]` in steps, and how clear each is."""
    across = np.array([pair for pair in combinations(columns, 2) if pair[1] - pair[0] >= LEAST * SIDE])
    down = np.array([pair for pair in combinations(rows, 2) if pair[1] - pair[0] >= LEAST * SIDE])
    left, right = across[:, 0][:, None], across[:, 1][:, None]
    top, bottom = down[:, 0][None, :], down[:, 1][None, :]
    sides = [_share(upright, top, bottom, x) for x in (left, right)]
    sides += [_share(level, left, right, y) for y in (top, bottom)]
    shares = np.stack(sides)
    within = np.stack(np.broadcast_arrays(left > 0, right < SIDE, top > 0, bottom < SIDE))
    weakest = np.where(within, shares, 1.0).min(axis=0)
    total = np.where(within, shares, 0.0).sum(axis=0)
    area = (right - left) * (bottom - top)
    good = (
        (weakest >= _WEAKEST)
        & (total >= support * within.sum(axis=0))
        & (within.sum(axis=0) >= 2)
        & (area <= MOST * SIDE * SIDE)
    )
    corners = np.stack(np.broadcast_arrays(left, top, right, bottom), axis=-1)[good]
    return corners, np.asarray((weakest + 0.1 * total)[good], np.float64)


def _share(
    sums: Support, start: NDArray[np.intp], end: NDArray[np.intp], line: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The share of steps along `line` from `start` to `end`; 0 on the far border, which has none."""
    place = np.minimum(line, SIDE - 1)
    return np.asarray((sums[end, place] - sums[start, place]) / (end - start), np.float64)
