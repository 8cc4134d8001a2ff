"""The views under which a reference logo is enrolled."""

from __future__ import annotations

import numpy as np
import pytest

from vision.boxes import WHOLE
from vision.embedders.views import find_mark, logo_views


def mark_on(ground, ink, *, shape=(80, 120)):
    pixels = np.full((*shape, 3), ground, np.uint8)
    pixels[20:60, 30:90] = ink
    return pixels


def test_plain_margins_are_trimmed():
    box = find_mark(mark_on((255, 255, 255), (200, 0, 0)))
    assert box.as_list() == [0.25, 0.25, 0.75, 0.75]


def test_busy_borders_and_empty_pictures_are_taken_whole():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    assert find_mark(noise) == WHOLE
    assert find_mark(np.full((30, 30, 3), 128, np.uint8)) == WHOLE


@pytest.mark.parametrize("shape", [(80, 120), (400, 600), (17, 300), (1, 1)])
def test_six_views_each_with_the_mark_in_its_box(shape):
    pixels = (
        np.full((*shape, 3), 40, np.uint8) if min(shape) < 80 else mark_on((255, 255, 255), (200, 0, 0), shape=shape)
    )
    views = logo_views(pixels, side=160, fill=0.6)
    assert len(views) == 6
    for view in views:
        assert view.pixels.shape == (160, 160, 3)
        assert max(view.box.width, view.box.height) == pytest.approx(0.6, abs=0.01) or max(
            view.box.width, view.box.height
        ) == pytest.approx(0.3, abs=0.01)


def test_both_polarities_are_there():
    views = logo_views(mark_on((255, 255, 255), (0, 0, 0)), side=160, fill=0.6)
    assert views[1].pixels[80, 80].tolist() == [0, 0, 0]
    assert views[2].pixels[80, 80].tolist() == [255, 255, 255]
