"""Both generators of edited copies and the printing of marks: seeded, valid pictures, and really edited."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from training import challenge, thefts
from training.marks import Mark
from training.printing import printed

PHOTO, OTHER = data.coffee()[::2, ::2].copy(), data.chelsea()


@pytest.mark.parametrize("family", list(thefts.FAMILIES))
def test_theft_is_seeded_and_edited(family: str) -> None:
    first, again = (thefts.edited(PHOTO, family, np.random.default_rng(3), OTHER) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert np.array_equal(first, again)
    assert first.shape != PHOTO.shape or not np.array_equal(first, PHOTO)


@pytest.mark.parametrize("family", list(challenge.FAMILIES))
def test_challenge_is_seeded_and_edited(family: str) -> None:
    first, again = (challenge.challenged(PHOTO, family, 5, OTHER) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert np.array_equal(first, again)
    assert first.shape != PHOTO.shape or not np.array_equal(first, PHOTO)


def test_printing_changes_its_square_most() -> None:
    coverage = np.zeros((100, 140), np.float32)
    coverage[20:80, 30:60] = coverage[40:60, 60:120] = 1.0
    scene, (left, top, right, bottom) = printed(OTHER, Mark("bar", coverage, (0, 0, 0)), np.random.default_rng(1))
    changed = np.abs(scene.astype(int) - OTHER.astype(int)).mean(axis=2)
    inside = changed[top:bottom, left:right].mean()
    outside = (changed.sum() - changed[top:bottom, left:right].sum()) / (changed.size - (bottom - top) * (right - left))
    assert inside > 2 * outside
