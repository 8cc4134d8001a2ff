"""Lines ruled across a photograph are painted over, and photographs without any are left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.embedding import Pixels
from vision.images import decode, encode_jpeg
from vision.lines import without_lines


def ruled(pixels: Pixels, slant: int, thick: int) -> Pixels:
    """Lines of one colour, each leaning by `slant` pixels, sent as JPEG."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    for start in range(-height, width + height, 40):
        if slant == 0:
            cv2.line(canvas, (0, start), (width, start), (20, 160, 60), thick)
        else:
            cv2.line(canvas, (start, 0), (start + slant, height), (20, 160, 60), thick, cv2.LINE_AA)
    return decode(encode_jpeg(canvas, 85)).pixels


@pytest.mark.parametrize(("slant", "thick"), [(0, 3), (1, 6), (140, 4)])
def test_a_ruled_photograph_comes_near_to_what_it_was(slant: int, thick: int) -> None:
    cat = data.chelsea()
    drawn = ruled(cat, slant, thick)
    cleaned = without_lines(drawn)
    assert cleaned is not None
    before, after = (np.abs(one.astype(float) - cat).mean() for one in (drawn, cleaned))
    assert after < before / 2


@pytest.mark.parametrize("picture", [data.chelsea, data.astronaut, data.coffee, data.rocket, data.retina])
def test_photographs_have_none(picture) -> None:
    assert without_lines(np.ascontiguousarray(picture())) is None


def test_two_lines_are_not_enough() -> None:
    cat = data.chelsea().copy()
    for row in (100, 200):
        cv2.line(cat, (0, row), (450, row), (20, 160, 60), 6)
    assert without_lines(cat) is None


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (300, 8), (64, 64), (63, 900)])
def test_plain_and_tiny_pictures_have_none(shape: tuple[int, int]) -> None:
    assert without_lines(np.full((*shape, 3), 90, np.uint8)) is None
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert without_lines(noise) is None
