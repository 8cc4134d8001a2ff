"""The evaluation's own edits: the families of the copies protocol, made with Pillow and other settings than
`training.thefts`, so that what is measured was not what was fitted.

Place in the flow: `training.evaluate` edits every reference once, the families in turn, seeded by its number.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from vision.embedding import Pixels

Family = Callable[[Image.Image, random.Random, Image.Image], Image.Image]

WORDS: Final = ("SALE", "NEW", "size M", "free shipping", "last one", "DM for price", "original", "50% off", "@my.shop")


def challenged(pixels: Pixels, family: str, seed: int, other: Pixels) -> Pixels:
    """One copy of `pixels` (uint8 RGB) of a `family` of FAMILIES; `other` is a foreign photo to paste on."""
    source = random.Random(f"{family}/{seed}")  # noqa: S311 - edits of photographs, not secrets
    edited = FAMILIES[family](Image.fromarray(pixels), source, Image.fromarray(other))
    return np.ascontiguousarray(np.asarray(edited.convert("RGB")))


def crop(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Keep 45 to 80 % of the sides."""
    return _window(image, draw, draw.uniform(0.45, 0.8))


def text(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Words over 15 to 40 % of the picture's height."""
    canvas = image.copy()
    pen = ImageDraw.Draw(canvas)
    for _line in range(draw.randint(1, 3)):
        font = ImageFont.load_default(size=int(image.height * draw.uniform(0.06, 0.14)))
        spot = draw.uniform(0, 0.5) * image.width, draw.uniform(0, 0.85) * image.height
        pen.text(spot, draw.choice(WORDS), fill=_ink(draw), font=font)
    return canvas


def emoji(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """A round face over 15 to 40 % of the picture."""
    canvas = image.copy()
    radius = math.sqrt(draw.uniform(0.15, 0.4) * image.width * image.height / math.pi)
    x, y = (draw.uniform(0.25, 0.75) * side for side in image.size)
    pen = ImageDraw.Draw(canvas)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 205, 40), outline=(160, 110, 0), width=3)
    for side in (-0.4, 0.4):
        spot = x + side * radius, y - 0.25 * radius
        pen.ellipse(
            (spot[0] - radius / 8, spot[1] - radius / 6, spot[0] + radius / 8, spot[1] + radius / 6), fill=(60, 40, 0)
        )
    pen.arc((x - radius / 2, y - radius / 4, x + radius / 2, y + radius / 2), 20, 160, fill=(60, 40, 0), width=6)
    return canvas


def sticker(image: Image.Image, draw: random.Random, other: Image.Image) -> Image.Image:
    """A piece of another photo over 15 to 40 % of the picture."""
    side = math.sqrt(draw.uniform(0.15, 0.4))
    piece = _window(other, draw, 0.5).resize((int(image.width * side), int(image.height * side)))
    canvas = image.copy()
    spot = draw.randint(0, image.width - piece.width), draw.randint(0, image.height - piece.height)
    canvas.paste(piece, spot)
    return canvas


