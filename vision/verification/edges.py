"""Where a query goes on beyond the reference's edge, as another photograph of the same place does.

Place in the flow: `refinement` gives a placement, **edges** looks across the outline of the reference in the query,
`photos` adds what it finds to the evidence. A copy ends at the reference's edge: either the query ends there too, or
something else begins and there is a step. Floor that runs on under the edge was never in the reference. Plain ground
tells nothing, nor does a rim that mirrors the picture, as some editors make.
"""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels

MARGIN: Final = 12
"""Pixels of the frame that are looked at on each side of the edge."""

PIECE: Final = 16
"""Length in pixels of the pieces of the edge that are judged one by one."""

_LAG: Final = 3
_TEXTURED: Final = 4.0
_CALM: Final = 1.5
_STEP: Final = 1.6
_MIRRORED: Final = 0.8

Flags = NDArray[np.bool_]


def continued(view: Pixels, visible: NDArray[np.uint8]) -> int:
    """How many pieces of the reference's edge the query runs across as if there were none.

    `view` is the query on the reference's frame, uint8 RGB with MARGIN pixels more on every side, `visible` (0 or 255)
    says where it is.
    """
    return sum(_runs_on(strip, mask) for strip, mask in zip(_sides(view), _sides(visible), strict=True))


def _sides(plane: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The four strips along the edge, the outer row first: `[2 * MARGIN, length, ...]`."""
    upright, level = plane[:, MARGIN:-MARGIN], plane[MARGIN:-MARGIN].swapaxes(0, 1)
    return [one[: 2 * MARGIN] for one in (upright, upright[::-1], level, level[::-1])]


def _runs_on(strip: NDArray[np.uint8], mask: NDArray[np.uint8]) -> int:
    length = strip.shape[1] // PIECE * PIECE
    seen = mask[:, :length].reshape(2 * MARGIN, -1, PIECE).min(axis=(0, 2)) > 0
    if not seen.any():
        return 0
    pieces = strip[:, :length].reshape(2 * MARGIN, -1, PIECE, 3)[:, seen].swapaxes(0, 1)
    outer, inner = pieces[:, : MARGIN - 2], pieces[:, : MARGIN + 1 : -1]
    return int((_textured(outer) & _textured(inner) & ~_stepped(pieces) & ~_mirrored(outer, inner)).sum())


def _textured(pieces: NDArray[np.uint8]) -> Flags:
    """Which of `[n, rows, PIECE, 3]` have texture."""
    return cast("Flags", pieces.mean(axis=3).std(axis=(1, 2)) > _TEXTURED)


def _stepped(pieces: NDArray[np.uint8]) -> Flags:
    """Which pieces have a step at the edge that stands out from what lies on either side."""
    change = cv2.absdiff(np.ascontiguousarray(pieces[:, _LAG:]), np.ascontiguousarray(pieces[:, :-_LAG]))
    rows = np.asarray(change).max(axis=3).mean(axis=2)
    middle = MARGIN - 2
    aside = np.concatenate([rows[:, : middle - 3], rows[:, middle + 4 :]], axis=1)
    return np.asarray(
        rows[:, middle - 2 : middle + 3].max(axis=1) >= _STEP * np.maximum(np.median(aside, axis=1), _CALM)
    )


def _mirrored(outer: NDArray[np.uint8], inner: NDArray[np.uint8]) -> Flags:
    """Which pieces show the same on both sides of the edge, as in a mirror that lies on it."""
    one, two = (side.astype(np.float32) - side.mean(axis=(1, 2), keepdims=True) for side in (outer, inner))
    spread = one.std(axis=(1, 2, 3)) * two.std(axis=(1, 2, 3))
    return np.asarray((one * two).mean(axis=(1, 2, 3)) >= _MIRRORED * np.maximum(spread, 1.0))
