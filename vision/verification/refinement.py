"""From a placement that is right within a few pixels to one that is right within a fraction of a pixel.

Place in the flow: `alignment` → **refinement** → `agreement`. The query is warped onto the reference's frame, every
textured block is followed to where it really lies (Lucas and Kanade, pyramidal: Bouguet, 2001), and the placement is
fitted again to what the blocks say. What is left over tells a copy from a look-alike: one photograph lies on itself
within a fraction of a pixel everywhere, two photographs of one scene never do. It compares no colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.verification.alignment import Matrix, moved, similarity

ROUNDS: Final = 2
REACH: Final = 1.5
"""Pixels of the frame within which a block takes part in the fit."""

Grey = NDArray[np.uint8]

_WINDOW: Final = (17, 17)
_AROUND: Final = (21, 21)


@dataclass(frozen=True, slots=True)
class Refined:
    """`matrix` (float64 `[3, 3]`) maps query pixels to the reference's frame.

    `residuals` (float32 `[rows, columns]`) is by how many pixels of the frame each block still lies off, infinite
    where it could not be followed.
    """

    matrix: Matrix
    residuals: NDArray[np.float32]


def levelled(grey: Grey) -> Grey:
    """A grey picture with its local mean and contrast evened out, uint8: what edits of colour leave alone."""
    plane = grey.astype(np.float32)
    plane -= cv2.blur(plane, _AROUND)
    spread = np.sqrt(np.maximum(cv2.blur(plane * plane, _AROUND), 0.0))
    return cast("Grey", np.clip(128 + 42 * plane / (spread + 5), 0, 255).astype(np.uint8))


def refine(picture: Grey, reference: Grey, matrix: Matrix, block: int) -> Refined:
    """Fit `matrix` (query `picture` to `reference`, both grey uint8) again to its blocks of `block` pixels.

    `reference` is already `levelled`; its sides are multiples of `block`.
    """
    height, width = reference.shape
    points = _centres(height // block, width // block, block)
    start = points.astype(np.float32)
    places = (points[:, 1].astype(np.intp), points[:, 0].astype(np.intp))
    off = np.full(len(points), np.inf, np.float32)
    for _ in range(ROUNDS):
        warped, inside = _warped(picture, reference, matrix)
        found, status, _error = cv2.calcOpticalFlowPyrLK(
            reference, warped, start, start.copy(), winSize=_WINDOW, maxLevel=2
        )
        followed = (status[:, 0] > 0) & np.isfinite(found).all(axis=1) & inside[places]
        here = found[followed].astype(np.float64)
        step = _fitted(here, points[followed])
        if step is None:
            break
        off = np.full(len(points), np.inf, np.float32)
        off[followed] = np.linalg.norm(moved(step, here) - points[followed], axis=1)
        matrix = step @ matrix
    return Refined(matrix, off.reshape(height // block, width // block))


def _warped(picture: Grey, reference: Grey, matrix: Matrix) -> tuple[Grey, NDArray[np.bool_]]:
    """The query on the frame, levelled, and where it is; beyond its edges the reference, so that none draws a block."""
    size = reference.shape[1], reference.shape[0]
    warped = cv2.warpPerspective(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.ones_like(picture), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return np.where(inside, levelled(np.asarray(warped, np.uint8)), reference), inside


def _centres(rows: int, columns: int, block: int) -> Matrix:
    across, down = np.meshgrid(np.arange(columns), np.arange(rows))
    centres: Matrix = (np.column_stack([across.ravel(), down.ravel()]).astype(np.float64) + 0.5) * block - 0.5
    return centres


def _fitted(found: Matrix, goal: Matrix) -> Matrix | None:
    """The homography from where the blocks are to where they should be; a similarity where too few agree on one."""
    if len(found) < 6:
        return None
    bent, mask = cv2.findHomography(found, goal, cv2.USAC_MAGSAC, REACH, maxIters=300)
    if bent is not None and mask is not None and mask.sum() >= 12 and 0.5 < np.linalg.det(bent) < 2.0:
        return np.asarray(bent, np.float64)
    near = np.linalg.norm(found - goal, axis=1) < 2 * REACH
    return similarity(found[near], goal[near]) if near.sum() >= 4 else None
