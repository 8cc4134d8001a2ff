"""Is this mark present here, and where exactly? Shape against shape, in any colour and either polarity.

Place in the flow: `indexes.search` describes the query once and each logo reference once (cached), takes a cheap
`glimpse` at many windows and marks and settles the few that look best. A window is cut again from the original
pixels, so a small mark keeps its detail. It decides nothing; `indexes.scoring` weighs the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels
from vision.verification.alignment import Matrix, Placement, inverse
from vision.verification.details import lined_up, mark_details
from vision.verification.evidence import LogoEvidence
from vision.verification.features import LocalFeatures
from vision.verification.outlines import Field, correlation, near, outline, parts, softened, variety
from vision.verification.placing import bounds, sized
from vision.verification.scenes import Cutting, LogoScene, cut_out
from vision.verification.shades import colour, tone
from vision.verification.sketches import (
    Peak,
    Sketch,
    sketches,
    strongest,
    turned_peaks,
    upright_peaks,
)

MARK_SIDE = 96
MARGIN = 0.06
KEPT_PLACES = 3
LINED_UP = 2
LEAST_SIDE = 8


@dataclass(frozen=True, slots=True)
class LogoTemplate:
    """An enrolled mark, trimmed of its plain border: what many marks are kept as.

    `picture` is uint8 `[h, w, 3]`, longest side 96; `sketches` are small copies for the coarse search; `details` are
    the local features of `picture`, seen finer; `content` is the trimmed part of the reference.
    """

    picture: Pixels
    sketches: tuple[Sketch, ...]
    details: LocalFeatures
    content: Box

    @property
    def nbytes(self) -> int:
        """Bytes held, for a bounded cache."""
        return self.details.nbytes + self.picture.nbytes + sum(sketch.nbytes for sketch in self.sketches)

    def drawn(self) -> Drawn:
        """The mark as a close look needs it, made for each."""
        field = outline(self.picture)
        return Drawn(self.picture, field, near(field, MARK_SIDE // 16), softened(field), self.content)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A mark for a close look: its `picture`, `field` the outline of it `[h, w, 2]`, and `content`.

    `weight` float32 `[h, w]` is 1 near the outline, where a scene must look the same; `edges` float32 `[h, w]` is
    what ECC aligns to.
    """

    picture: Pixels
    field: Field
    weight: NDArray[np.float32]
    edges: NDArray[np.float32]
    content: Box


@dataclass(frozen=True, slots=True)
class LogoGlimpse:
    """Where a mark may be in a window, found coarsely: `peaks` of its upright sketches, the best first.

    `turns` says whether turned sketches are worth trying too: not over a whole scene.
    """

    cutting: Cutting
    template: LogoTemplate
    peaks: tuple[Peak, ...]
    turns: bool

    @property
    def strength(self) -> float:
        """Correlation of the best sketch, for telling which glimpses are worth settling first."""
        return self.peaks[0].height

    def settle(self) -> LogoEvidence | None:
        """Evidence of the best place, turned a little and aligned at full size."""
        cutting, mark, peaks = self.cutting, self.template.drawn(), list(self.peaks)
        if self.turns:
            peaks += turned_peaks(cutting.ground, mark.picture, peaks[0])
        starts = [peak.matrix(cutting.ground.shrink) for peak in strongest(peaks, KEPT_PLACES)]
        placed = [(matrix, _warped(cutting.crop, mark, matrix)) for matrix in starts]
        matrix, _ = max(placed, key=lambda pair: correlation(mark.field, outline(pair[1]), mark.weight))
        return _evidence(cutting, mark, *_refined(cutting, mark, matrix))


class LogoVerifier:
    """Enrols marks and finds them. Holds no state; safe to share between threads."""

    def describe(self, pixels: Pixels) -> LogoScene:
        """Keep a query's pixels, uint8 RGB `[h, w, 3]`."""
        return LogoScene(np.ascontiguousarray(pixels))

    def enrol(self, pixels: Pixels) -> LogoTemplate:
        """Enrol a logo reference, uint8 RGB `[h, w, 3]`; a plain border is trimmed."""
        content = content_box(pixels)
        height, width = pixels.shape[:2]
        left, top, right, bottom = content.pixels(width, height)
        trimmed = pixels[top:bottom, left:right]
        picture = sized(trimmed, MARK_SIDE)
        return LogoTemplate(
            picture=picture,
            sketches=sketches(picture),
            details=mark_details(trimmed).scaled(picture.shape[1], picture.shape[0]),
            content=content,
        )

    def glimpse(self, scene: LogoScene, window: Box | None, template: LogoTemplate) -> LogoGlimpse | None:
        """A coarse look for the mark in or near `window` (None: anywhere); None when nothing resembles it."""
        cutting = scene.cutting(window)
        peaks = upright_peaks(cutting.ground, template.sketches)
        return LogoGlimpse(cutting, template, tuple(peaks), turns=window is not None) if peaks else None

    def verify(self, scene: LogoScene, window: Box | None, template: LogoTemplate) -> LogoEvidence | None:
        """Evidence of the best place of the mark in or near `window` (None: anywhere), or None when there is none."""
        glimpse = self.glimpse(scene, window, template)
        return None if glimpse is None else glimpse.settle()

    def line_up(self, scene: LogoScene, template: LogoTemplate) -> LogoEvidence | None:
        """Evidence of the place at which local features of the mark agree, anywhere in the scene, or None."""
        placements = lined_up(scene.details, template.details)[:LINED_UP]
        if not placements:
            return None
        mark = template.drawn()
        found = [_lined_up(scene, mark, placement) for placement in placements]
        return max((one for one in found if one), key=lambda one: one.inliers * one.shape, default=None)


