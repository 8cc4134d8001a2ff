"""Is this the same photograph? Align a query with a reference photo, then compare the pixels.

Place in the flow: `indexes.search` describes the query once and each reference once (cached), then asks `verify`
for every candidate. A shared floor or studio is not enough: all texture in view has to agree, and to lie on the
reference within a fraction of a pixel.
It decides nothing; `indexes.scoring` weighs the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import Box
from vision.embedding import Pixels
from vision.inserts import inserts
from vision.lines import without_lines
from vision.once import once
from vision.verification.agreement import BLOCK, Agreement, compare, grey, strength, warp
from vision.verification.alignment import Matrix, Placement, corners, inverse, moved, place
from vision.verification.edges import MARGIN, continued
from vision.verification.evidence import PhotoEvidence
from vision.verification.features import LocalFeatures, extract, joined, match
from vision.verification.placing import bounds, halved, shrunk, size_within
from vision.verification.refinement import levelled, refine

PICTURE_SIDE: Final = 640
FEATURE_SIDE: Final = 240
"""Local features are looked for in a smaller copy: their cost goes with the area, and placing needs few of them."""

FEATURES: Final = 320
CONTRAST: Final = 0.01
"""Low, so that plain cloth has features too; where there are more than enough the strongest are kept."""

FRAME_SIDE: Final = 256
PASTED: Final = 3
"""Rectangles pasted into a query that are looked at in their own size."""

SHRINKS: Final = 0.8
"""A query this much larger than the frame, or more, is shrunk before it is warped."""

_ROOM: Final = np.array([[1.0, 0.0, MARGIN], [0.0, 1.0, MARGIN], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class PhotoDescription:
    """What verification keeps of a picture: local features, and its pixels as far as they are compared.

    `features` are in pixels of `picture`, uint8 `[h, w, 3]`. Of a query `pixels` are what was given; a reference is
    never warped, so its `pixels` are its frame: the size blocks are compared at, its sides multiples of a block.
    `look` gives them, and they and what is made of them are asked for when the first placement is looked at: most
    look-alikes have none.
    """

    features: LocalFeatures
    look: Callable[[], Pixels]
    unruled: PhotoDescription | None = None
    """The same picture without the lines that were drawn across it, where there are any."""

    @once
    def pixels(self) -> Pixels:
        """The pixels as far as they are compared; whatever `look` raises where it reads a file."""
        return self.look()

    @once
    def picture(self) -> Pixels:
        """The pixels no larger than PICTURE_SIDE."""
        return shrunk(self.pixels, PICTURE_SIDE)

    @once
    def grey(self) -> NDArray[np.uint8]:
        """`picture` in grey."""
        return grey(self.picture)

    @once
    def level(self) -> NDArray[np.uint8]:
        """`grey` with its contrast evened out."""
        return levelled(self.grey)

    @property
    def nbytes(self) -> int:
        """Bytes that a reference holds, with both grey planes once its pixels were looked at, for a bounded cache."""
        pixels = self.__dict__.get("pixels")
        planes = 0 if pixels is None else pixels.nbytes + 2 * pixels.shape[0] * pixels.shape[1]
        return int(self.features.nbytes + planes)


class PhotoVerifier:
    """Describes pictures and compares descriptions. Holds no state; safe to share between threads."""

    def describe(
        self, pixels: Pixels, pasted: Sequence[Box] | None = None, unruled: Pixels | None = None
    ) -> PhotoDescription:
        """Describe a picture being checked, uint8 RGB `[h, w, 3]`; what was pasted into it is looked at closely.

        `pasted` are the rectangles of `vision.inserts`, the clearest first, and `unruled` what `vision.lines` made of
        it, where they are known already; without `pasted` both are looked for.
        """
        if pasted is None:
            pasted, unruled = inserts(pixels), without_lines(pixels)
        width, height = size_within(pixels, PICTURE_SIDE)
        found = [_features(pixels).scaled(width, height)]
        for box in pasted[:PASTED]:
            left, top, right, bottom = box.pixels(width, height)
            near = _features(_cut(pixels, box)).scaled(right - left, bottom - top)
            found.append(near.moved(left, top, width, height))
        clean = None if unruled is None else _held(_features(unruled).scaled(width, height), unruled)
        return _held(joined(found), pixels, clean)

    def enrol(self, pixels: Pixels) -> PhotoDescription:
        """Describe a reference, uint8 RGB `[h, w, 3]`."""
        framed = frame(pixels)
        height, width = framed.shape[:2]
        return _held(_features(pixels).scaled(width, height), framed)

    def verify(self, query: PhotoDescription, reference: PhotoDescription) -> PhotoEvidence | None:
        """Evidence of the best placement of the reference in the query, or None when nothing aligns.

        A picture with lines across it is compared without them as well, and whatever agrees better counts.
        """
        evidence = self._verify(query, reference)
        if query.unruled is None:
            return evidence
        clean = self._verify(query.unruled, reference)
        return max((one for one in (evidence, clean) if one is not None), key=_strength, default=None)

    def _verify(self, query: PhotoDescription, reference: PhotoDescription) -> PhotoEvidence | None:
        placements = _placements(query.features, reference.features)
        if not placements:
            return None
        framed = reference.picture
        height, width = framed.shape[:2]
        best = placements[0]
        if len(placements) > 1:
            warped = [warp(query.grey, placement.matrix, width, height) for placement in placements]
            best = placements[int(np.argmax([strength(reference.grey, *view) for view in warped]))]
        picture, factors = _at_scale(query.picture, best.matrix, framed)
        refined = refine(grey(picture), reference.level, best.matrix @ inverse(factors), BLOCK)
        view, visible = warp(picture, _ROOM @ refined.matrix, width + 2 * MARGIN, height + 2 * MARGIN)
        within = slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN)
        agreement = compare(framed, np.ascontiguousarray(view[within]), visible[within], refined.residuals)
        if agreement.blocks == 0:
            return None
        placement = replace(best, matrix=refined.matrix @ factors)
        return _evidence(query, reference, placement, agreement, continued(view, visible))


def _strength(evidence: PhotoEvidence) -> float:
    return evidence.blocks * (evidence.close + evidence.exact)


def _features(pixels: Pixels) -> LocalFeatures:
    return extract(grey(shrunk(pixels, FEATURE_SIDE)), FEATURES, contrast=CONTRAST)


def _cut(pixels: Pixels, box: Box) -> Pixels:
    left, top, right, bottom = box.pixels(pixels.shape[1], pixels.shape[0])
    return pixels[top:bottom, left:right]


def _held(features: LocalFeatures, pixels: Pixels, unruled: PhotoDescription | None = None) -> PhotoDescription:
    """The description of a picture whose pixels are at hand."""
    described = PhotoDescription(features, lambda: pixels, unruled)
    described.__dict__["pixels"] = pixels  # they are there, and weigh what they weigh
    return described


def frame(pixels: Pixels) -> Pixels:
    """What a reference is compared in, uint8 `[h, w, 3]`: the longest side about FRAME_SIDE, both whole blocks."""
    picture = halved(pixels, FRAME_SIDE)
    height, width = picture.shape[:2]
    scale = FRAME_SIDE / max(height, width)
    columns, rows = (max(2, round(length * scale / BLOCK)) for length in (width, height))
    return cast("Pixels", cv2.resize(picture, (columns * BLOCK, rows * BLOCK), interpolation=cv2.INTER_AREA))


def _at_scale(picture: Pixels, matrix: Matrix, frame: Pixels) -> tuple[Pixels, Matrix]:
    """`picture` shrunk to about the scale it has on `frame` through `matrix`, and the shrinking as a matrix.

    A warp picks single pixels: without this a large query would be compared through the pixels it skips.
    """
    height, width = frame.shape[:2]
    quad = moved(inverse(matrix), corners(width, height)).astype(np.float32)
    scale = math.sqrt(width * height / max(1.0, cv2.contourArea(quad)))
    small = shrunk(picture, max(BLOCK, round(max(picture.shape) * scale))) if scale < SHRINKS else picture
    factors = (small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0])
    return small, np.diag([*factors, 1.0])


def _placements(query: LocalFeatures, reference: LocalFeatures) -> list[Placement]:
    upright = place(query, reference, match(query, reference), mirrored=False)
    flipped = query.mirrored()
    turned = place(flipped, reference, match(flipped, reference), mirrored=True)
    flip = np.array([[-1.0, 0.0, query.width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    upright.extend(Placement(found.matrix @ flip, found.inliers, True) for found in turned)
    return sorted(upright, key=lambda found: -found.inliers)[:3]


def _evidence(
    query: PhotoDescription, reference: PhotoDescription, placement: Placement, agreement: Agreement, beyond: int
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
        exact=agreement.exact,
        anchors=agreement.anchors,
        inliers=placement.inliers,
        mirrored=placement.mirrored,
        precise=agreement.precise,
        uneven=agreement.uneven,
        beyond=beyond,
    )
