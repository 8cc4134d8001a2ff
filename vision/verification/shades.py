"""Do brightness and hue run alike over an aligned mark, whatever the light and the polarity?

Place in the flow: `logos` compares a mark with what it was laid over. Outlines say where edges lie; these say which
sides of them are bright and which are red, so that a globe of two colours differs from any other circle.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels

Plane = NDArray[np.float32]

FLAT = 4.0
"""Grey levels of standard deviation added to both sides, so that noise on a plain ground agrees with nothing."""


def tone(one: Pixels, two: Pixels) -> float:
    """Correlation of brightness in either polarity, in [0, 1]."""
    return abs(_correlation(_lab(one)[..., :1], _lab(two)[..., :1]))


def colour(one: Pixels, two: Pixels) -> float:
    """Correlation of hue and chroma, in [0, 1]; 0 where one of them is grey or their colours are others."""
    return max(0.0, _correlation(_lab(one)[..., 1:], _lab(two)[..., 1:]))


def _lab(pixels: Pixels) -> Plane:
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    return cast("Plane", cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)).astype(np.float32)


def _correlation(one: Plane, two: Plane) -> float:
    ours, theirs = one - one.mean(axis=(0, 1)), two - two.mean(axis=(0, 1))
    own, other = np.sqrt((ours * ours).mean()), np.sqrt((theirs * theirs).mean())
    return float((ours * theirs).mean() / ((own + FLAT) * (other + FLAT)))
