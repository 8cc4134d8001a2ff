"""Coarse search for a mark: small turned and scaled outlines slid over a crop.

Place in the flow: `logos` makes upright sketches once per mark and a ground once per window, slides the ones over the
other, then refines the few best places at full size. Only the neighbourhood of the mark's edges counts, so what
shines through a mark without a ground of its own does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.alignment import Matrix
from vision.verification.outlines import Field, near, outline, product
from vision.verification.placing import sized

SIDES: Final = (20, 25, 31, 39, 49, 61, 76)
TURNS: Final = (-10.0, 10.0)
COARSE: Final = 88
COARSE_SCENE: Final = 200
QUIET: Final = 0.15
FAINT: Final = 0.24
"""Correlation of a sketch below which a place is not looked at again; marks that are there reach 0.35 and more."""

CLOSE_SECOND: Final = 0.85


@dataclass(frozen=True, slots=True)
class Sketch:
    """One small outline. `field` float32 `[h, w, 2]` is already weighted, `weight` uint8 `[h, w]` is 0 or 1.

    `matrix` (float64 `[3, 3]`) maps the sketch's pixels to the mark's; `energy` is the field's weighted energy,
    `size` the place of its side among SIDES.
    """

    field: Field
    weight: NDArray[np.uint8]
    matrix: Matrix
    energy: float
    size: int

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.field.nbytes + self.weight.nbytes + self.matrix.nbytes


def sketches(picture: Pixels) -> tuple[Sketch, ...]:
    """Upright sketches of a mark at every size."""
    return tuple(_sketch(picture, size, 0.0) for size in range(len(SIDES)))


def _sketch(picture: Pixels, size: int, turn: float) -> Sketch:
    side = SIDES[size]
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    small = sized(picture, side)
    rows, columns = small.shape[:2]
    grown = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), [0.0, 0.0, 1.0]])
    shape = np.diag([columns / width, rows / height, 1.0]) @ grown
    if turn:
        smooth = cv2.GaussianBlur(picture, (0, 0), max(0.4, 0.4 / scale))
        turned = cv2.warpAffine(smooth, shape[:2], (columns, rows), borderMode=cv2.BORDER_REPLICATE)
        small = cast("Pixels", turned)
    field = outline(small)
    weight = near(field, side // 10)
    energy = float((product(field, field) * weight).sum())
    back = np.asarray(np.linalg.inv(shape), np.float64)
    return Sketch(np.ascontiguousarray(field * weight[..., None]), weight.astype(np.uint8), back, energy, size)


@dataclass(frozen=True, slots=True)
class Ground:
    """A crop as sketches are slid over it: its `field` float32 `[h, w, 2]`, the `energy` of its edges `[h, w]`.

    `shrink` (float64 `[3, 3]`) maps the crop's pixels to the field's. Made once for all marks looked for in it.
    """

    field: Field
    energy: NDArray[np.float32]
    shrink: Matrix


def ground(crop: Pixels, side: int) -> Ground:
    """A crop at the size the coarse search works at."""
    small = sized(crop, side)
    field = outline(small)
    shrink = np.diag([small.shape[1] / crop.shape[1], small.shape[0] / crop.shape[0], 1.0])
    return Ground(field, product(field, field), shrink)


@dataclass(frozen=True, slots=True)
class Peak:
    """The best place of one sketch: its correlation, and the column and row of the sketch's top left corner."""

    height: float
    column: int
    row: int
    sketch: Sketch

    def matrix(self, shrink: Matrix) -> Matrix:
        """From the crop's pixels to the mark's."""
        moved = np.array([[1.0, 0.0, -self.column], [0.0, 1.0, -self.row], [0.0, 0.0, 1.0]])
        return np.asarray(self.sketch.matrix @ moved @ shrink, np.float64)


def upright_peaks(scene: Ground, bank: tuple[Sketch, ...]) -> list[Peak]:
    """The place of every upright sketch that fits in, the best first; empty when none is above FAINT."""
    found = [_peak(scene, sketch) for sketch in bank]
    found.sort(key=lambda peak: -peak.height)
    return [peak for peak in found if peak.height > 0] if found[0].height > FAINT else []


def turned_peaks(scene: Ground, picture: Pixels, upright: Peak) -> list[Peak]:
    """Peaks of turned sketches of a mark's picture whose size is near that of the best upright one.

    They are drawn anew: few places are looked at so closely, and they would make up most of an enrolled mark.
    """
    best = upright.sketch.size
    sizes = range(max(0, best - 1), min(len(SIDES), best + 2))
    return [_peak(scene, _sketch(picture, size, turn)) for turn in TURNS for size in sizes]


def strongest(peaks: list[Peak], most: int) -> list[Peak]:
    """The best `most` of some peaks, without those clearly behind the first."""
    ranked = sorted(peaks, key=lambda peak: -peak.height)
    return [peak for peak in ranked[:most] if peak.height > max(FAINT, CLOSE_SECOND * ranked[0].height)]


def _peak(scene: Ground, sketch: Sketch) -> Peak:
    """The best correlation of a sketch, 0 when it does not fit in or shows nothing at its size."""
    height, width = sketch.weight.shape
    if height > scene.field.shape[0] or width > scene.field.shape[1] or not sketch.energy:
        return Peak(0.0, 0, 0, sketch)
    shared = cv2.matchTemplate(scene.field, sketch.field, cv2.TM_CCORR)
    theirs = cv2.matchTemplate(scene.energy, sketch.weight.astype(np.float32), cv2.TM_CCORR)
    quiet = QUIET * sketch.energy
    surface = shared / np.sqrt(np.maximum(theirs, quiet) * max(sketch.energy, 1e-6))
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    return Peak(float(surface[row, column]), int(column), int(row), sketch)
