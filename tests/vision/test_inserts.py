"""Pictures within pictures are found, and hardly anything else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.inserts import inserts


def scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def test_a_copy_on_another_photo_is_found() -> None:
    canvas = scaled(data.astronaut(), 600, 600)
    canvas[300:480, 90:330] = scaled(data.chelsea(), 240, 180)
    found = inserts(canvas)
    assert found[0].iou(Box(90 / 600, 300 / 600, 330 / 600, 480 / 600)) > 0.9


@pytest.mark.parametrize("share", [0.2, 0.25, 0.3])
def test_a_small_copy_is_found_where_its_rim_hardly_shows(share: float) -> None:
    canvas = scaled(data.coffee(), 500, 500)
    side = round(share * 500)
    canvas[210 : 210 + side, 60 : 60 + side] = scaled(data.astronaut(), side, side)
    box = Box(60 / 500, 210 / 500, (60 + side) / 500, (210 + side) / 500)
    assert max((one.iou(box) for one in inserts(canvas)), default=0.0) > 0.85


def test_both_pictures_of_a_screen_are_found() -> None:
    screen = np.full((1000, 500, 3), 245, np.uint8)
    places = {(40, 150, 215, 350): data.coffee(), (285, 150, 460, 350): data.chelsea()}
    for (left, top, right, bottom), picture in places.items():
        screen[top:bottom, left:right] = scaled(picture, right - left, bottom - top)
    found = inserts(screen, most=4)
    for left, top, right, bottom in places:
        box = Box(left / 500, top / 1000, right / 500, bottom / 1000)
        assert max(one.iou(box) for one in found) > 0.85


def test_the_picture_inside_a_plain_border_is_found() -> None:
    framed = cv2.copyMakeBorder(data.coffee(), 90, 120, 100, 100, cv2.BORDER_CONSTANT, value=(200, 30, 90))
    height, width = framed.shape[:2]
    box = Box(100 / width, 90 / height, 1 - 100 / width, 1 - 120 / height)
    assert inserts(framed)[0].iou(box) > 0.9


@pytest.mark.parametrize("picture", [data.chelsea, data.astronaut, data.rocket])
def test_photographs_hold_none(picture) -> None:
    assert inserts(picture()) == ()


@pytest.mark.parametrize("shape", [(8, 300), (300, 8), (1, 1), (160, 160)])
def test_plain_and_tiny_pictures_hold_none(shape: tuple[int, int]) -> None:
    assert inserts(np.full((*shape, 3), 90, np.uint8)) == ()


def test_no_more_than_asked_for() -> None:
    canvas = np.full((600, 600, 3), 255, np.uint8)
    for left in (20, 220, 420):
        for top in (20, 220, 420):
            canvas[top : top + 160, left : left + 160] = scaled(data.astronaut(), 160, 160)
    assert len(inserts(canvas, most=2)) == 2
