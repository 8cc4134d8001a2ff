"""What is looked at in its own size when a picture holds others, and which regions that takes the place of."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

from vision.boxes import WHOLE, Box
from vision.embedders.pasted import MOST, beside, cleaned, cut_out, found_in
from vision.embedding import MAX_QUERY_PHOTO_VECTORS, Insert, Pixels, Regions
from vision.lines import without_lines
from vision.regions import PHOTO_LAYOUT

LAYOUT = Regions(PHOTO_LAYOUT, np.eye(6, dtype=np.float32), np.ones(6, np.float32))
CELLS = PHOTO_LAYOUT[2:]


def collage() -> Pixels:
    pictures = (data.chelsea(), data.coffee(), data.astronaut(), data.chelsea()[::-1])
    cells = [cv2.resize(picture, (240, 240)) for picture in pictures]
    return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])


def inserted(*boxes: Box) -> tuple[Insert, ...]:
    return tuple(Insert(box, np.zeros((8, 8, 3), np.uint8)) for box in boxes)


def vectors(count: int) -> np.ndarray:
    return -np.eye(6, dtype=np.float32)[:count]


def test_every_cell_of_a_collage_is_cut_out() -> None:
    pixels = collage()
    cut = cut_out(pixels, found_in(pixels), 64)
    assert len(cut) == MOST
    assert all(max(insert.box.iou(cell) for insert in cut) > 0.9 for cell in CELLS)
    assert {insert.pixels.shape for insert in cut} == {(64, 64, 3)}


def test_a_cell_takes_the_place_of_its_quarter() -> None:
    placed = beside(LAYOUT, inserted(CELLS[1]), vectors(1))
    assert placed.boxes == (*PHOTO_LAYOUT[:3], *PHOTO_LAYOUT[4:], CELLS[1])
    assert (placed.vectors[-1] == vectors(1)[0]).all()
    assert (placed.vectors[:3] == LAYOUT.vectors[:3]).all()


def test_what_is_no_quarter_takes_the_last_places() -> None:
    own = (Box(0.3, 0.1, 0.7, 0.4), Box(0.1, 0.55, 0.4, 0.9))
    placed = beside(LAYOUT, inserted(*own), vectors(2))
    assert placed.boxes == (*PHOTO_LAYOUT[:4], *own)


def test_there_are_never_more_vectors_than_a_query_may_have() -> None:
    placed = beside(LAYOUT, inserted(*CELLS), vectors(4))
    assert placed.boxes == (*PHOTO_LAYOUT[:2], *CELLS)
    assert len(placed.vectors) == len(placed.weights) == MAX_QUERY_PHOTO_VECTORS


def test_a_ruled_picture_is_embedded_without_its_lines_as_well() -> None:
    ruled = data.chelsea().copy()
    for row in range(10, 300, 40):
        cv2.line(ruled, (0, row), (450, row), (20, 160, 60), 4)
    (clean,) = cleaned(without_lines(ruled), 64)
    assert clean.box == WHOLE
    placed = beside(LAYOUT, (clean,), vectors(1))
    assert placed.boxes == (*PHOTO_LAYOUT[:5], WHOLE)
    assert (placed.vectors[0] == LAYOUT.vectors[0]).all()
    assert cleaned(without_lines(data.chelsea()), 64) == ()
