"""Coarse search for a mark: small turned and scaled outlines slid over a crop.

Place in the flow: `logos` makes sketches once per mark, searches a window with them, then refines the few best
places at full size. Only the neighbourhood of the mark's edges counts, so what shines through a mark without a
ground of its own does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.alignment import Matrix
from vision.verification.outlines import Field, near, outline, strength
from vision.verification.placing import sized

SIDES: Final = (20, 24, 29, 35, 42, 50, 60)
TURNS: Final = (0.0, -10.0, 10.0)
COARSE: Final = 88
COARSE_SCENE: Final = 200
QUIET: Final = 0.15
FAINT: Final = 0.24
"""Correlation of a sketch below which a place is not looked at again; marks that are there reach 0.35 and more."""

CLOSE_SECOND: Final = 0.85


@dataclass(frozen=True, slots=True)
class Sketch:
    """One small outline. `field` float32 `[h, w, 2]` is already weighted, `weight` float32 `[h, w]`.

    `matrix` (float64 `[3, 3]`) maps the sketch's pixels to the mark's; `energy` is the field's weighted energy.
    """

    field: Field
    weight: NDArray[np.float32]
    matrix: Matrix
    energy: float
    turned: bool

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.field.nbytes + self.weight.nbytes + self.matrix.nbytes


def sketches(picture: Pixels) -> tuple[Sketch, ...]:
    """Sketches of a mark at every size and turn."""
    return tuple(_sketch(picture, side, turn) for turn in TURNS for side in SIDES)


def _sketch(picture: Pixels, side: int, turn: float) -> Sketch:
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
    energy = float(((field * field).sum(axis=2) * weight).sum())
    back = np.asarray(np.linalg.inv(shape), np.float64)
    return Sketch(np.ascontiguousarray(field * weight[..., None]), weight, back, energy, turn != 0.0)


def search(crop: Pixels, bank: tuple[Sketch, ...], most: int, *, upright: bool) -> list[Matrix]:
    """The best `most` places of a mark in a crop as matrices from crop pixels to mark pixels, the best first.

    Turned sketches are tried only at the sizes that fit best upright, and not at all when nothing fits or `upright`
    asks for none, as for a whole scene. A crop where nothing resembles the mark gives an empty list.
    """
    small = sized(crop, COARSE_SCENE if upright else COARSE)
    scene = outline(small)
    energy = strength(scene) ** 2
    shrink = np.diag([small.shape[1] / crop.shape[1], small.shape[0] / crop.shape[0], 1.0])
    straight = [_peak(scene, energy, sketch) for sketch in bank if not sketch.turned]
    best = max(range(len(straight)), key=lambda size: straight[size][0])
    peaks = [(peak, sketch) for peak, sketch in zip(straight, bank, strict=False) if peak[0] > 0]
    if not upright and straight[best][0] > FAINT:
        near_best = {best - 1, best, best + 1}
        turned = [sketch for number, sketch in enumerate(bank) if sketch.turned and number % len(SIDES) in near_best]
        peaks += [(_peak(scene, energy, sketch), sketch) for sketch in turned]
    peaks.sort(key=lambda found: -found[0][0])
    strong = [found for found in peaks[:most] if found[0][0] > max(FAINT, CLOSE_SECOND * peaks[0][0][0])]
    return [sketch.matrix @ _shift(column, row) @ shrink for (_, column, row), sketch in strong]


def _shift(column: int, row: int) -> Matrix:
    return np.array([[1.0, 0.0, -column], [0.0, 1.0, -row], [0.0, 0.0, 1.0]])


def _peak(scene: Field, energy: NDArray[np.float32], sketch: Sketch) -> tuple[float, int, int]:
    """The best correlation of a sketch (0 when it does not fit in), and the column and row of its top left corner."""
    height, width = sketch.weight.shape
    if height > scene.shape[0] or width > scene.shape[1]:
        return 0.0, 0, 0
    shared = cv2.matchTemplate(scene, sketch.field, cv2.TM_CCORR)
    theirs = cv2.matchTemplate(energy, sketch.weight, cv2.TM_CCORR)
    floor = QUIET * sketch.energy
    surface = shared / np.sqrt(np.maximum(theirs, floor) * max(sketch.energy, 1e-6))
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    return float(surface[row, column]), int(column), int(row)
