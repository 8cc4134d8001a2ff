"""RootSIFT matches that agree on one similarity transform: the classical way to find a logo.

Place in the flow: a peer of `training.evaluate`. RootSIFT: Arandjelović and Zisserman, CVPR 2012; ratio test of Lowe.
The score is the number of inliers, and a fraction that tells equal numbers apart by the matches they were chosen from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.peers import Scores
from vision.embedding import Pixels
from vision.images import fit

_FEATURES: Final = 1500
_LONGEST: Final = 640
_RATIO: Final = 0.8
_ERROR: Final = 4.0


@dataclass(frozen=True, slots=True)
class _Described:
    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


class SiftPeer:
    """Inliers of the best of a similarity by RANSAC, for every reference."""

    def __init__(self) -> None:
        self._sift = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=0.02)
        self._references: list[_Described] = []

    def enrol(self, pictures: Sequence[Pixels]) -> None:
        """Small references are enlarged, so that they have features at all."""
        self._references = [self._describe(_enlarged(pixels)) for pixels in pictures]

    def scores(self, pictures: Sequence[Pixels]) -> Scores:
        """Inlier counts."""
        asked = [self._describe(pixels) for pixels in pictures]
        return np.asarray([[_inliers(one, other) for other in self._references] for one in asked], np.float64)

    def close(self) -> None:
        """Holds nothing outside memory."""

    def _describe(self, pixels: Pixels) -> _Described:
        grey = cv2.cvtColor(fit(pixels, _LONGEST), cv2.COLOR_RGB2GRAY)
        points, descriptors = self._sift.detectAndCompute(grey, None)
        if descriptors is None or len(points) < 2:
            return _Described(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        rooted = np.sqrt(descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-7))
        return _Described(np.asarray([point.pt for point in points], np.float32), rooted.astype(np.float32))


def _enlarged(pixels: Pixels) -> Pixels:
    scale = max(1.0, 160 / min(pixels.shape[:2]))
    height, width = (round(side * scale) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _inliers(query: _Described, reference: _Described) -> float:
    """References are matched into the query: each of their features asks for its nearest."""
    if len(query.points) < 2 or len(reference.points) < 2:
        return 0.0
    products = reference.descriptors @ query.descriptors.T
    two = np.argpartition(-products, 1, axis=1)[:, :2]
    near = np.take_along_axis(products, two, axis=1)
    order = np.argsort(-near, axis=1)
    two, near = np.take_along_axis(two, order, axis=1), np.take_along_axis(near, order, axis=1)
    distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * near))
    kept = np.flatnonzero(distances[:, 0] < _RATIO * distances[:, 1])
    if len(kept) < 3:
        return 0.0
    matrix, mask = cv2.estimateAffinePartial2D(
        reference.points[kept], query.points[two[kept, 0]], method=cv2.RANSAC, ransacReprojThreshold=_ERROR
    )
    return 0.0 if matrix is None else float(mask.sum()) + len(kept) / 1e4
