"""Pictures with nothing of their own: text pages, stripes, boxes, discs, lines. What no reference should be.

Place in the flow: `training.background` embeds them, so that enrolment can tell a reference that is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator

from vision.embedding import Pixels

SIDE: Final = 300
_FONTS: Final = (
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX),
)


def plain_pictures(count: int, rng: Generator) -> Iterator[Pixels]:
    """`count` pictures, the shapes in turn, each drawn anew: dark on light or the other way round."""
    for number in range(count):
        canvas = np.full((SIDE, SIDE), 255, np.uint8)
        SHAPES[number % len(SHAPES)](canvas, rng)
        dark, light = sorted((rng.uniform(0, 90), rng.uniform(160, 255)))
        tone = dark + (light - dark) * canvas.astype(np.float32) / 255
        if rng.random() < 0.3:
            tone = 255 - tone
        yield np.repeat(tone.astype(np.uint8)[:, :, None], 3, axis=2)


def text_page(canvas: Pixels, rng: Generator) -> None:
    """Lines of letters that mean nothing, all over."""
    size, font = rng.uniform(0.3, 1.1), int(rng.choice(_FONTS))
    for row in range(int(24 * size), SIDE + 20, int(30 * size) + 6):
        words = ["".join(chr(rng.integers(97, 123)) for _ in range(int(rng.integers(2, 10)))) for _ in range(14)]
        cv2.putText(canvas, " ".join(words), (8, row), font, size, 0, max(1, int(size * 1.6)), cv2.LINE_AA)


def box(canvas: Pixels, rng: Generator) -> None:
    """A rectangle, filled or not."""
    wide, high = (int(rng.uniform(40, 130)) for _ in range(2))
    cv2.rectangle(canvas, (150 - wide, 150 - high), (150 + wide, 150 + high), 0, int(rng.choice([-1, 8, 14])))


def disc(canvas: Pixels, rng: Generator) -> None:
    """An ellipse, filled or not; half of them circles."""
    wide = int(rng.uniform(60, 130))
    high = wide if rng.random() < 0.5 else int(rng.uniform(40, 130))
    turn = float(rng.uniform(0, 90))
    cv2.ellipse(canvas, (150, 150), (wide, high), turn, 0, 360, 0, int(rng.choice([-1, 8, 14])), cv2.LINE_AA)


def triangle(canvas: Pixels, rng: Generator) -> None:
    """A filled triangle."""
    corners = 150 + 120 * np.array([[0, -1], [-1, 1], [1, 1]]) * rng.uniform(0.5, 1.0, (1, 2))
    cv2.fillPoly(canvas, [corners.astype(np.int32)], 0, cv2.LINE_AA)


def line(canvas: Pixels, rng: Generator) -> None:
    """One straight line."""
    ends = [(x, int(rng.uniform(30, 270))) for x in (30, 270)]
    cv2.line(canvas, ends[0], ends[1], 0, int(rng.uniform(4, 30)), cv2.LINE_AA)


def stripes(canvas: Pixels, rng: Generator) -> None:
    """Parallel stripes."""
    dark = (np.arange(SIDE) // int(rng.uniform(8, 60))) % 2 == 0
    canvas[:, dark] = 0
    if rng.random() < 0.5:
        canvas[:] = canvas.T.copy()


def checks(canvas: Pixels, rng: Generator) -> None:
    """A chequerboard."""
    rows, columns = np.mgrid[:SIDE, :SIDE] // int(rng.uniform(10, 60))
    canvas[(rows + columns) % 2 == 0] = 0


def cross(canvas: Pixels, rng: Generator) -> None:
    """Two bars."""
    cv2.line(canvas, (150, 40), (150, 260), 0, int(rng.uniform(8, 40)))
    cv2.line(canvas, (40, 150), (260, 150), 0, int(rng.uniform(8, 40)))


def dots(canvas: Pixels, rng: Generator) -> None:
    """A raster of dots."""
    pace = int(rng.uniform(16, 60))
    for top in range(pace // 2, SIDE, pace):
        for left in range(pace // 2, SIDE, pace):
            cv2.circle(canvas, (left, top), pace // 4, 0, -1, cv2.LINE_AA)


SHAPES: Final[tuple[Callable[[Pixels, Generator], None], ...]] = (
    *(text_page, box, disc, triangle, line, stripes, checks, cross, dots),
)
