"""Boxes and labels drawn on pictures, for reports that people read.

Place in the flow: after everything, in `service.report`. It decides nothing and measures nothing.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision.boxes import Box
from vision.embedding import Pixels

Colour = tuple[int, int, int]


def draw_box(pixels: Pixels, box: Box, colour: Colour, label: str = "") -> Pixels:
    """A copy of the picture with `box` outlined in `colour` and `label` on a plate inside its top left corner.

    The outline is a hundredth of the picture's longer side wide and lies inside the box, with a thin dark edge so
    that it shows on any background.
    """
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box.clipped().pixels(image.width, image.height)
    stroke = max(2, round(max(image.size) / 100))
    corners = (left, top, right - 1, bottom - 1)
    draw.rectangle(corners, outline=(0, 0, 0), width=stroke + 1)
    draw.rectangle(corners, outline=colour, width=stroke)
    if label:
        _draw_plate(draw, (left + stroke, top + stroke), label, colour, max(11, round(max(image.size) / 32)))
    return np.asarray(image)


def _draw_plate(draw: ImageDraw.ImageDraw, corner: tuple[int, int], label: str, colour: Colour, size: int) -> None:
    font = ImageFont.load_default(size)
    x0, y0, x1, y1 = draw.textbbox(corner, label, font=font)
    draw.rectangle((x0 - 3, y0 - 3, x1 + 3, y1 + 3), fill=colour)
    bright = sum(colour) > 380
    draw.text(corner, label, font=font, fill=(0, 0, 0) if bright else (255, 255, 255))
