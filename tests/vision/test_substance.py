"""What a picture has to be recognised by is told from nothing at all."""

from __future__ import annotations

import numpy as np

from tests.photographs import pixels
from vision.substance import substance


def drawn(rows: slice, columns: slice) -> np.ndarray:
    canvas = np.full((200, 200, 3), 255, np.uint8)
    canvas[rows, columns] = 0
    return canvas


def test_one_colour_has_no_contrast_and_a_gradient_no_edge() -> None:
    noise = np.random.default_rng(1).normal(0, 2, (200, 300, 3))
    flat = np.clip(120 + noise, 0, 255).astype(np.uint8)
    ramp = np.repeat(np.linspace(20, 230, 300, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    assert substance(flat).contrast < 15
    assert substance(flat).busy == substance(ramp).busy == 0
    assert substance(ramp).contrast > 100


def test_edges_of_stripes_run_one_way_and_those_of_a_photo_in_all() -> None:
    stripes = np.where((np.arange(200) // 9 % 2)[:, None, None] == 0, 30, 220) * np.ones((200, 200, 3))
    assert substance(stripes.astype(np.uint8)).ways < 1.1
    assert substance(drawn(slice(95, 105), slice(20, 180))).ways < 1.65
    assert 1.65 < substance(drawn(slice(60, 140), slice(60, 140))).ways < 3
    assert substance(pixels("chelsea")).ways > 5


def test_a_small_mark_on_white_still_counts() -> None:
    assert substance(drawn(slice(90, 110), slice(90, 110))).busy > 0.01
