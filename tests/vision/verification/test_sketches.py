"""Coarse search: what a mark's small outlines find, and that a blank one finds nothing."""

from __future__ import annotations

import numpy as np
import pytest

from vision.verification.sketches import Sketch, ground, sketches, upright_peaks


@pytest.fixture
def ring():
    """A dark ring on white, uint8 `[120, 120, 3]`."""
    down, across = np.mgrid[:120, :120] - 59.5
    far = np.hypot(down, across)
    drawing = np.where((far > 30) & (far < 45), 20, 255).astype(np.uint8)
    return np.repeat(drawing[..., None], 3, axis=2)


def best(scene, drawn: tuple[Sketch, ...]) -> float:
    return max((peak.height for peak in upright_peaks(ground(scene, 88), drawn)), default=0.0)


def test_a_mark_is_found_where_it_is_shown(ring):
    assert best(np.pad(ring, ((30, 50), (20, 60), (0, 0)), constant_values=255), sketches(ring)) > 0.8


def test_a_blank_sketch_finds_nothing_even_in_a_blank_scene(ring):
    blank = np.full((120, 120, 3), 200, np.uint8)
    assert best(blank, sketches(blank)) == 0.0
    assert best(ring, sketches(blank)) == 0.0
