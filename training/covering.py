"""Edits that lie over a picture or change its colours, and the copy they are made on.

Place in the flow: part of `training.challenge`, which cuts, bends and frames. None of these moves the copy.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

Corners: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

WORDS: Final = ("SALE", "NEW", "size M", "free shipping", "last one", "DM for price", "original", "50% off", "@my.shop")


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture in the making, and the box of the copied reference in it."""

    image: Image.Image
    box: Corners

    def cut(self, window: tuple[int, int, int, int]) -> Copy:
        """The part in a window."""
        x, y = window[:2]
        left, top = max(self.box[0], x), max(self.box[1], y)
        right, bottom = min(self.box[2], window[2]), min(self.box[3], window[3])
        return Copy(self.image.crop(window), (left - x, top - y, max(left, right) - x, max(top, bottom) - y))

    def scaled(self, size: tuple[int, ...]) -> Copy:
        """At another size in pixels."""
        width, height = size
        across, down = width / self.image.width, height / self.image.height
        left, top, right, bottom = self.box
        box = left * across, top * down, right * across, bottom * down
        return Copy(self.image.resize((width, height), Image.Resampling.BICUBIC), box)

    def within(self, size: tuple[int, int]) -> Copy:
        """Made smaller, where it has to be, to fit into `size`."""
        scale = min(1.0, size[0] / self.image.width, size[1] / self.image.height)
        return self.scaled(tuple(max(8, round(side * scale)) for side in self.image.size))

    def laid_on(self, canvas: Image.Image, spot: tuple[int, int]) -> Copy:
        """Pasted on a canvas."""
        canvas.paste(self.image, spot)
        left, top, right, bottom = self.box
        return Copy(canvas, (left + spot[0], top + spot[1], right + spot[0], bottom + spot[1]))


Family: TypeAlias = Callable[[Copy, random.Random, Image.Image], Copy]


def text(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """One to three lines of words, each 6 to 14 % of the picture's height."""
    canvas = copy.image.copy()
    pen = ImageDraw.Draw(canvas)
    for _line in range(draw.randint(1, 3)):
        font = ImageFont.load_default(size=int(canvas.height * draw.uniform(0.06, 0.14)))
        spot = draw.uniform(0, 0.5) * canvas.width, draw.uniform(0, 0.85) * canvas.height
        pen.text(spot, draw.choice(WORDS), fill=any_ink(draw), font=font)
    return Copy(canvas, copy.box)


def emoji(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """A round face over 15 to 40 % of the picture."""
    canvas = copy.image.copy()
    radius = math.sqrt(draw.uniform(0.15, 0.4) * canvas.width * canvas.height / math.pi)
    x, y = (draw.uniform(0.25, 0.75) * side for side in canvas.size)
    pen = ImageDraw.Draw(canvas)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 205, 40), outline=(160, 110, 0), width=3)
    for side in (-0.4, 0.4):
        eye = x + side * radius, y - 0.25 * radius
        pen.ellipse(
            (eye[0] - radius / 8, eye[1] - radius / 6, eye[0] + radius / 8, eye[1] + radius / 6), fill="#3c2800"
        )
    pen.arc((x - radius / 2, y - radius / 4, x + radius / 2, y + radius / 2), 20, 160, fill=(60, 40, 0), width=6)
    return Copy(canvas, copy.box)


def sticker(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """A piece of another photo over 15 to 40 % of the picture."""
    return _stuck(copy, draw, other, draw.uniform(0.15, 0.4))


def third_covered(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """A piece of another photo over 34 % of the picture."""
    return _stuck(copy, draw, other, 0.34)


def jitter(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Brightness, contrast, saturation, and the channels' balance."""
    image = copy.image
    for tool in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = tool(image).enhance(draw.uniform(0.55, 1.6))
    gains = [draw.uniform(0.8, 1.2) for _ in range(3)]
    bands = [
        band.point([min(255, int(v * gain)) for v in range(256)])
        for band, gain in zip(image.split(), gains, strict=True)
    ]
    return Copy(Image.merge("RGB", bands), copy.box)


def stripes(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Upright, level or slanted lines across the picture."""
    canvas = copy.image.copy()
    pen = ImageDraw.Draw(canvas)
    pace, thick, ink = draw.randint(28, 70), draw.randint(2, 7), any_ink(draw)
    reach = max(canvas.size)
    angle = draw.choice((0.0, math.pi / 2, draw.uniform(0, math.pi)))
    across, along = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    for step in range(-reach, reach, pace):
        x, y = canvas.width / 2 + step * across[0], canvas.height / 2 + step * across[1]
        ends = (x - reach * along[0], y - reach * along[1], x + reach * along[0], y + reach * along[1])
        pen.line(ends, fill=ink, width=thick)
    return Copy(canvas, copy.box)


def any_ink(draw: random.Random) -> tuple[int, int, int]:
    """Some colour."""
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def window_of(image: Image.Image, draw: random.Random, share: float) -> tuple[int, int, int, int]:
    """A window of `share` of the sides, anywhere in the picture."""
    width, height = max(8, int(image.width * share)), max(8, int(image.height * share))
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    return left, top, left + width, top + height


def _stuck(copy: Copy, draw: random.Random, other: Image.Image, share: float) -> Copy:
    side = math.sqrt(share)
    canvas = copy.image.copy()
    size = int(canvas.width * side), int(canvas.height * side)
    piece = other.crop(window_of(other, draw, 0.5)).resize(size)
    canvas.paste(piece, (draw.randint(0, canvas.width - piece.width), draw.randint(0, canvas.height - piece.height)))
    return Copy(canvas, copy.box)
