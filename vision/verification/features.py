"""Local features: keypoints with RootSIFT descriptors, and matching in both orientations.

Place in the flow: `photos` and `logos` describe pictures with it, `alignment` reads the matches. A mirrored
picture is never described again: mirroring a SIFT descriptor is a permutation of its bins.
RootSIFT: Arandjelović and Zisserman, CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

DESCRIPTOR_SCALE = 512.0


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """`n` keypoints of a picture `width` by `height` pixels.

    `points` is float32 `[n, 2]` in pixels, `scales` float32 `[n]` in pixels, `angles` float32 `[n]` in radians,
    `descriptors` uint8 `[n, 128]`: RootSIFT times 512.
    """

    points: Floats
    scales: Floats
    angles: Floats
    descriptors: NDArray[np.uint8]
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.points)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.points.nbytes + self.scales.nbytes + self.angles.nbytes + self.descriptors.nbytes

    def scaled(self, width: int, height: int) -> LocalFeatures:
        """The same features in the pixels of a copy of the picture that is `width` by `height`."""
        ratio = np.array([width / self.width, height / self.height], np.float32)
        points = (self.points + np.float32(0.5)) * ratio - np.float32(0.5)
        scales = self.scales * np.float32(ratio.mean())
        return LocalFeatures(points, scales, self.angles, self.descriptors, width, height)

    def moved(self, left: int, top: int, width: int, height: int) -> LocalFeatures:
        """The same features in a picture `width` by `height` that holds this one at `left`, `top`."""
        points = self.points + np.array([left, top], np.float32)
        return LocalFeatures(points, self.scales, self.angles, self.descriptors, width, height)

    def mirrored(self) -> LocalFeatures:
        """The features of the picture flipped left to right, without looking at the pixels again."""
        points = self.points.copy()
        points[:, 0] = self.width - 1 - points[:, 0]
        angles = (np.float32(np.pi) - self.angles).astype(np.float32)
        return LocalFeatures(points, self.scales, angles, self.descriptors[:, _MIRRORED_BINS], self.width, self.height)


def joined(parts: Sequence[LocalFeatures]) -> LocalFeatures:
    """The features of several looks at one picture, all in its pixels."""
    return LocalFeatures(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.angles for part in parts]),
        np.concatenate([part.descriptors for part in parts]),
        parts[0].width,
        parts[0].height,
    )


def _mirrored_bins() -> NDArray[np.intp]:
    """Order of the 4 by 4 by 8 bins after a flip across the keypoint's own direction."""
    bins = np.arange(128).reshape(4, 4, 8)
    turned = bins[::-1, :, :]
    return turned[:, :, (-np.arange(8)) % 8].reshape(128)


_MIRRORED_BINS = _mirrored_bins()


def extract(grey: Grey, limit: int, *, layers: int = 2, contrast: float = 0.02) -> LocalFeatures:
    """At most about `limit` strongest keypoints of a grey picture, uint8 `[height, width]`.

    `layers` is the number of scales in an octave. Three find a few more keypoints for half as much time again.
    """
    height, width = grey.shape
    sift = cv2.SIFT.create(nfeatures=limit, nOctaveLayers=layers, contrastThreshold=contrast)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or len(keypoints) == 0:
        empty = np.zeros(0, np.float32)
        return LocalFeatures(np.zeros((0, 2), np.float32), empty, empty, np.zeros((0, 128), np.uint8), width, height)
    points = np.array([point.pt for point in keypoints], np.float32)
    scales = np.array([point.size for point in keypoints], np.float32)
    angles = np.radians(np.array([point.angle for point in keypoints], np.float32)).astype(np.float32)
    unit = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    rooted = np.minimum(np.sqrt(unit) * DESCRIPTOR_SCALE, 255).astype(np.uint8)
    return LocalFeatures(points, scales, angles, rooted, width, height)


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of keypoints: `query[i]` in the query looks like `reference[i]` in the reference (int `[m]`)."""

    query: NDArray[np.intp]
    reference: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.query)


def match(query: LocalFeatures, reference: LocalFeatures, *, ratio: float = 0.88, limit: int = 300) -> Matches:
    """Mutual nearest neighbours that pass Lowe's ratio test, the clearest `limit` first."""
    if len(query) < 2 or len(reference) < 2:
        none = np.zeros(0, np.intp)
        return Matches(none, none)
    products = unit_rows(query.descriptors) @ unit_rows(reference.descriptors).T
    rows = np.arange(len(query))
    best = products.argmax(axis=1)
    mutual = products.argmax(axis=0)[best] == rows
    first = products[rows, best]
    products[rows, best] = -1.0
    second = products.max(axis=1)
    ratios = np.sqrt(np.maximum(1.0 - first, 1e-6) / np.maximum(1.0 - second, 1e-6))
    kept = np.flatnonzero(mutual & (ratios < ratio))
    kept = kept[np.argsort(ratios[kept], kind="stable")[:limit]]
    return Matches(kept, best[kept])


def unit_rows(descriptors: NDArray[np.uint8]) -> Floats:
    """Descriptors as float32 rows of length about one."""
    return descriptors.astype(np.float32) * np.float32(1.0 / DESCRIPTOR_SCALE)
