"""The picture a mark is looked for in, and the windows cut out of it, each described once for all marks.

Place in the flow: `logos` describes a query as a `LogoScene` and lays marks over its cuttings. What is costly is made
when the first mark needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels
from vision.once import once
from vision.verification.details import Details, scene_details
from vision.verification.outlines import outline, softened
from vision.verification.placing import shrunk, sized
from vision.verification.sketches import COARSE, COARSE_SCENE, Ground, ground

WINDOW_SIDE: Final = 112
SCENE_SIDE: Final = 320
WINDOW_PADDING: Final = 0.5


@dataclass(frozen=True)
class Cutting:
    """A window of a scene cut out at working size: `crop` uint8 `[h, w, 3]` shows `region` of the scene.

    `ground` is what marks are looked for in coarsely, with the longest side at `coarse` pixels; `edges` float32
    `[h, w]` is what ECC aligns them to.
    """

    crop: Pixels
    region: Box
    coarse: int = COARSE

    @once
    def ground(self) -> Ground:
        """Made when the first mark is slid over it."""
        return ground(self.crop, self.coarse)

    @once
    def edges(self) -> NDArray[np.float32]:
        """Made when the first mark is looked at closely."""
        return softened(outline(self.crop))


@dataclass(frozen=True)
class LogoScene:
    """The picture a mark is looked for in, uint8 RGB `[h, w, 3]` as it was given, and the windows cut so far."""

    picture: Pixels
    cuttings: dict[Box | None, Cutting] = field(default_factory=dict, compare=False, repr=False)

    def cutting(self, window: Box | None) -> Cutting:
        """The padded window, cut once for all marks."""
        known = self.cuttings.get(window)
        if known is None:
            crop, region = cut_out(self.picture, window)
            known = self.cuttings[window] = Cutting(crop, region, COARSE_SCENE if window is None else COARSE)
        return known

    @once
    def details(self) -> Details:
        """Local features of the whole picture, made when the first mark is lined up."""
        return scene_details(self.picture)

    @property
    def nbytes(self) -> int:
        """Bytes held, for a bounded cache."""
        return self.picture.nbytes


def cut_out(picture: Pixels, window: Box | None) -> tuple[Pixels, Box]:
    """The padded window at working size, and which part of the picture it is.

    Cut as a square: proposals often cover only the length or the height of a mark.
    """
    if window is None:
        return shrunk(picture, SCENE_SIDE), WHOLE
    height, width = picture.shape[:2]
    longer = max(1.0, window.width * width, window.height * height)
    reach = longer / 2 + WINDOW_PADDING * longer
    across, down = (window.x0 + window.x1) / 2, (window.y0 + window.y1) / 2
    square = Box(across - reach / width, down - reach / height, across + reach / width, down + reach / height)
    left, top, right, bottom = square.clipped().pixels(width, height)
    crop = sized(picture[top:bottom, left:right], WINDOW_SIDE * max(right - left, bottom - top) / longer)
    return crop, Box(left / width, top / height, right / width, bottom / height)
