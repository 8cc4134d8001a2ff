"""The evaluation's own edits: the families of the copies protocol, made with Pillow and other settings than
`training.thefts`, so that what is measured was not what was fitted.

Place in the flow: `training.protocols` edits every reference once, the families in turn, seeded by its number. Every
edit also says where the copy lies in the result, so that boxes can be judged. What is laid over a picture is drawn by
`training.covering`.
"""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.covering import (
    WORDS,
    Copy,
    Family,
    any_ink,
    emoji,
    jitter,
    sticker,
    stripes,
    text,
    third_covered,
    window_of,
)
from vision.boxes import Box
from vision.embedding import Pixels


@dataclass(frozen=True, slots=True)
class Challenge:
    """An edited copy, uint8 RGB `[h, w, 3]`, and the box the copy fills in it (of a turned one, the box around it)."""

    pixels: Pixels
    box: Box


def challenged(pixels: Pixels, family: str, seed: int, other: Pixels) -> Challenge:
    """One copy of `pixels` (uint8 RGB) of a `family` of FAMILIES or STRESS; `other` is a foreign photo to paste on."""
    source = random.Random(f"{family}/{seed}")  # noqa: S311 - edits of photographs, not secrets
    image = Image.fromarray(pixels)
    edit = FAMILIES.get(family) or STRESS[family]
    made = edit(Copy(image, (0, 0, *image.size)), source, Image.fromarray(other))
    width, height = made.image.size
    left, top, right, bottom = made.box
    box = Box(left / width, top / height, right / width, bottom / height).clipped()
    return Challenge(np.ascontiguousarray(np.asarray(made.image.convert("RGB"))), box)


