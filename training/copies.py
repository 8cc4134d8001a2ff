"""Random edits of a photograph, as sellers make them, with the boxes that correspond.

Place in the flow: pairs for the photo head and queries for measuring it. Not the generator of the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg, fit, resize


@dataclass(frozen=True, slots=True)
class Copy:
    """An edited copy: what `query_box` of `pixels` shows is `reference_box` of the original."""

    pixels: Pixels
    query_box: Box = WHOLE
    reference_box: Box = WHOLE


Edit = Callable[[np.random.Generator, Pixels, Pixels], Copy]
"""(random, the photo, some other photo) to a copy."""


def make_copy(random: np.random.Generator, photo: Pixels, other: Pixels, family: str) -> Copy:
    """An edit of `family`, one of `FAMILIES`, followed by a mild recompression as every upload has."""
    copy = FAMILIES[family](random, photo, other)
    return Copy(_jpeg(copy.pixels, int(random.integers(45, 95))), copy.query_box, copy.reference_box)


def _crop(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    width, height = random.uniform(0.45, 0.85, 2)
    left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
    box = Box(left, top, left + width, top + height)
    x0, y0, x1, y1 = box.pixels(photo.shape[1], photo.shape[0])
    return Copy(photo[y0:y1, x0:x1], WHOLE, box)


def _overlay(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    pixels = photo.copy()
    height, width = pixels.shape[:2]
    for _number in range(int(random.integers(1, 4))):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        x, y = int(random.uniform(0, 0.8) * width), int(random.uniform(0.05, 0.9) * height)
        size = random.uniform(0.08, 0.3) * min(width, height)
        if random.random() < 0.4:
            cv2.circle(pixels, (x, y), int(size / 2), colour, -1)
        else:
            word = "".join(chr(letter) for letter in random.integers(65, 91, int(random.integers(3, 9))))
            cv2.putText(pixels, word, (x // 2, y), cv2.FONT_HERSHEY_DUPLEX, size / 40, colour, max(1, int(size / 15)))
    return Copy(pixels)


def _jitter(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    gains, offset = random.uniform(0.65, 1.4, 3), random.uniform(-35, 35)
    grey = photo.mean(axis=2, keepdims=True)
    mixed = grey + (photo - grey) * random.uniform(0.0, 1.5)
    return Copy(np.clip(mixed * gains + offset, 0, 255).astype(np.uint8))


def _degrade(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    small = fit(photo, round(max(photo.shape) * random.uniform(0.3, 0.6)))
    return Copy(_jpeg(small, int(random.integers(10, 35))))


def _mirror(_random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    return Copy(np.ascontiguousarray(photo[:, ::-1]))


def _rotate(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(random.uniform(-25, 25)), 1.0)
    return Copy(np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderValue=_colour(random)), np.uint8))


def _perspective(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    height, width = photo.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = (corners + random.uniform(-0.12, 0.12, (4, 2)) * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return Copy(np.asarray(cv2.warpPerspective(photo, matrix, (width, height), borderValue=_colour(random)), np.uint8))


def _paste(random: np.random.Generator, photo: Pixels, other: Pixels) -> Copy:
    share = random.uniform(0.4, 0.75)
    height, width = other.shape[:2]
    inner = fit(resize(photo, *_scaled(photo, 2.0)), round(min(width, height) * share))
    rows, columns = inner.shape[:2]
    top, left = int(random.integers(0, height - rows + 1)), int(random.integers(0, width - columns + 1))
    canvas = other.copy()
    canvas[top : top + rows, left : left + columns] = inner
    return Copy(canvas, Box(left / width, top / height, (left + columns) / width, (top + rows) / height))


def _collage(random: np.random.Generator, photo: Pixels, other: Pixels) -> Copy:
    tile = resize(other, 240, 240)
    tiles = [tile, np.ascontiguousarray(tile[::-1]), np.ascontiguousarray(tile[:, ::-1]), np.full_like(tile, 240)]
    place = int(random.integers(4))
    tiles[place] = resize(photo, 240, 240)
    x, y = place % 2 / 2, place // 2 / 2
    return Copy(np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]), Box(x, y, x + 0.5, y + 0.5))


def _pad(random: np.random.Generator, photo: Pixels, _: Pixels) -> Copy:
    height, width = photo.shape[:2]
    top, bottom, side = (int(value) for value in random.uniform(0, 0.35, 3) * (height, height, width))
    canvas = np.empty((height + top + bottom, width + 2 * side, 3), np.uint8)
    canvas[:] = _colour(random)
    canvas[top : top + height, side : side + width] = photo
    rows, columns = canvas.shape[:2]
    return Copy(canvas, Box(side / columns, top / rows, (side + width) / columns, (top + height) / rows))


def _triple(random: np.random.Generator, photo: Pixels, other: Pixels) -> Copy:
    copy = _crop(random, photo, other)
    edits: tuple[Edit, ...] = (_overlay, _jitter, _mirror, _degrade)
    pixels = copy.pixels
    for number in random.permutation(len(edits))[:2]:
        pixels = edits[number](random, pixels, other).pixels
    return Copy(pixels, WHOLE, copy.reference_box)


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    return decode(encode_jpeg(pixels, quality)).pixels


def _scaled(pixels: Pixels, ratio: float) -> tuple[int, int]:
    return round(pixels.shape[1] * ratio), round(pixels.shape[0] * ratio)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in random.integers(0, 256, 3))
    return red, green, blue


FAMILIES: Final[dict[str, Edit]] = {
    "crop": _crop,
    "overlay": _overlay,
    "jitter": _jitter,
    "degrade": _degrade,
    "mirror": _mirror,
    "rotate": _rotate,
    "perspective": _perspective,
    "paste": _paste,
    "collage": _collage,
    "pad": _pad,
    "triple": _triple,
}
