"""Which boxes of a picture are embedded: the photo layout, the grid of logo windows, and non-maximum suppression.

Place in the flow: used by `vision.embedders` on the dense map of one backbone pass. NumPy only; it computes no
feature and knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE, Box

CENTRE: Final = Box(0.2, 0.2, 0.8, 0.8)
PHOTO_LAYOUT: Final = (
    WHOLE,
    CENTRE,
    Box(0.0, 0.0, 0.5, 0.5),
    Box(0.5, 0.0, 1.0, 0.5),
    Box(0.0, 0.5, 0.5, 1.0),
    Box(0.5, 0.5, 1.0, 1.0),
)
"""The whole, the centre and the quarters: a copy pasted into a collage or a screenshot is a region of the query,
and a crop is a region of the reference."""

_CHUNK: Final = 256  # boxes looked at together in suppression; the few that are kept nearly always lie in the first

Corners = NDArray[np.float32]
"""float32 `[n, 4]`: x0, y0, x1, y1 as fractions of the picture."""


def window_grid(shapes: Sequence[tuple[int, int]], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every window of `shapes` (columns, rows) on a map of `cells` by `cells`, a quarter of its size apart.

    Returns the corners in cells, int64 `[n, 4]` (x0, y0, x1, y1), and the index of each one's shape, int64 `[n]`.
    Shapes larger than the map are left out.
    """
    corners: list[tuple[int, int, int, int]] = []
    kinds: list[int] = []
    for kind, (width, height) in enumerate(shapes):
        for y in _starts(height, cells):
            for x in _starts(width, cells):
                corners.append((x, y, x + width, y + height))
                kinds.append(kind)
    return np.array(corners, np.int64).reshape(-1, 4), np.array(kinds, np.int64)


def _starts(size: int, cells: int) -> list[int]:
    if size > cells:
        return []
    step = max(1, size // 4)
    return sorted({*range(0, cells - size + 1, step), cells - size})


def grown(corners: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    """Windows in cells grown by half their size (one cell at least) on every side, within the map."""
    margin = np.maximum(1, (corners[:, 2:] - corners[:, :2]) // 2)
    return np.concatenate([np.maximum(corners[:, :2] - margin, 0), np.minimum(corners[:, 2:] + margin, cells)], axis=1)


def overlaps(box: Corners, others: Corners) -> NDArray[np.float32]:
    """Intersection over union of one box `[4]` with each of `others` `[n, 4]`; float32 `[n]`."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    inter = np.clip(width, 0, None) * np.clip(height, 0, None)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = (box[2] - box[0]) * (box[3] - box[1]) + areas - inter
    return np.asarray(inter / np.maximum(union, 1e-9), np.float32)


def suppress(corners: Corners, scores: NDArray[np.float32], *, keep: int, iou: float) -> list[int]:
    """Greedy non-maximum suppression: indices of at most `keep` boxes by falling score, none overlapping above `iou`.

    Equal scores keep their order, so the result does not depend on the machine.
    """
    chosen: list[int] = []
    for left in _falling(scores):
        for taken in chosen:
            left = left[overlaps(corners[taken], corners[left]) <= iou]  # noqa: PLW2901 - what is left of it
        while left.size and len(chosen) < keep:
            best = int(left[0])
            chosen.append(best)
            left = left[1:]  # noqa: PLW2901 - the same
            left = left[overlaps(corners[best], corners[left]) <= iou]  # noqa: PLW2901 - the same
        if len(chosen) == keep:
            break
    return chosen


def _falling(scores: NDArray[np.float32]) -> Iterator[NDArray[np.intp]]:
    """Indices by falling score in pieces, equal ones in order; only the first piece is sorted until more is asked."""
    least = np.partition(scores, -_CHUNK)[-_CHUNK] if len(scores) > _CHUNK else -np.inf
    first = np.flatnonzero(scores >= least)
    yield first[np.argsort(-scores[first], kind="stable")]
    rest = np.flatnonzero(scores < least)
    rest = rest[np.argsort(-scores[rest], kind="stable")]
    for start in range(0, len(rest), _CHUNK):
        yield rest[start : start + _CHUNK]


def as_boxes(corners: Corners) -> tuple[Box, ...]:
    """`[n, 4]` corners as `Box` values."""
    return tuple(Box(*(float(value) for value in row)) for row in corners)


def as_corners(boxes: Sequence[Box]) -> Corners:
    """`Box` values as `[n, 4]` corners."""
    return np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes], np.float32).reshape(-1, 4)