def crop(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Keep 45 to 80 % of the sides."""
    return copy.cut(window_of(copy.image, draw, draw.uniform(0.45, 0.8)))


def recompress(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Down to 40 % of the sides and JPEG quality 10 to 30."""
    small = copy.scaled(tuple(max(16, int(side * 0.4)) for side in copy.image.size))
    return _jpeg(small, draw.randint(10, 30))


def mirror(copy: Copy, _: random.Random, __: Image.Image) -> Copy:
    """Flipped left to right."""
    left, top, right, bottom = copy.box
    width = copy.image.width
    return Copy(copy.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (width - right, top, width - left, bottom))


def rotate(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Turned by 5 to 25 degrees either way, grown to fit."""
    angle = draw.choice((-1, 1)) * draw.uniform(5, 25)
    turned = copy.image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=any_ink(draw))
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    middle = copy.image.width / 2, copy.image.height / 2
    spots = [(x - middle[0], y - middle[1]) for x, y in _corners(copy.box)]
    moved = [(x * cosine + y * sine + turned.width / 2, y * cosine - x * sine + turned.height / 2) for x, y in spots]
    return Copy(turned, _around(moved))


def perspective(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Seen at a slant: each corner pulled in by up to 20 % of the sides."""
    width, height = copy.image.size
    pulled = [(draw.uniform(0, 0.2) * width, draw.uniform(0, 0.2) * height) for _ in range(4)]
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    frame = _corners((0, 0, width, height))
    seen = [(x + dx * sign[0], y + dy * sign[1]) for (x, y), (dx, dy), sign in zip(frame, pulled, signs, strict=True)]
    back = cv2.getPerspectiveTransform(np.asarray(seen, np.float32), np.asarray(frame, np.float32))
    values = [float(value) for value in back.ravel()[:8]]
    slanted = copy.image.transform(
        copy.image.size, Image.Transform.PERSPECTIVE, values, Image.Resampling.BICUBIC, fillcolor=any_ink(draw)
    )
    forth = np.linalg.inv(back)
    spots = cv2.perspectiveTransform(np.asarray([_corners(copy.box)], np.float64), forth)[0]
    return Copy(slanted, _around([(float(x), float(y)) for x, y in spots]))


def screenshot(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Framed in a shop's app."""
    return _in_an_app(copy, draw, (0.6, 1.0), 0.6)


def small_in_screenshot(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Framed in a shop's app, within 35 % of its sides."""
    return _in_an_app(copy, draw, (0.35, 0.35), 0.35)


def paste(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """Pasted on another photo at 35 to 70 % of its sides."""
    return _pasted(copy, draw, other, draw.uniform(0.35, 0.7))


def small_paste(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """Pasted on another photo at 35 % of its sides."""
    return _pasted(copy, draw, other, 0.35)


def collage(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """One of four cells, the picture cut to its square middle; the others show pieces of another photo."""
    side, gap = draw.randint(200, 280), draw.randint(2, 8)
    canvas = Image.new("RGB", (2 * side + gap, 2 * side + gap), "white")
    own = draw.randrange(4)
    spots = [(cell % 2 * (side + gap), cell // 2 * (side + gap)) for cell in range(4)]
    for cell in range(4):
        if cell != own:
            piece = other.crop(window_of(other, draw, 0.7))
            canvas.paste(piece.crop(_square(piece)).resize((side, side), Image.Resampling.LANCZOS), spots[cell])
    return copy.cut(_square(copy.image)).scaled((side, side)).laid_on(canvas, spots[own])


def padding(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """A plain border of 10 to 40 % with a caption under the picture."""
    border = int(min(copy.image.size) * draw.uniform(0.1, 0.4))
    width, height = copy.image.size
    framed = copy.laid_on(Image.new("RGB", (width + 2 * border, height + 2 * border), any_ink(draw)), (border, border))
    font = ImageFont.load_default(size=max(14, border // 3))
    ImageDraw.Draw(framed.image).text(
        (border, height + border + border // 4), draw.choice(WORDS), fill=any_ink(draw), font=font
    )
    return framed


def combined(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """Three edits at once, then JPEG."""
    for family in draw.sample((crop, text, jitter, mirror, rotate, padding, sticker), 3):
        copy = family(copy, draw, other)
    return _jpeg(copy, draw.randint(30, 75))


def fifth_left(copy: Copy, draw: random.Random, _: Image.Image) -> Copy:
    """Keep 20 % of the area."""
    return copy.cut(window_of(copy.image, draw, math.sqrt(0.2)))


def mirrored_fifth(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """Flipped, and 20 % of the area kept."""
    return fifth_left(mirror(copy, draw, other), draw, other)


def mirrored_collage(copy: Copy, draw: random.Random, other: Image.Image) -> Copy:
    """Flipped, in one cell of four."""
    return collage(mirror(copy, draw, other), draw, other)


def _in_an_app(copy: Copy, draw: random.Random, widths: tuple[float, float], tallest: float) -> Copy:
    width = draw.randint(400, 600)
    ground = draw.choice(("white", "#f4f4f6", "#111114"))
    screen = Image.new("RGB", (width, int(width * draw.uniform(1.7, 2.1))), ground)
    pen = ImageDraw.Draw(screen)
    pen.rectangle((0, 0, width, width // 9), fill=any_ink(draw))
    shown = copy.within((int(width * draw.uniform(*widths)), int(screen.height * tallest)))
    top = width // 9 + draw.randint(0, 40)
    font = ImageFont.load_default(size=width // 20)
    for line in range(4):
        words = f"{draw.choice(WORDS)} {draw.choice(WORDS)}"
        pen.text((16, top + shown.image.height + 14 + line * width // 13), words, fill="gray", font=font)
    pen.rounded_rectangle((20, screen.height - 70, width - 20, screen.height - 20), 18, fill=any_ink(draw))
    return shown.laid_on(screen, ((width - shown.image.width) // 2, top))


def _pasted(copy: Copy, draw: random.Random, other: Image.Image, share: float) -> Copy:
    small = copy.within((int(other.width * share), int(other.height * share)))
    room = other.width - small.image.width, other.height - small.image.height
    return small.laid_on(other.copy(), (draw.randint(0, room[0]), draw.randint(0, room[1])))


def _corners(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _around(spots: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    across, down = [x for x, _ in spots], [y for _, y in spots]
    return min(across), min(down), max(across), max(down)


def _square(image: Image.Image) -> tuple[int, int, int, int]:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return left, top, left + side, top + side


def _jpeg(copy: Copy, quality: int) -> Copy:
    store = io.BytesIO()
    copy.image.convert("RGB").save(store, "JPEG", quality=quality)
    return Copy(Image.open(io.BytesIO(store.getvalue()), formats=("JPEG",)).convert("RGB"), copy.box)


FAMILIES: Final[dict[str, Family]] = {
    family.__name__: family
    for family in (
        crop, text, emoji, sticker, jitter, recompress, mirror, rotate, perspective,
        screenshot, paste, collage, stripes, padding, combined,
    )
}  # fmt: skip
"""The families of the protocol."""

STRESS: Final[dict[str, Family]] = {
    family.__name__: family
    for family in (fifth_left, mirrored_fifth, small_in_screenshot, small_paste, third_covered, mirrored_collage)
}
"""Harder than the protocol asks for, reported beside it."""
