"""Pictures pasted into a query, embedded in their own size beside the regions of the whole.

Place in the flow: `prepare` cuts them out, the backend embeds the few there are in one more pass. A copy a third as
wide as a screen is a handful of cells of the dense map, and its vector says little; cut out and embedded like any
photo it is found. It embeds nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vision.boxes import WHOLE, Box
from vision.embedding import MAX_QUERY_PHOTO_VECTORS, Insert, Pixels, Regions, Vectors
from vision.images import resize
from vision.inserts import inserts
from vision.regions import PHOTO_LAYOUT

MOST: Final = 4
"""Passes are dear: of more pictures than this in a picture the clearest are cut out. A collage of four has four."""

_LIKE: Final = 0.6
_MIDDLE: Final = PHOTO_LAYOUT[:2]
_QUARTERS: Final = PHOTO_LAYOUT[2:]


def found_in(pixels: Pixels) -> tuple[Box, ...]:
    """The rectangles pasted into a picture, the clearest first: enough of them for what `cut_out` leaves."""
    return inserts(pixels, most=MOST + len(PHOTO_LAYOUT))


def cut_out(pixels: Pixels, found: Sequence[Box], side: int) -> tuple[Insert, ...]:
    """What was `found` in `pixels`, each scaled to `side` by `side`, the quarters of a collage first.

    A cell of a collage is cut although a region of the layout holds it: on the dense map its neighbours show through.
    What is hardly anywhere in plain photographs costs nothing there; what the whole or the centre holds is left.
    """
    kept = [box for box in found if not _like(box, _MIDDLE)]
    kept = sorted(kept, key=lambda box: not _like(box, _QUARTERS))[:MOST]
    return tuple(Insert(box, resize(_inside(pixels, box), side, side)) for box in kept)


def cleaned(unruled: Pixels | None, side: int) -> tuple[Insert, ...]:
    """The whole of a picture without the lines drawn across it, scaled to `side` by `side`; nothing without lines."""
    return () if unruled is None else (Insert(WHOLE, resize(unruled, side, side)),)


def _like(box: Box, others: Sequence[Box]) -> bool:
    return any(box.iou(other) >= _LIKE for other in others)


def _inside(pixels: Pixels, box: Box) -> Pixels:
    """The pixels of `box` without its rim, whose place is known to 1 % only."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.pixels(width, height)
    across, down = round(0.008 * width), round(0.008 * height)
    if right - left <= 4 * across or bottom - top <= 4 * down:
        return pixels[top:bottom, left:right]
    return pixels[top + down : bottom - down, left + across : right - across]


def beside(regions: Regions, pasted: tuple[Insert, ...], vectors: Vectors) -> Regions:
    """`regions` with the `vectors` `[k, d]` of what was pasted, at most 6 in all.

    What was pasted takes the place of the regions it is like, and of the last ones where that is not enough.
    """
    if not pasted:
        return regions
    own = [insert.box for insert in pasted]
    kept = [number for number, box in enumerate(regions.boxes) if box in _MIDDLE or not _like(box, own)]
    kept = kept[: MAX_QUERY_PHOTO_VECTORS - len(pasted)]
    boxes = (*(regions.boxes[number] for number in kept), *own)
    weights = np.ones(len(boxes), np.float32)
    return Regions(boxes, np.concatenate([regions.vectors[kept], vectors]), weights)
