"""The views under which a reference logo is enrolled: its own colours, grey, both polarities, small, and tilted.

Place in the flow: pixels of a reference → **views** → one backbone pass over all of them. A mark seen in the wild
may be printed light on dark, in one colour, a few pixels wide or at an angle; one vector of the original cannot
stand for these. NumPy and OpenCV only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import fit, resize

_FLAT_BORDER = 12.0
"""Standard deviation of the border, in grey levels, below which it counts as a plain background."""


@dataclass(frozen=True, slots=True)
class View:
    """One view: uint8 `[side, side, 3]` and the box of the mark in it."""

    pixels: Pixels
    box: Box


def find_mark(pixels: Pixels) -> Box:
    """The part of a logo picture that is not plain background; the whole picture where the border is not plain."""
    height, width = pixels.shape[:2]
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.float32)
    ground = np.median(border, axis=0)
    if np.abs(border - ground).mean() > _FLAT_BORDER:
        return Box(0.0, 0.0, 1.0, 1.0)
    differs = np.abs(pixels.astype(np.float32) - ground).max(axis=2) > 32
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if rows.size == 0:
        return Box(0.0, 0.0, 1.0, 1.0)
    return Box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)


def logo_views(pixels: Pixels, *, side: int, fill: float) -> list[View]:
    """Six views of one logo, each on a canvas of `side` px with the mark covering the share `fill` of its length."""
    left, top, right, bottom = find_mark(pixels).pixels(pixels.shape[1], pixels.shape[0])
    mark = pixels[top:bottom, left:right]
    grey = np.repeat(np.asarray(cv2.cvtColor(mark, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None], 3, axis=2)
    inverted = np.bitwise_not(grey)
    large, small = round(side * fill), round(side * fill / 2.0)
    return [
        _place(mark, side, large),
        _place(grey, side, large),
        _place(inverted, side, large),
        _place(mark, side, small),
        _place(inverted, side, small),
        _place(_tilted(mark), side, large),
    ]


def crop_view(crop: Pixels, *, side: int, margin: float) -> View:
    """A window cut again with `margin` (see `vision.images.cut`), its crop filling a canvas of `side` px."""
    view = _place(crop, side, side)
    inner = margin / (1.0 + 2.0 * margin)
    return View(view.pixels, Box(inner, inner, 1.0 - inner, 1.0 - inner).within(view.box))


def _place(mark: Pixels, side: int, length: int) -> View:
    """The mark scaled to `length` px in the middle of a canvas of its own background colour."""
    scaled = fit(mark, length)
    if max(scaled.shape[:2]) < length:
        ratio = length / max(scaled.shape[:2])
        scaled = resize(scaled, max(1, round(scaled.shape[1] * ratio)), max(1, round(scaled.shape[0] * ratio)))
    height, width = scaled.shape[:2]
    left, top = (side - width) // 2, (side - height) // 2
    canvas: Pixels = np.empty((side, side, 3), np.uint8)
    canvas[:] = _ground(scaled)
    canvas[top : top + height, left : left + width] = scaled
    return View(canvas, Box(left / side, top / side, (left + width) / side, (top + height) / side))


def _ground(mark: Pixels) -> NDArray[np.uint8]:
    border = np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]])
    return np.asarray(np.median(border, axis=0), np.uint8)


def _tilted(mark: Pixels) -> Pixels:
    """A small perspective: the right side a quarter shorter, as on a surface seen from the left."""
    height, width = mark.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    inset = height * 0.12
    target = np.array([(0, 0), (width, inset), (width, height - inset), (0, height)], np.float32)
    transform = cv2.getPerspectiveTransform(source, target)
    border = tuple(int(value) for value in _ground(mark))
    warped = cv2.warpPerspective(mark, transform, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    return np.asarray(warped, np.uint8)
