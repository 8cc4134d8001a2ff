"""Local features of marks and scenes, in both polarities: where does a rich emblem line up?

Place in the flow: `logos` describes a scene and its marks with these once; `lined_up` proposes placements that `logos`
then judges by outline and pixels. It needs no window, so it finds marks that no proposal covers.
"""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np

from vision.embedding import Pixels
from vision.verification.alignment import Placement, place
from vision.verification.features import Grey, LocalFeatures, extract, match
from vision.verification.placing import sized

SCENE_SIDE: Final = 800
ENLARGED: Final = 2.0
MARK_SIDE: Final = 224
_SCENE_POINTS: Final = 1200
_MARK_POINTS: Final = 300
_RATIO: Final = 0.9
LEAST: Final = 4

_TURNED_BINS: Final = np.arange(128).reshape(4, 4, 8)[::-1, ::-1, :].reshape(128)
"""Order of a descriptor's bins when light and dark change places: every gradient, and with them the keypoint's own
direction, turns by half a circle, so the cells are counted from the other corner."""


def scene_details(pixels: Pixels) -> LocalFeatures:
    """Features of a scene, in the pixels it was given; small pictures are enlarged first."""
    height, width = pixels.shape[:2]
    side = min(SCENE_SIDE, ENLARGED * max(height, width))
    return extract(_grey(sized(pixels, side)), _SCENE_POINTS, layers=3).scaled(width, height)


def mark_details(pixels: Pixels) -> LocalFeatures:
    """Features of a mark, in the pixels it was given."""
    found = extract(_grey(sized(pixels, MARK_SIDE)), _MARK_POINTS, layers=3)
    return found.scaled(pixels.shape[1], pixels.shape[0])


def inverted(features: LocalFeatures) -> LocalFeatures:
    """The features of the negative of a picture, without looking at the pixels again."""
    angles = (features.angles + np.float32(np.pi)).astype(np.float32)
    turned = features.descriptors[:, _TURNED_BINS]
    return LocalFeatures(features.points, features.scales, angles, turned, features.width, features.height)


def lined_up(scene: LocalFeatures, mark: LocalFeatures) -> list[Placement]:
    """The best placement of the mark as it is and of its negative, the one with more inliers first."""
    found: list[Placement] = []
    for features in (mark, inverted(mark)):
        matches = match(scene, features, ratio=_RATIO)
        if len(matches) >= LEAST:
            found += place(scene, features, matches, mirrored=False, most=1, least=LEAST)
    return sorted(found, key=lambda placement: -placement.inliers)


def _grey(pixels: Pixels) -> Grey:
    return cast("Grey", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
