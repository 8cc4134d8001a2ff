"""A mark is found in any colour and polarity, and is not seen where it is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.verification import LogoVerifier


def mark(ink: tuple[int, int, int], paper: tuple[int, int, int], side: int = 200) -> Pixels:
    """A ring with a bar and a wedge: a shape no photograph of the tests holds."""
    canvas = np.full((side, side, 3), paper, np.uint8)
    unit = side // 20
    cv2.circle(canvas, (side // 2, side // 2), 7 * unit, ink, 2 * unit, cv2.LINE_AA)
    cv2.rectangle(canvas, (9 * unit, 6 * unit), (11 * unit, 14 * unit), ink, -1)
    corners = np.array([[11 * unit, 10 * unit], [16 * unit, 6 * unit], [16 * unit, 14 * unit]], np.int32)
    cv2.fillPoly(canvas, [corners], ink, cv2.LINE_AA)
    return canvas


def scene_with(patch: Pixels, side: int) -> tuple[Pixels, Box]:
    scene = data.coffee().copy()
    small = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)
    scene[150 : 150 + side, 300 : 300 + side] = small
    height, width = scene.shape[:2]
    return scene, Box(300 / width, 150 / height, (300 + side) / width, (150 + side) / height)


@pytest.mark.parametrize("colours", [((0, 0, 0), (255, 255, 255)), ((250, 240, 60), (20, 40, 120))])
@pytest.mark.parametrize("side", [64, 130])
def test_mark_is_found_in_any_colour(colours, side: int) -> None:
    verifier = LogoVerifier()
    template = verifier.enrol(mark((20, 20, 20), (255, 255, 255)))
    scene, box = scene_with(mark(*colours), side)
    evidence = verifier.verify(verifier.describe(scene), box.padded(0.2), template)
    assert evidence is not None
    assert evidence.shape > 0.7
    assert evidence.parts > 0.7
    assert evidence.query_box.iou(box) > 0.4


def test_other_shapes_are_weaker() -> None:
    verifier = LogoVerifier()
    template = verifier.enrol(mark((20, 20, 20), (255, 255, 255)))
    scene, box = scene_with(mark((0, 0, 0), (255, 255, 255)), 100)
    real = verifier.verify(verifier.describe(scene), box, template)
    other = verifier.verify(verifier.describe(data.coffee()), box, template)
    assert real is not None
    assert other is None or other.features()["shape_parts"] < 0.6 * real.features()["shape_parts"]


def test_plain_border_is_trimmed() -> None:
    framed = np.full((400, 300, 3), 255, np.uint8)
    framed[150:250, 100:200] = mark((0, 0, 0), (255, 255, 255), 100)
    content = LogoVerifier().enrol(framed).content
    assert content.iou(Box(0.4, 0.4, 0.6, 0.6)) < 1.0
    assert 0.3 < content.x0 < 0.42
    assert 0.58 < content.y1 < 0.66


@pytest.mark.parametrize("window", [None, Box(0.0, 0.0, 0.05, 0.05), Box(0.9, 0.9, 1.0, 1.0)])
def test_plain_scene_gives_no_shape(window: Box | None) -> None:
    verifier = LogoVerifier()
    scene = verifier.describe(np.full((300, 400, 3), 200, np.uint8))
    evidence = verifier.verify(scene, window, verifier.enrol(mark((0, 0, 0), (255, 255, 255))))
    assert evidence is None or evidence.features()["shape_parts"] < 0.2
