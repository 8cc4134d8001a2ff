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

_QUERY_FEATURES: Final = 1000
_REFERENCE_FEATURES: Final = 400
_LONGEST: Final = 640
_RATIO: Final = 0.8
_ERROR: Final = 4.0
_SCALES: Final = (0.05, 5.0)


@dataclass(frozen=True, slots=True)
class _Described:
    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


class SiftPeer:
    """Inliers of the best similarity by RANSAC, for every reference."""

    def __init__(self) -> None:
        self._references: list[_Described] = []

    def enrol(self, pictures: Sequence[Pixels]) -> None:
        """Small references are enlarged, so that they have features at all."""
        self._references = [_describe(_enlarged(pixels), _REFERENCE_FEATURES) for pixels in pictures]

    def scores(self, pictures: Sequence[Pixels]) -> Scores:
        """Inlier counts."""
        asked = [_describe(fit(pixels, _LONGEST), _QUERY_FEATURES) for pixels in pictures]
        return np.asarray([self._inliers(query) for query in asked], np.float64)

    def close(self) -> None:
        """Holds nothing outside memory."""

    def _inliers(self, query: _Described) -> list[float]:
        """All references are matched into the query at once: each of their features asks for its nearest two."""
        if len(query.points) < 2:
            return [0.0] * len(self._references)
        products = np.concatenate([one.descriptors for one in self._references]) @ query.descriptors.T
        nearest = products.argmax(axis=1)
        rows = np.arange(len(products))
        best = products[rows, nearest].copy()
        products[rows, nearest] = -1.0
        distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * np.stack([best, products.max(axis=1)])))
        clear = distances[0] < _RATIO * distances[1]
        found: list[float] = []
        start = 0
        for one in self._references:
            end = start + len(one.points)
            kept = _one_to_one(np.flatnonzero(clear[start:end]), nearest[start:end], best[start:end])
            found.append(_agreeing(one.points[kept], query.points[nearest[start:end][kept]]))
            start = end
        return found


def _describe(pixels: Pixels, features: int) -> _Described:
    sift = cv2.SIFT.create(nfeatures=features, contrastThreshold=0.02)
    points, descriptors = sift.detectAndCompute(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), None)
    if descriptors is None or not len(points):
        return _Described(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    rooted = np.sqrt(descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-7))
    return _Described(np.asarray([point.pt for point in points], np.float32), rooted.astype(np.float32))


def _enlarged(pixels: Pixels) -> Pixels:
    scale = max(1.0, 160 / min(pixels.shape[:2])) * min(1.0, _LONGEST / max(pixels.shape[:2]))
    height, width = (round(side * scale) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _one_to_one(rows: NDArray[np.intp], nearest: NDArray[np.intp], best: NDArray[np.float32]) -> NDArray[np.intp]:
    """Of the features that chose the same point of the query only the most alike: many to one agree on a dot."""
    order = rows[np.argsort(-best[rows], kind="stable")]
    _, first = np.unique(nearest[order], return_index=True)
    return np.sort(order[first])


def _agreeing(theirs: NDArray[np.float32], asked: NDArray[np.float32]) -> float:
    """How many matches agree on one similarity transform."""
    if len(theirs) < 3:
        return 0.0
    matrix, mask = cv2.estimateAffinePartial2D(theirs, asked, method=cv2.RANSAC, ransacReprojThreshold=_ERROR)
    if matrix is None or not _SCALES[0] < float(np.hypot(matrix[0, 0], matrix[1, 0])) < _SCALES[1]:
        return 0.0
    return float(mask.sum()) + len(theirs) / 1e4
