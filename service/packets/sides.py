"""Both pictures side by side at one height, with the places that agree outlined: what a person looks at first."""

from __future__ import annotations

import numpy as np

from vision.boxes import Box
from vision.drawing import draw_box
from vision.embedding import Pixels
from vision.images import VETTED, decode, encode_png, resize

_HEIGHT = 720
_WIDEST = 1440
_GAP = 24
_COLOUR = (214, 40, 57)


def side_by_side(listing: bytes, box: Box, reference: bytes, reference_box: Box) -> bytes:
    """A PNG of the listing's picture on the left and the reference on the right."""
    left = draw_box(_shown(listing), box, _COLOUR, "listing")
    right = draw_box(_shown(reference), reference_box, _COLOUR, "reference")
    canvas = np.full((_HEIGHT, left.shape[1] + _GAP + right.shape[1], 3), 255, np.uint8)
    for picture, start in ((left, 0), (right, left.shape[1] + _GAP)):
        top = (_HEIGHT - picture.shape[0]) // 2
        canvas[top : top + picture.shape[0], start : start + picture.shape[1]] = picture
    return encode_png(canvas)


def _shown(data: bytes) -> Pixels:
    pixels = decode(data, limits=VETTED, side=_WIDEST).pixels
    height, width = pixels.shape[:2]
    scale = min(_HEIGHT / height, _WIDEST / width)
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
