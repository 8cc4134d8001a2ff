"""Local features find a rich emblem anywhere in a scene, and in the other polarity."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.verification import LogoVerifier
from vision.verification.details import inverted, mark_details, matched, scene_details
from vision.verification.features import match


def emblem(side: int = 240) -> Pixels:
    """A label with letters and lines, rich in corners."""
    canvas = np.full((side, side, 3), 245, np.uint8)
    cv2.circle(canvas, (side // 2, side // 2), side // 2 - 8, (20, 60, 30), 8, cv2.LINE_AA)
    for number, text in enumerate(("OAK&ASH", "No 7341", "BREWERY")):
        place = (30, 85 + 50 * number)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_TRIPLEX, 1.2, (20, 60, 30), 2, cv2.LINE_AA)
    return canvas


def scene_with(patch: Pixels) -> tuple[Pixels, Box]:
    scene = data.coffee().copy()
    height, width = scene.shape[:2]
    turn = cv2.getRotationMatrix2D((120, 120), 14, 0.55)
    turn[:, 2] += (250, 90)
    mask = cv2.warpAffine(np.full(patch.shape[:2], 255, np.uint8), turn, (width, height))
    laid = cv2.warpAffine(patch, turn, (width, height))
    scene[mask > 128] = laid[mask > 128]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return scene, Box(columns[0] / width, rows[0] / height, columns[-1] / width, rows[-1] / height)


@pytest.mark.parametrize("negative", [False, True])
def test_emblem_lines_up_anywhere_in_either_polarity(negative: bool) -> None:
    verifier = LogoVerifier()
    patch = emblem()
    scene, box = scene_with(255 - patch if negative else patch)
    evidence = verifier.line_up(verifier.describe(scene), verifier.enrol(patch))
    assert evidence is not None
    assert evidence.inliers >= 10
    assert evidence.shape > 0.5
    assert evidence.query_box.iou(box) > 0.6


def test_another_scene_gives_hardly_anything() -> None:
    verifier = LogoVerifier()
    evidence = verifier.line_up(verifier.describe(data.astronaut()), verifier.enrol(emblem()))
    assert evidence is None or evidence.features()["firm"] < 0.15


def test_matches_are_those_of_the_plain_matcher() -> None:
    scene, _ = scene_with(emblem())
    one, two = scene_details(scene), mark_details(emblem())
    plain, quick = match(one.features, two, ratio=0.9), matched(one, two)
    assert len(quick) > 20
    assert np.array_equal(plain.query, quick.query)
    assert np.array_equal(plain.reference, quick.reference)


def test_features_of_the_negative_are_those_of_the_inverted_picture() -> None:
    picture = data.coffee()
    turned, real = inverted(scene_details(picture).features), scene_details(255 - picture).features
    assert abs(len(turned) - len(real)) < 0.1 * len(real)
    distances = np.linalg.norm(turned.points[:, None] - real.points[None], axis=2)
    near = distances.argmin(axis=1)
    one = turned.descriptors.astype(np.float32)
    two = real.descriptors[near].astype(np.float32)
    likeness = (one * two).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1))
    assert np.median(likeness) > 0.98
