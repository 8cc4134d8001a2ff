"""Boxes drawn on a picture."""

import numpy as np

from vision.boxes import WHOLE, Box
from vision.drawing import draw_box


def test_the_outline_lies_on_the_box_and_the_inside_stays():
    canvas = np.full((100, 200, 3), 128, np.uint8)
    out = draw_box(canvas, Box(0.25, 0.2, 0.75, 0.8), (255, 0, 0))
    assert out[20, 100].tolist() == [255, 0, 0]
    assert out[50, 50].tolist() == [255, 0, 0]
    assert out[50, 100].tolist() == [128, 128, 128]
    assert out[10, 100].tolist() == [128, 128, 128]
    assert (canvas == 128).all()


def test_a_label_stands_on_a_plate_of_the_colour():
    canvas = np.full((200, 200, 3), 90, np.uint8)
    plain, labelled = (draw_box(canvas, WHOLE, (0, 90, 200), label) for label in ("", "97 %"))
    assert (labelled != plain).any(axis=2).sum() > 200


def test_a_box_beyond_the_edge_is_drawn_at_the_edge():
    out = draw_box(np.zeros((50, 50, 3), np.uint8), Box(-0.5, -0.5, 1.5, 1.5), (0, 255, 0))
    assert out[0, 25].tolist() == [0, 255, 0]
    assert out[49, 25].tolist() == [0, 255, 0]
