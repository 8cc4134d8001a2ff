"""Local features of marks and scenes, in both polarities: where does a rich emblem line up?

Place in the flow: `logos` describes a scene and its marks with these once; `lined_up` proposes placements that `logos`
then judges by outline and pixels. It needs no window, so it finds marks that no proposal covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np

from vision.embedding import Pixels
from vision.verification.alignment import Placement, place
from vision.verification.features import Floats, Grey, LocalFeatures, Matches, extract, unit_rows
from vision.verification.placing import sized

SCENE_SIDE: Final = 800
"""Longest side in pixels at which a scene is described; SIFT doubles it once more. At 560 or 400 px it is cheaper, and
small marks lose evidence."""

ENLARGED: Final = 2.0
MARK_SIDE: Final = 224
_SCENE_POINTS: Final = 1200
MARK_POINTS: Final = 300
_RATIO: Final = 0.9
_MOST: Final = 300
LEAST: Final = 4

_TURNED_BINS: Final = np.arange(128).reshape(4, 4, 8)[::-1, ::-1, :].reshape(128)
"""Order of a descriptor's bins when light and dark change places: every gradient, and with them the keypoint's own
direction, turns by half a circle, so the cells are counted from the other corner."""


@dataclass(frozen=True, slots=True)
class Details:
    """Features of a scene, and their descriptors as float32 rows `[n, 128]` of unit length, made once for all marks."""

    features: LocalFeatures
    rows: Floats


def scene_details(pixels: Pixels) -> Details:
    """Features of a scene, in the pixels it was given; small pictures are enlarged first."""
    height, width = pixels.shape[:2]
    side = min(SCENE_SIDE, ENLARGED * max(height, width))
    found = extract(_grey(sized(pixels, side)), _SCENE_POINTS, layers=3).scaled(width, height)
    return Details(found, unit_rows(found.descriptors))


def mark_details(pixels: Pixels) -> LocalFeatures:
    """Features of a mark, in the pixels it was given."""
    found = extract(_grey(sized(pixels, MARK_SIDE)), MARK_POINTS, layers=3)
    return found.scaled(pixels.shape[1], pixels.shape[0])


def inverted(features: LocalFeatures) -> LocalFeatures:
    """The features of the negative of a picture, without looking at the pixels again."""
    angles = (features.angles + np.float32(np.pi)).astype(np.float32)
    turned = features.descriptors[:, _TURNED_BINS]
    return LocalFeatures(features.points, features.scales, angles, turned, features.width, features.height)


def lined_up(scene: Details, mark: LocalFeatures) -> list[Placement]:
    """The best placement of the mark as it is and of its negative, the one with more inliers first."""
    found: list[Placement] = []
    for one in (mark, inverted(mark)):
        matches = matched(scene, one)
        if len(matches) >= LEAST:
            found += place(scene.features, one, matches, mirrored=False, most=1, least=LEAST)
    return sorted(found, key=lambda placement: -placement.inliers)


def matched(scene: Details, mark: LocalFeatures) -> Matches:
    """Mutual nearest neighbours that pass Lowe's ratio test among the mark's features, the clearest first.

    The same answer as `features.match`, with most of the work left out: whether a pair is mutual is asked only of the
    few that pass the ratio.
    """
    none = np.zeros(0, np.intp)
    if len(scene.rows) < 2 or len(mark) < 2:
        return Matches(none, none)
    products = scene.rows @ unit_rows(mark.descriptors).T
    every = np.arange(len(products))
    best = products.argmax(axis=1)
    first = products[every, best]
    products[every, best] = -1.0
    second = products.max(axis=1)
    ratios = np.sqrt(np.maximum(1.0 - first, 1e-6) / np.maximum(1.0 - second, 1e-6))
    kept = np.flatnonzero(ratios < _RATIO)
    products[every, best] = first
    kept = kept[products[:, best[kept]].argmax(axis=0) == kept] if len(kept) else kept
    kept = kept[np.argsort(ratios[kept], kind="stable")[:_MOST]]
    return Matches(kept, best[kept])


def _grey(pixels: Pixels) -> Grey:
    return cast("Grey", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