def jitter(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Brightness, contrast, saturation, and the channels' balance."""
    for tool in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = tool(image).enhance(draw.uniform(0.55, 1.6))
    gains = [draw.uniform(0.8, 1.2) for _ in range(3)]
    return Image.merge(
        "RGB",
        [
            band.point([min(255, int(v * gain)) for v in range(256)])
            for band, gain in zip(image.split(), gains, strict=True)
        ],
    )


def recompress(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Down to 40 % of the sides and JPEG quality 10 to 30."""
    small = image.resize((max(16, int(image.width * 0.4)), max(16, int(image.height * 0.4))), Image.Resampling.BICUBIC)
    return _jpeg(small, draw.randint(10, 30))


def mirror(image: Image.Image, _: random.Random, __: Image.Image) -> Image.Image:
    """Flipped left to right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def rotate(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Turned by 5 to 25 degrees either way, grown to fit."""
    angle = draw.choice((-1, 1)) * draw.uniform(5, 25)
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=_ink(draw))


def perspective(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Each corner pulled in by up to 20 % of the sides."""
    width, height = image.size
    pulled = [(draw.uniform(0, 0.2) * width, draw.uniform(0, 0.2) * height) for _ in range(4)]
    corners = [
        (-pulled[0][0], -pulled[0][1]), (-pulled[1][0], height + pulled[1][1]),
        (width + pulled[2][0], height + pulled[2][1]), (width + pulled[3][0], -pulled[3][1]),
    ]  # fmt: skip
    quad = [value for corner in corners for value in corner]
    return image.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=_ink(draw))


def screenshot(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Framed in a shop's app."""
    width = draw.randint(400, 600)
    screen = Image.new(
        "RGB", (width, int(width * draw.uniform(1.7, 2.1))), draw.choice(("white", "#f4f4f6", "#111114"))
    )
    pen = ImageDraw.Draw(screen)
    pen.rectangle((0, 0, width, width // 9), fill=_ink(draw))
    shown = image.copy()
    shown.thumbnail((int(width * draw.uniform(0.6, 1.0)), int(screen.height * 0.6)))
    top = width // 9 + draw.randint(0, 40)
    screen.paste(shown, ((width - shown.width) // 2, top))
    font = ImageFont.load_default(size=width // 20)
    for line in range(4):
        pen.text(
            (16, top + shown.height + 14 + line * width // 13),
            f"{draw.choice(WORDS)} {draw.choice(WORDS)}",
            fill="gray",
            font=font,
        )
    pen.rounded_rectangle((20, screen.height - 70, width - 20, screen.height - 20), 18, fill=_ink(draw))
    return screen


def paste(image: Image.Image, draw: random.Random, other: Image.Image) -> Image.Image:
    """Pasted on another photo at 35 to 70 % of its sides."""
    share = draw.uniform(0.35, 0.7)
    small = image.copy()
    small.thumbnail((int(other.width * share), int(other.height * share)))
    canvas = other.copy()
    canvas.paste(small, (draw.randint(0, canvas.width - small.width), draw.randint(0, canvas.height - small.height)))
    return canvas


def collage(image: Image.Image, draw: random.Random, other: Image.Image) -> Image.Image:
    """One of four cells, the picture cut to its square middle; the others show pieces of another photo."""
    side, gap = draw.randint(200, 280), draw.randint(2, 8)
    canvas = Image.new("RGB", (2 * side + gap, 2 * side + gap), "white")
    own = draw.randrange(4)
    for cell in range(4):
        shown = _square(image if cell == own else _window(other, draw, 0.7)).resize(
            (side, side), Image.Resampling.LANCZOS
        )
        canvas.paste(shown, (cell % 2 * (side + gap), cell // 2 * (side + gap)))
    return canvas


def stripes(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """Upright, level or slanted lines across the picture."""
    canvas = image.copy()
    pen = ImageDraw.Draw(canvas)
    pace, thick, ink = draw.randint(28, 70), draw.randint(2, 7), _ink(draw)
    reach = max(image.size)
    angle = draw.choice((0.0, math.pi / 2, draw.uniform(0, math.pi)))
    across, along = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    for step in range(-reach, reach, pace):
        x, y = image.width / 2 + step * across[0], image.height / 2 + step * across[1]
        ends = (x - reach * along[0], y - reach * along[1], x + reach * along[0], y + reach * along[1])
        pen.line(ends, fill=ink, width=thick)
    return canvas


def padding(image: Image.Image, draw: random.Random, _: Image.Image) -> Image.Image:
    """A plain border of 10 to 40 % with a caption under the picture."""
    border = int(min(image.size) * draw.uniform(0.1, 0.4))
    canvas = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), _ink(draw))
    canvas.paste(image, (border, border))
    font = ImageFont.load_default(size=max(14, border // 3))
    ImageDraw.Draw(canvas).text(
        (border, image.height + border + border // 4), draw.choice(WORDS), fill=_ink(draw), font=font
    )
    return canvas


def combined(image: Image.Image, draw: random.Random, other: Image.Image) -> Image.Image:
    """Three edits at once, then JPEG."""
    for family in draw.sample((crop, text, jitter, mirror, rotate, padding, sticker), 3):
        image = family(image, draw, other)
    return _jpeg(image, draw.randint(30, 75))


def _ink(draw: random.Random) -> tuple[int, int, int]:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def _window(image: Image.Image, draw: random.Random, share: float) -> Image.Image:
    width, height = max(8, int(image.width * share)), max(8, int(image.height * share))
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    store = io.BytesIO()
    image.convert("RGB").save(store, "JPEG", quality=quality)
    return Image.open(io.BytesIO(store.getvalue()), formats=("JPEG",)).convert("RGB")


FAMILIES: Final[dict[str, Family]] = {
    family.__name__: family
    for family in (
        crop, text, emoji, sticker, jitter, recompress, mirror, rotate, perspective,
        screenshot, paste, collage, stripes, padding, combined,
    )
}  # fmt: skip