def _lined_up(scene: LogoScene, mark: Drawn, placement: Placement) -> LogoEvidence | None:
    """The mark laid over the scene as its local features say, judged like any other place."""
    height, width = mark.picture.shape[:2]
    rows, columns = scene.picture.shape[:2]
    window = bounds(inverse(placement.matrix), width, height, columns, rows)
    if window.width * columns < LEAST_SIDE or window.height * rows < LEAST_SIDE:
        return None
    crop, region = cut_out(scene.picture, window)
    cutting = Cutting(crop, region)
    across, down = region.width * columns / crop.shape[1], region.height * rows / crop.shape[0]
    whole = np.array([[across, 0.0, region.x0 * columns], [0.0, down, region.y0 * rows], [0.0, 0.0, 1.0]])
    matrix = placement.matrix @ whole
    return _evidence(cutting, mark, *_refined(cutting, mark, matrix), inliers=placement.inliers)


def content_box(pixels: Pixels, tolerance: float = 24.0) -> Box:
    """The part of a mark's picture inside its plain border; all of it when the border is not plain."""
    height, width = pixels.shape[:2]
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.float32)
    plain = np.median(rim, axis=0)
    if (np.abs(rim - plain).max(axis=1) > tolerance).mean() > 0.2:
        return WHOLE
    differs = np.abs(pixels.astype(np.float32) - plain).max(axis=2) > tolerance
    columns, rows = np.flatnonzero(differs.any(axis=0)), np.flatnonzero(differs.any(axis=1))
    if len(columns) < 4 or len(rows) < 4:
        return WHOLE
    box = Box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return box.padded(MARGIN)


def _refined(cutting: Cutting, mark: Drawn, matrix: Matrix) -> tuple[Matrix, Pixels]:
    """The matrix after an affine ECC refinement of edge strength, kept only when the outlines agree better."""
    before = _warped(cutting.crop, mark, matrix)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)
    try:
        start = np.linalg.inv(matrix / matrix[2, 2])
        start = (start / start[2, 2])[:2].astype(np.float32)
        _, found = cv2.findTransformECC(mark.edges, cutting.edges, start, cv2.MOTION_AFFINE, until)
        better = inverse(np.vstack([found, [0.0, 0.0, 1.0]]).astype(np.float64))
    except (cv2.error, np.linalg.LinAlgError):  # the optimiser gives up on a featureless crop: keep the start
        return matrix, before
    after = _warped(cutting.crop, mark, better)
    agreed = [correlation(mark.field, outline(one), mark.weight) for one in (before, after)]
    return (better, after) if agreed[1] > agreed[0] else (matrix, before)


def _warped(crop: Pixels, mark: Drawn, matrix: Matrix) -> Pixels:
    height, width = mark.picture.shape[:2]
    return cast("Pixels", cv2.warpPerspective(crop, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


def _evidence(
    cutting: Cutting, mark: Drawn, matrix: Matrix, warped: Pixels, *, inliers: int = 0
) -> LogoEvidence | None:
    field = outline(warped)
    shape = correlation(mark.field, field, mark.weight)
    if shape <= 0:
        return None
    height, width = mark.picture.shape[:2]
    place = bounds(inverse(matrix), width, height, cutting.crop.shape[1], cutting.crop.shape[0])
    return LogoEvidence(
        query_box=place.within(cutting.region),
        reference_box=mark.content,
        shape=min(1.0, shape),
        parts=parts(mark.field, field, mark.weight, MARK_SIDE // 8),
        variety=variety(mark.field),
        tone=tone(mark.picture, warped),
        colour=colour(mark.picture, warped),
        inliers=inliers,
    )
