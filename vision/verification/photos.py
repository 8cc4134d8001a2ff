"""Is this the same photograph? Align a query with a reference photo, then compare the pixels.

Place in the flow: `indexes.search` describes the query once and each reference once (cached), then asks `verify`
for every candidate. A shared floor or studio is not enough: all texture in view has to agree.
It decides nothing; `indexes.scoring` weighs the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.agreement import BLOCK, Agreement, compare, strength, warp
from vision.verification.alignment import Matrix, Placement, inverse, place
from vision.verification.evidence import PhotoEvidence
from vision.verification.features import LocalFeatures, extract, match
from vision.verification.placing import bounds, shrunk

PICTURE_SIDE: Final = 400
FEATURE_SIDE: Final = 240
"""Local features are looked for in a smaller copy: their cost goes with the area, and placing needs few of them."""

FEATURES: Final = 320
FRAME_SIDE: Final = 256


@dataclass(frozen=True, slots=True)
class PhotoDescription:
    """What verification keeps of a picture: local features and a small colour copy.

    `features` are in pixels of `picture`, uint8 `[h, w, 3]`, longest side ≤ 400. `frame` is the same picture at
    the size blocks are compared at, its sides multiples of a block.
    """

    features: LocalFeatures
    picture: Pixels
    frame: Pixels

    @property
    def nbytes(self) -> int:
        """Bytes held, for a bounded cache."""
        return self.features.nbytes + self.picture.nbytes + self.frame.nbytes


class PhotoVerifier:
    """Describes pictures and compares descriptions. Holds no state; safe to share between threads."""

    def describe(self, pixels: Pixels) -> PhotoDescription:
        """Describe a query or a reference, uint8 RGB `[h, w, 3]`."""
        picture = shrunk(pixels, PICTURE_SIDE)
        height, width = picture.shape[:2]
        grey = np.asarray(cv2.cvtColor(shrunk(picture, FEATURE_SIDE), cv2.COLOR_RGB2GRAY), np.uint8)
        return PhotoDescription(extract(grey, FEATURES).scaled(width, height), picture, _frame(picture))

    def verify(self, query: PhotoDescription, reference: PhotoDescription) -> PhotoEvidence | None:
        """Evidence of the best placement of the reference in the query, or None when nothing aligns."""
        placements = _placements(query.features, reference.features)
        if not placements:
            return None
        views = [_view(query, reference, placement.matrix) for placement in placements]
        best = max(range(len(views)), key=lambda number: strength(reference.frame, *views[number]))
        agreement = compare(reference.frame, *views[best])
        if agreement.blocks == 0:
            return None
        return _evidence(query, reference, placements[best], agreement)


def _frame(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    scale = FRAME_SIDE / max(height, width)
    columns, rows = (max(2, round(length * scale / BLOCK)) for length in (width, height))
    return cast("Pixels", cv2.resize(picture, (columns * BLOCK, rows * BLOCK), interpolation=cv2.INTER_AREA))


def _placements(query: LocalFeatures, reference: LocalFeatures) -> list[Placement]:
    upright = place(query, reference, match(query, reference), mirrored=False)
    flipped = query.mirrored()
    turned = place(flipped, reference, match(flipped, reference), mirrored=True)
    flip = np.array([[-1.0, 0.0, query.width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    upright.extend(Placement(found.matrix @ flip, found.inliers, True) for found in turned)
    return sorted(upright, key=lambda found: -found.inliers)[:3]


def _view(query: PhotoDescription, reference: PhotoDescription, matrix: Matrix) -> tuple[Pixels, NDArray[np.uint8]]:
    """The query warped onto the reference's frame, and where it covers it."""
    height, width = reference.frame.shape[:2]
    to_frame = np.diag([width / reference.features.width, height / reference.features.height, 1.0])
    return warp(query.picture, to_frame @ matrix, width, height)


def _evidence(
    query: PhotoDescription, reference: PhotoDescription, placement: Placement, agreement: Agreement
) -> PhotoEvidence:
    ours, theirs = query.features, reference.features
    back = inverse(placement.matrix)
    return PhotoEvidence(
        query_box=bounds(back, theirs.width, theirs.height, ours.width, ours.height),
        reference_box=bounds(placement.matrix, ours.width, ours.height, theirs.width, theirs.height),
        agreeing=agreement.agreeing,
        close=agreement.close,
        central=agreement.central,
        whole=agreement.whole,
        layout=agreement.layout,
        coverage=agreement.coverage,
        blocks=agreement.blocks,
        inliers=placement.inliers,
        mirrored=placement.mirrored,
    )
