"""Both generators of edited copies and the printing of marks: seeded, valid pictures, and really edited."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from training import challenge, thefts
from training.marks import Mark
from training.printing import printed
from vision.boxes import Box

PHOTO, OTHER = data.coffee()[::2, ::2].copy(), data.chelsea()


@pytest.mark.parametrize("family", list(thefts.FAMILIES))
def test_theft_is_seeded_and_edited(family: str) -> None:
    first, again = (thefts.edited(PHOTO, family, np.random.default_rng(3), OTHER) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert np.array_equal(first, again)
    assert first.shape != PHOTO.shape or not np.array_equal(first, PHOTO)


@pytest.mark.parametrize("family", [*challenge.FAMILIES, *challenge.STRESS])
def test_challenge_is_seeded_and_edited(family: str) -> None:
    first, again = (challenge.challenged(PHOTO, family, 5, OTHER) for _ in range(2))
    assert first.pixels.dtype == np.uint8
    assert first.pixels.shape[2] == 3
    assert np.array_equal(first.pixels, again.pixels)
    assert first.pixels.shape != PHOTO.shape or not np.array_equal(first.pixels, PHOTO)


@pytest.mark.parametrize("family", [*challenge.FAMILIES, *challenge.STRESS])
def test_challenge_knows_where_the_copy_lies(family: str) -> None:
    """A photo that is red all over shows where it went: its box is where red is, but for what lies over it."""
    red, blue = np.zeros((200, 300, 3), np.uint8), np.zeros((300, 260, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    covering = ("text", "emoji", "sticker", "stripes", "combined", "third_covered")
    made = challenge.challenged(red, family, 11, blue)
    assert made.box == made.box.clipped()
    if family in covering:
        assert made.box.area > 0.4
        return
    pixels = made.pixels.astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > 90) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60))
    height, width = pixels.shape[:2]
    seen = Box(columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    assert made.box.iou(seen) > 0.85


def test_printing_changes_its_square_most() -> None:
    coverage = np.zeros((100, 140), np.float32)
    coverage[20:80, 30:60] = coverage[40:60, 60:120] = 1.0
    scene, (left, top, right, bottom) = printed(OTHER, Mark("bar", coverage, (0, 0, 0)), np.random.default_rng(1))
    changed = np.abs(scene.astype(int) - OTHER.astype(int)).mean(axis=2)
    inside = changed[top:bottom, left:right].mean()
    outside = (changed.sum() - changed[top:bottom, left:right].sum()) / (changed.size - (bottom - top) * (right - left))
    assert inside > 2 * outside
