"""Layouts, window grids and suppression, with values worked out by hand."""

from __future__ import annotations

import numpy as np

from vision.boxes import WHOLE, Box
from vision.embedding import MAX_QUERY_PHOTO_VECTORS, MAX_REFERENCE_VECTORS
from vision.regions import PHOTO_LAYOUT, as_boxes, as_corners, overlaps, suppress, window_grid


def test_layout_is_the_whole_the_centre_and_the_quarters():
    assert len(PHOTO_LAYOUT) <= min(MAX_QUERY_PHOTO_VECTORS, MAX_REFERENCE_VECTORS)
    assert PHOTO_LAYOUT[0] == WHOLE
    assert sum(box.area for box in PHOTO_LAYOUT[2:]) == 1.0


def test_grid_covers_the_map_and_leaves_out_what_does_not_fit():
    corners, kinds = window_grid([(2, 1), (4, 4), (5, 5)], 4)
    assert kinds.tolist() == [0] * 12 + [1]
    assert corners[0].tolist() == [0, 0, 2, 1]
    assert corners[-1].tolist() == [0, 0, 4, 4]
    assert corners.min() == 0
    assert corners.max() == 4
    big, _ = window_grid([(8, 8)], 11)
    assert sorted(set(big[:, 0].tolist())) == [0, 2, 3]
    assert window_grid([(5, 5)], 4)[0].shape == (0, 4)


def test_overlaps_by_hand():
    boxes = np.array([(0, 0, 1, 1), (0.5, 0, 1.5, 1), (2, 2, 3, 3)], np.float32)
    assert np.allclose(overlaps(boxes[0], boxes), [1.0, 1 / 3, 0.0])


def test_suppression_keeps_the_strongest_of_each_place():
    boxes = np.array([(0, 0, 0.4, 0.4), (0.02, 0, 0.42, 0.4), (0.6, 0.6, 1, 1), (0, 0.6, 0.4, 1)], np.float32)
    scores = np.array([0.8, 0.9, 0.3, 0.5], np.float32)
    assert suppress(boxes, scores, keep=8, iou=0.5) == [1, 3, 2]
    assert suppress(boxes, scores, keep=2, iou=0.5) == [1, 3]
    assert suppress(boxes, np.zeros(4, np.float32), keep=2, iou=0.5) == [0, 2]
    assert suppress(boxes[:0], scores[:0], keep=2, iou=0.5) == []


def test_boxes_and_corners_are_inverse():
    boxes = (WHOLE, Box(0.25, 0.5, 0.75, 1.0))
    assert as_boxes(as_corners(boxes)) == boxes
    assert as_corners([]).shape == (0, 4)
