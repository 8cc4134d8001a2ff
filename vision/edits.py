"""What sellers do to a stolen picture, as small deterministic functions: for the demo and for tests.

Place in the flow: none of the service's. These make queries whose right answer is known; nothing is learned from
them (the training set has its own, richer generator) and nothing here is random.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vision.boxes import Box
from vision.embedding import Pixels

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
INK: Colour = (24, 24, 27)
_PAPER: Colour = (246, 246, 248)
_ACCENT: Colour = (214, 64, 36)


def crop(pixels: Pixels, box: Box) -> Pixels:
    """The part of the picture in `box`."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.pixels(width, height)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def mirror(pixels: Pixels) -> Pixels:
    """The picture flipped left to right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def recompress(pixels: Pixels, *, scale: float = 0.5, quality: int = 25) -> Pixels:
    """The picture made smaller by `scale` and sent through a JPEG of `quality`, artefacts and all."""
    image = Image.fromarray(pixels)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer, formats=("JPEG",)).convert("RGB"))


def recolour(pixels: Pixels, *, gain: Colour = (115, 100, 85), offset: int = 10) -> Pixels:
    """Each channel times its `gain` in per cent, plus `offset`: another white balance and exposure."""
    scaled = pixels.astype(np.float32) * (np.asarray(gain, dtype=np.float32) / 100.0) + offset
    recoloured: Pixels = np.clip(scaled, 0, 255).astype(np.uint8)
    return recoloured


def caption(pixels: Pixels, text: str, *, colour: Colour = WHITE) -> Pixels:
    """Large text across the middle and a solid strip with it along the bottom, as a shop's banner."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    strip = round(image.height * 0.14)
    draw.rectangle((0, image.height - strip, image.width, image.height), fill=_ACCENT)
    _write(draw, text, (image.width // 2, image.height - strip // 2), round(strip * 0.6), colour)
    _write(draw, text, (image.width // 2, round(image.height * 0.42)), round(image.height * 0.11), colour)
    return np.asarray(image)


def collage(pictures: Sequence[Pixels], *, side: int = 640, gap: int = 8) -> Pixels:
    """A square of 2 by 2 cells; each picture fills its cell, cropped about its centre."""
    cell = (side - 3 * gap) // 2
    canvas = Image.new("RGB", (side, side), WHITE)
    for number, pixels in enumerate(pictures[:4]):
        corner = (gap + (number % 2) * (cell + gap), gap + (number // 2) * (cell + gap))
        canvas.paste(_filled(Image.fromarray(pixels), cell), corner)
    return np.asarray(canvas)


def screenshot(pixels: Pixels, *, title: str, price: str, width: int = 540) -> Pixels:
    """A phone's shop app that shows the picture: status bar, picture with margins, title, price and a button."""
    margin, bar = width // 18, width // 9
    image = Image.fromarray(pixels)
    inner = width - 2 * margin
    shown = image.resize((inner, max(1, round(image.height * inner / image.width))), Image.Resampling.LANCZOS)
    height = shown.height + 7 * bar
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, width, bar), fill=INK)
    _write(draw, "Marketplace  12:41", (width // 2, bar // 2), bar // 3, WHITE)
    page.paste(shown, (margin, bar * 2))
    below = bar * 2 + shown.height
    _write(draw, title, (width // 2, below + bar), bar // 2, INK)
    _write(draw, price, (width // 2, below + 2 * bar), bar // 2, _ACCENT)
    draw.rounded_rectangle((margin, below + 3 * bar, width - margin, below + 4 * bar), bar // 4, fill=_ACCENT)
    _write(draw, "Add to basket", (width // 2, below + 3 * bar + bar // 2), bar // 3, WHITE)
    return np.asarray(page)


def stamp(pixels: Pixels, mark: Pixels, box: Box, *, colour: Colour = WHITE, degrees: float = 0.0) -> Pixels:
    """The picture with `mark` (dark on white) printed in `colour` inside `box`, keeping the mark's shape.

    The mark's darkness is the ink's coverage, so its soft edges stay soft; 8 per cent of what lies beneath shines
    through, as on fabric.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.pixels(width, height)
    image = (
        Image.fromarray(mark)
        .convert("L")
        .rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    )
    scale = min((right - left) / image.width, (bottom - top) / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    coverage = _coverage(image.resize(size, Image.Resampling.LANCZOS))
    x, y = left + (right - left - size[0]) // 2, top + (bottom - top - size[1]) // 2
    out = pixels.copy()
    under = out[y : y + size[1], x : x + size[0]].astype(np.float32)
    ink = np.asarray(colour, dtype=np.float32)
    out[y : y + size[1], x : x + size[0]] = np.rint(under + (ink - under) * coverage).astype(np.uint8)
    return out


def _coverage(image: Image.Image) -> NDArray[np.float32]:
    darkness = 1.0 - np.asarray(image, dtype=np.float32)[:, :, None] / 255.0
    return darkness * np.float32(0.92)


def _filled(image: Image.Image, side: int) -> Image.Image:
    scale = side / min(image.size)
    size = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
    grown = image.resize(size, Image.Resampling.LANCZOS)
    left, top = (grown.width - side) // 2, (grown.height - side) // 2
    return grown.crop((left, top, left + side, top + side))


def _write(draw: ImageDraw.ImageDraw, text: str, centre: tuple[int, int], size: int, colour: Colour) -> None:
    draw.text(centre, text, font=ImageFont.load_default(size), fill=colour, anchor="mm")
