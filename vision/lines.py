"""Lines of one ink drawn across a picture, as thieves rule over a stolen photo, and the picture without them.

Place in the flow: when a query is prepared for embedding. A vector of a ruled photo is far from that of the photo; the
picture is embedded a second time with the lines painted over. Thin things of one colour that is found hardly anywhere
else give the ink away, and long thin pieces of it the lines. It reads pixels only, knows no model and decides nothing:
a striped shirt that is taken for a ruled photo costs one more look.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels

Ink: TypeAlias = NDArray[np.float64]
"""A colour, float64 `[3]`."""

LEAST_SIDE: Final = 64
SAMPLED: Final = 40
"""Rows, and columns, that are looked at for ink."""

REACH: Final = 48
"""A line is thinner than a fortieth of the picture: both its sides are looked for this share of a side away."""

STEP: Final = 30
"""Grey levels by which a line stands out on both sides."""

SHARE: Final = 0.4
COMMON: Final = 0.008
"""Share of the thin places, and of all places, that have the ink's colour."""

SPLIT: Final = 0.25
"""Of an ink this much at least lies in one cell of 16 grey levels: a quick way out for other colours."""

NEAR: Final = 24
SMEARED: Final = 28
"""Grey levels around the ink: in choosing it, and in painting over what JPEG and soft edges made of it."""

LONG: Final = 0.4
THIN: Final = 0.035
COVERED: Final = 0.012
FEWEST: Final = 3
GROWN: Final = 5
FILL: Final = 21


def without_lines(pixels: Pixels) -> Pixels | None:
    """`pixels`, uint8 RGB `[h, w, 3]`, with the lines across it painted over; None where there are none."""
    ink = _ink(pixels)
    lines = None if ink is None else _lines(pixels, ink)
    return None if lines is None else _painted_over(pixels, lines)


def _ink(pixels: Pixels) -> Ink | None:
    """The colour that most thin places share, looked for along a few rows and a few columns."""
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return None
    reach = max(4, round(max(height, width) / REACH))
    rows = cv2.resize(pixels, (width, SAMPLED), interpolation=cv2.INTER_NEAREST)
    columns = cv2.resize(pixels, (SAMPLED, height), interpolation=cv2.INTER_NEAREST)
    level = _thin(rows[:, reach:-reach], rows[:, : -2 * reach], rows[:, 2 * reach :])
    upright = _thin(columns[reach:-reach], columns[: -2 * reach], columns[2 * reach :])
    found = _commonest(level, SAMPLED * width), _commonest(upright, SAMPLED * height)
    return max((one for one in found if one is not None), key=lambda one: one[0], default=(0, None))[1]


def _thin(middle: cv2.typing.MatLike, before: cv2.typing.MatLike, after: cv2.typing.MatLike) -> NDArray[np.uint8]:
    """The colours `[n, 3]` of the places that differ from both sides where both sides are alike."""
    out = cv2.min(_most(cv2.absdiff(middle, before)), _most(cv2.absdiff(middle, after)))
    aside = _most(cv2.absdiff(before, after))
    return np.asarray(middle[(out > STEP) & (aside < out // 2)], np.uint8)


def _most(difference: cv2.typing.MatLike) -> cv2.typing.MatLike:
    red, green, blue = cv2.split(difference)
    return cv2.max(cv2.max(red, green), blue)


def _commonest(colours: NDArray[np.uint8], places: int) -> tuple[int, Ink] | None:
    """How many of `colours` `[n, 3]` have the commonest one, and which it is; None where it is not an ink."""
    if len(colours) < COMMON * places:
        return None
    coarse = (colours >> 4).astype(np.intp)
    keys = coarse[:, 0] << 8 | coarse[:, 1] << 4 | coarse[:, 2]
    counts = np.bincount(keys)
    if counts.max() < SPLIT * SHARE * len(colours):
        return None
    start = np.median(colours[keys == counts.argmax()], axis=0)
    near = np.abs(colours.astype(np.int16) - start).max(axis=1) <= NEAR
    count = int(near.sum())
    if count < max(SHARE * len(colours), COMMON * places):
        return None
    return count, np.asarray(np.median(colours[near], axis=0), np.float64)


def _lines(pixels: Pixels, ink: Ink) -> NDArray[np.uint8] | None:
    """Where lines of the ink lie, 0 or 1; None for fewer than three."""
    height, width = pixels.shape[:2]
    low, high = (np.clip(ink + way * SMEARED, 0, 255) for way in (-1, 1))
    inked = cv2.inRange(pixels, low, high)
    _count, labels, stats, _middles = cv2.connectedComponentsWithStats(inked, connectivity=8)
    length = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    area = stats[:, cv2.CC_STAT_AREA]
    chosen = (length >= LONG * min(height, width)) & (area <= THIN * max(height, width) * length)
    chosen[0] = False
    if chosen.sum() < FEWEST or area[chosen].sum() < COVERED * height * width:
        return None
    return np.asarray(chosen[labels], np.uint8)


def _painted_over(pixels: Pixels, lines: NDArray[np.uint8]) -> Pixels:
    """Each place of a line gets the mean colour of what is around it and no line."""
    lines = np.asarray(cv2.dilate(lines, np.ones((GROWN, GROWN), np.uint8)), np.uint8)
    kept = (1 - lines).astype(np.float32)
    share = np.maximum(cv2.blur(kept, (FILL, FILL)), 1e-3)[..., None]
    around = cv2.blur(pixels * kept[..., None], (FILL, FILL)) / share
    return np.where(lines[..., None] > 0, around, pixels).astype(np.uint8)
