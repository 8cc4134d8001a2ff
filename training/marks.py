"""Brand marks to paste: monochrome icons of `simple-icons-pack`, drawn with `resvg-py`.

Place in the flow: feeds `training.scenes`. The marks of brands reserved for evaluation are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.images import decode

RESERVED: Final = (
    *("adidas", "apple", "bmw", "citroen", "cocacola", "dhl", "fedex", "ferrari", "ford", "google", "heineken", "hp"),
    *("intel", "mcdonalds", "mini", "nbc", "nike", "pepsi", "porsche", "puma", "redbull", "sprite", "starbucks"),
    *("texaco", "unicef", "vodafone", "yahoo", "android", "youtube", "itunes"),
)
"""Names that no mark used in training may begin with, and three marks that show a reserved brand's own."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: `coverage` float32 `[h, w]` in [0, 1], trimmed to the drawing, and the brand's `colour`."""

    name: str
    coverage: NDArray[np.float32]
    colour: tuple[int, int, int]


def is_reserved(slug: str) -> bool:
    """Whether a mark belongs to a brand kept for evaluation."""
    return slug.startswith(RESERVED)


def read_marks(count: int, *, seed: int, side: int = 192) -> list[Mark]:
    """`count` different marks that are not reserved, drawn `side` px wide; fewer are the first of more."""
    import simple_icons_pack  # noqa: PLC0415 - a package of the training extra

    icons = [getattr(simple_icons_pack, name) for name in sorted(vars(simple_icons_pack)) if name.startswith("SI_")]
    allowed = [icon for icon in icons if not is_reserved(icon.slug)]
    chosen = np.random.default_rng(seed).permutation(len(allowed))[:count]
    return [_draw(allowed[number], side) for number in chosen]


def reserved_marks(side: int = 192) -> list[Mark]:
    """The marks of the reserved brands themselves, for evaluation alone: nothing was ever trained on them."""
    import simple_icons_pack  # noqa: PLC0415 - a package of the training extra

    icons = [getattr(simple_icons_pack, name) for name in sorted(vars(simple_icons_pack)) if name.startswith("SI_")]
    return [_draw(icon, side) for icon in icons if icon.slug in RESERVED]


def picture_of(mark: Mark, *, ink: tuple[int, int, int], ground: tuple[int, int, int], margin: float) -> Pixels:
    """The mark as a brand would upload it: `ink` on `ground` with a margin in fractions of its longer side."""
    pad = round(max(mark.coverage.shape) * margin)
    alpha = np.pad(mark.coverage, pad)[:, :, None]
    blended = np.asarray(ink, np.float32) * alpha + np.asarray(ground, np.float32) * (1.0 - alpha)
    return np.asarray(np.rint(blended), np.uint8)


def _draw(icon: object, side: int) -> Mark:
    from resvg_py import svg_to_bytes  # noqa: PLC0415 - a package of the training extra

    svg, slug, colour = (str(getattr(icon, field)) for field in ("svg", "slug", "hex"))
    pixels = decode(svg_to_bytes(svg_string=svg, width=side, height=side, background="#ffffff")).pixels
    coverage = 1.0 - np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32) / 255.0
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    trimmed = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    red, green, blue = (int(value, 16) for value in re.findall("..", colour))
    return Mark(slug, np.ascontiguousarray(trimmed), (red, green, blue))
