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

SIDE: Final = 320
"""Edges are looked for in a square copy of this side. In one half as wide an eighth of small pastes is lost, and twice
as many plain photographs have something that looks like a rectangle."""

LEAST: Final = 0.18
"""Shortest side of an insert, as a share of the picture's."""

MOST: Final = 0.92
"""Largest area: what fills the picture is the picture."""

SUPPORT: Final = 0.75
"""Share of the sides that has to show a step: what little of them is lost to a like background."""

_STEP: Final = 12
_LINES: Final = 8
_SHARPER: Final = np.minimum(255, np.floor(1.5 * np.arange(256))).astype(np.uint8)
"""By step aside: what a step has to be more than."""
_LENGTHS: Final = (64, 96, 144, 216, 300)
_PACE: Final = 4
_BROKEN: Final = 0.6
_WEAKEST: Final = 0.45
_OVERLAP: Final = 0.6

Support = NDArray[np.uint8]
Sums = NDArray[np.int16]


def inserts(pixels: Pixels, *, most: int = 3, support: float = SUPPORT) -> tuple[Box, ...]:
    """At most `most` rectangles of `pixels` (uint8 RGB `[h, w, 3]`), the clearest first.

    `support` is the share of the sides that has to show a step. Sides on the picture's own border need none, but
    two sides must lie within.
    """
    square = pixels
    if pixels.shape[:2] != (SIDE, SIDE):
        square = np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    across, down = _change(square[:, 1:], square[:, :-1]), _change(square[1:], square[:-1])
    sides = _sums(_steps(across)), _sums(_steps(down.T))
    columns, rows = _lines(sides[0]), _lines(sides[1])
    boxes, scores = _rectangles(columns, rows, *sides, support)
    chosen: list[Box] = []
    for number in np.argsort(-scores, kind="stable"):
        box = Box(*(float(value) / SIDE for value in boxes[number]))
        if all(box.iou(other) < _OVERLAP for other in chosen):
            chosen.append(box)
        if len(chosen) == most:
            break
    return tuple(chosen)


def _change(here: Pixels, there: Pixels) -> Support:
    """The largest change of any colour, uint8 `[h, w]`."""
    red, green, blue = cv2.split(cv2.absdiff(here, there))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _steps(changes: Support) -> Support:
    """Where colour changes more than a little to either side, 1 or 0, `[side, side]`; `changes` are to the left."""
    step = np.zeros((SIDE, SIDE), np.uint8)
    step[:, 1:] = changes
    aside = np.zeros_like(step)
    aside[:, 3:-3] = cv2.max(step[:, :-6], step[:, 6:])
    least = np.maximum(cv2.LUT(aside, _SHARPER), np.uint8(_STEP))
    found = np.asarray(cv2.compare(step, least, cv2.CMP_GT), np.uint8)
    found[:, 1:] = cv2.max(found[:, 1:], found[:, :-1])
    return np.asarray(found & 1, np.uint8)


def _sums(steps: Support) -> Sums:
    """Sums of `steps` down each column, `[side + 1, side]`."""
    sums = np.zeros((SIDE + 1, SIDE), np.int16)
    np.cumsum(steps, axis=0, dtype=np.int16, out=sums[1:])
    return sums


def _lines(sums: Sums) -> NDArray[np.intp]:
    """The columns with the longest runs of steps, and both borders, sorted."""
    length = np.zeros(SIDE)
    for size in _LENGTHS:
        share = (sums[size::_PACE] - sums[:-size:_PACE]).max(axis=0) / size
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
    columns: NDArray[np.intp], rows: NDArray[np.intp], upright: Sums, level: Sums, support: float
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


def _share(sums: Sums, start: NDArray[np.intp], end: NDArray[np.intp], line: NDArray[np.intp]) -> NDArray[np.float64]:
    """The share of steps along `line` from `start` to `end`; 0 on the far border, which has none."""
    place = np.minimum(line, SIDE - 1)
    return np.asarray((sums[end, place] - sums[start, place]) / (end - start), np.float64)
