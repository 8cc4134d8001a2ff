"""Edited copies of photographs, as thieves and phones make them: the positives a calibration is fitted on.

Place in the flow: `training.calibrate` asks for one copy at a time, seeded. The evaluation has a generator of its
own (`training.challenge`), so that what is measured is not what was fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.random import Generator

from vision.embedding import Pixels

Edit = Callable[[Pixels, Generator, Pixels], Pixels]


def edited(pixels: Pixels, family: str, rng: Generator, other: Pixels) -> Pixels:
    """One copy of `pixels` (uint8 RGB) of a `family` of FAMILIES; `other` is a foreign photo to paste on."""
    return np.ascontiguousarray(FAMILIES[family](pixels, rng, other))


def crop(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Keep 40 to 90 % of the sides."""
    return _part(pixels, rng, rng.uniform(0.4, 0.9))


def text(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """A few lines of capital letters over the picture."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    for _line in range(int(rng.integers(1, 5))):
        words = "".join(chr(rng.integers(65, 91)) for _ in range(int(rng.integers(6, 16))))
        size = width / 400 * rng.uniform(0.8, 2.4)
        spot = int(width * rng.uniform(0, 0.5)), int(height * rng.uniform(0.1, 1.0))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.putText(canvas, words, spot, cv2.FONT_HERSHEY_DUPLEX, size, colour, max(1, int(size * 2)), cv2.LINE_AA)
    return canvas


def sticker(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Filled shapes over 10 to 40 % of the picture."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    share = rng.uniform(0.1, 0.4)
    while share > 0.03:
        part = share * rng.uniform(0.4, 1.0)
        share -= part
        radius = int(np.sqrt(part * height * width / np.pi))
        centre = int(width * rng.uniform(0, 1)), int(height * rng.uniform(0, 1))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            cv2.circle(canvas, centre, radius, colour, -1, cv2.LINE_AA)
        else:
            corner = (centre[0] - radius, centre[1] - radius)
            cv2.rectangle(canvas, corner, (centre[0] + radius, centre[1] + radius), colour, -1)
    return canvas


def colour(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Brightness, contrast, hue and saturation; grey now and then."""
    if rng.random() < 0.15:
        return cast("Pixels", cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    tone = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV).astype(np.float32)
    tone[..., 0] = (tone[..., 0] + rng.uniform(-14, 14)) % 180
    tone[..., 1] *= rng.uniform(0.4, 1.7)
    tone[..., 2] = (tone[..., 2] - 128) * rng.uniform(0.6, 1.5) + 128 + rng.uniform(-45, 45)
    return cast("Pixels", cv2.cvtColor(np.clip(tone, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB))


def recompress(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Down to 30 to 60 % of the sides and JPEG quality 8 to 30."""
    height, width = pixels.shape[:2]
    scale = rng.uniform(0.3, 0.6)
    small = cv2.resize(pixels, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    return squeezed(cast("Pixels", small), int(rng.integers(8, 31)))


def squeezed(pixels: Pixels, quality: int) -> Pixels:
    """Through JPEG at `quality`."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast("Pixels", cv2.imdecode(data, cv2.IMREAD_COLOR))


def mirror(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """Flipped left to right, then mildly cropped."""
    return light_crop(pixels[:, ::-1], rng, other)


def light_crop(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Keep 80 to 100 % of the sides."""
    height, width = pixels.shape[:2]
    rows, columns = (max(24, int(length * rng.uniform(0.8, 1.0))) for length in (height, width))
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    return pixels[top : top + rows, left : left + columns]


def rotate(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Turned by up to 30 degrees, corners filled or cut."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-30, 30), rng.uniform(0.8, 1.2))
    way = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REFLECT
    return cast("Pixels", cv2.warpAffine(pixels, matrix, (width, height), borderMode=way))


def perspective(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Corners moved by up to 18 % of the sides."""
    height, width = pixels.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = frame + (rng.uniform(-0.18, 0.18, (4, 2)) * [width, height]).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(frame, moved)
    return cast("Pixels", cv2.warpPerspective(pixels, matrix, (width, height)))


def screenshot(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Inside a phone's screen with bars and lines of text."""
    width = int(rng.integers(360, 560))
    height = int(width * rng.uniform(1.6, 2.1))
    screen = np.full((height, width, 3), int(rng.choice([18, 245, 255])), np.uint8)
    ink = 255 - int(screen[0, 0, 0])
    share = rng.uniform(0.45, 1.0)
    shown = _fitted(pixels, int(width * share), int(height * 0.6))
    left = int(rng.integers(0, width - shown.shape[1] + 1))
    top = int(height * rng.uniform(0.08, 0.3))
    screen[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    screen[: int(height * 0.06)] = rng.integers(0, 256, 3)
    for row in range(top + shown.shape[0] + 30, height - 10, 34):
        label = "".join(chr(rng.integers(97, 123)) for _ in range(int(rng.integers(5, 26))))
        cv2.putText(screen, label, (12, row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (ink,) * 3, 1, cv2.LINE_AA)
    return screen


def paste(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """Pasted on another photo at 28 to 75 % of its sides."""
    canvas = other.copy()
    height, width = canvas.shape[:2]
    share = rng.uniform(0.28, 0.75)
    small = _fitted(pixels, int(width * share), int(height * share))
    top, left = rng.integers(0, height - small.shape[0] + 1), rng.integers(0, width - small.shape[1] + 1)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def collage(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """One cell of a 2 by 2 collage, now and then flipped; the rest are pieces of another photo."""
    side = int(rng.integers(180, 320))
    pixels = pixels[:, ::-1] if rng.random() < 0.3 else pixels
    cells = [cv2.resize(light_crop(other, rng, other), (side, side)) for _ in range(3)]
    cells.insert(int(rng.integers(0, 4)), _filled(pixels, side))
    gap = np.full((side, int(rng.integers(1, 8)), 3), 255, np.uint8)
    rows = [np.hstack([cells[row], gap, cells[row + 1]]) for row in (0, 2)]
    return np.vstack(rows)


def stripes(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Parallel lines across the picture."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    pace = int(rng.integers(24, 60))
    slant = int(rng.integers(-height, height))
    ink = tuple(int(value) for value in rng.integers(0, 256, 3))
    for start in range(-height, width + height, pace):
        cv2.line(canvas, (start, 0), (start + slant, height), ink, int(rng.integers(2, 7)), cv2.LINE_AA)
    return canvas


def padding(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """A wide plain border with a caption."""
    height, width = pixels.shape[:2]
    rows, columns = (int(length * rng.uniform(0.05, 0.5)) for length in (height, width))
    shade = [int(value) for value in rng.integers(0, 256, 3)]
    wide = cv2.copyMakeBorder(pixels, rows, rows // 2, columns, columns // 2, cv2.BORDER_CONSTANT, value=shade)
    cv2.putText(wide, "NEW SEASON", (10, max(20, rows // 2)), cv2.FONT_HERSHEY_DUPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
    return light_crop(cast("Pixels", wide), rng, other)


def combined(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """Three of the milder edits, then JPEG."""
    mild = [light_crop, text, colour, mirror, rotate, perspective, stripes, padding, covered]
    for step in rng.choice(len(mild), 3, replace=False):
        pixels = mild[step](pixels, rng, other)
    return squeezed(np.ascontiguousarray(pixels), int(rng.integers(25, 70)))


def small_crop(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """Keep 18 to 30 % of the area."""
    return _part(pixels, rng, np.sqrt(rng.uniform(0.18, 0.3)))


def covered(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """A piece of another photo over 20 to 45 % of the picture: a band or a block."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    share = rng.uniform(0.2, 0.45)
    across, down = ((1.0, share), (share, 1.0), (np.sqrt(share), np.sqrt(share)))[int(rng.integers(3))]
    rows, columns = max(8, int(height * down)), max(8, int(width * across))
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    piece = _part(other, rng, rng.uniform(0.4, 0.8))
    canvas[top : top + rows, left : left + columns] = cv2.resize(piece, (columns, rows), interpolation=cv2.INTER_AREA)
    return canvas


def badge(pixels: Pixels, rng: Generator, _: Pixels) -> Pixels:
    """One disc or box of a colour, with a rim and a word, over 15 to 40 % of the picture, mostly its middle."""
    canvas = pixels.copy()
    height, width = canvas.shape[:2]
    area = rng.uniform(0.15, 0.4) * height * width
    centre = int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7))
    fill, ink = (tuple(int(value) for value in rng.integers(0, 256, 3)) for _shade in range(2))
    if rng.random() < 0.5:
        reach = int(np.sqrt(area / np.pi))
        cv2.circle(canvas, centre, reach, fill, -1, cv2.LINE_AA)
        cv2.circle(canvas, centre, reach, ink, 4, cv2.LINE_AA)
    else:
        reach = int(np.sqrt(area) / 2)
        box = (centre[0] - reach, centre[1] - reach), (centre[0] + reach, centre[1] + reach)
        cv2.rectangle(canvas, *box, fill, -1)
        cv2.rectangle(canvas, *box, ink, 4)
    spot = centre[0] - reach // 2, centre[1]
    cv2.putText(canvas, "HOT", spot, cv2.FONT_HERSHEY_DUPLEX, reach / 50, ink, max(1, reach // 20), cv2.LINE_AA)
    return canvas


def feed(pixels: Pixels, rng: Generator, other: Pixels) -> Pixels:
    """One of two offers side by side in an app, a third to half as wide as the screen."""
    width = int(rng.integers(400, 700))
    height = int(width * rng.uniform(1.5, 2.1))
    screen = np.full((height, width, 3), int(rng.choice([20, 244, 255])), np.uint8)
    ink = 255 - int(screen[0, 0, 0])
    shown = [_fitted(one, int(width * rng.uniform(0.33, 0.46)), int(height * 0.5)) for one in (pixels, other)]
    top, order = int(height * rng.uniform(0.05, 0.4)), rng.permutation(2)
    for column, number in enumerate(order):
        picture = shown[number]
        left = int(width * (0.02 + 0.49 * column))
        rows, columns = min(picture.shape[0], height - top), picture.shape[1]
        screen[top : top + rows, left : left + columns] = picture[:rows]
        label = "".join(chr(rng.integers(97, 123)) for _ in range(int(rng.integers(4, 14))))
        spot = (left, min(height - 4, top + rows + 24))
        cv2.putText(screen, label, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (ink,) * 3, 1, cv2.LINE_AA)
    return screen


def _part(pixels: Pixels, rng: Generator, share: float) -> Pixels:
    """A window of `share` of the sides."""
    height, width = pixels.shape[:2]
    rows, columns = (max(24, int(length * share)) for length in (height, width))
    top, left = rng.integers(0, max(1, height - rows + 1)), rng.integers(0, max(1, width - columns + 1))
    return pixels[top : top + rows, left : left + columns]


def _fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = max(8, int(pixels.shape[1] * scale)), max(8, int(pixels.shape[0] * scale))
    return cast("Pixels", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _filled(pixels: Pixels, side: int) -> Pixels:
    """The middle of the picture, scaled to fill a square."""
    short = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - short) // 2, (pixels.shape[1] - short) // 2
    square = pixels[top : top + short, left : left + short]
    return cast("Pixels", cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA))


FAMILIES: dict[str, Edit] = {
    family.__name__: family
    for family in (
        crop, text, sticker, colour, recompress, mirror, rotate, perspective,
        screenshot, paste, collage, stripes, padding, combined, small_crop, covered, badge, feed,
    )
}  # fmt: skip
