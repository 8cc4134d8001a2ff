"""How well the pixels of an aligned query agree with the reference, block by block.

Place in the flow: `alignment` gives a matrix, **agreement** warps and compares, `photos` picks the best placement.
A block counts where either picture has texture, so a swapped garment on a shared floor or mannequin counts against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.alignment import Matrix

Blocks = NDArray[np.float32]

MIN_DEVIATION = 4.0
AGREES = 0.6


@dataclass(frozen=True, slots=True)
class Agreement:
    """Comparison over the blocks in view. See `PhotoEvidence` for the meaning of each number."""

    agreeing: float
    blocks: int
    correlation: float
    layout: float
    coverage: float

    @property
    def strength(self) -> float:
        """One number to rank placements of the same pair by."""
        return self.agreeing * min(1.0, self.blocks / 24)


def compare(reference: Pixels, warped: Pixels, visible: NDArray[np.uint8], block: int) -> Agreement:
    """Compare two aligned pictures, uint8 `[h, w, 3]`, where `visible` (uint8 `[h, w]`, 0 or 255) says to.

    Sides must be multiples of `block` pixels.
    """
    ours = cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY).astype(np.float32)
    theirs = cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY).astype(np.float32)
    seen = means(visible.astype(np.float32), block) > 0.9 * 255
    correlations, texture = _correlate(ours, theirs, block)
    textured = seen & (texture > MIN_DEVIATION)
    agreed = textured & (correlations > AGREES)
    count = int(textured.sum())
    if count == 0:
        return Agreement(0.0, 0, 0.0, 0.0, 0.0)
    return Agreement(
        agreeing=float(agreed.sum()) / count,
        blocks=int(agreed.sum()),
        correlation=float(correlations[textured].mean()),
        layout=explained(reference, warped, seen),
        coverage=float(agreed.sum()) / max(1, int((_deviation(ours, block) > MIN_DEVIATION).sum())),
    )


def means(plane: NDArray[np.float32], block: int) -> Blocks:
    """Mean of every `block` by `block` tile of a plane whose sides are multiples of `block`."""
    height, width = plane.shape[0] // block, plane.shape[1] // block
    return cast("Blocks", cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA))


def _deviation(plane: NDArray[np.float32], block: int) -> Blocks:
    variance = means(plane * plane, block) - means(plane, block) ** 2
    return cast("Blocks", np.sqrt(np.maximum(variance, 0.0)))


def _correlate(ours: NDArray[np.float32], theirs: NDArray[np.float32], block: int) -> tuple[Blocks, Blocks]:
    """NCC of every block, and the larger standard deviation of the two."""
    one, two = _deviation(ours, block), _deviation(theirs, block)
    shared = means(ours * theirs, block) - means(ours, block) * means(theirs, block)
    return shared / np.maximum(one * two, 1.0), np.maximum(one, two)


def explained(reference: Pixels, warped: Pixels, seen: NDArray[np.bool_]) -> float:
    """Share of the variance of block-mean colours that a linear map of the query's colours explains, in [0, 1].

    A linear map forgives colour jitter and greyscale; the worst quarter of the blocks is left out so that an
    overlay does not decide.
    """
    if seen.sum() < 12:
        return 0.0
    target = cv2.resize(reference, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_AREA)[seen].astype(float)
    source = cv2.resize(warped, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_AREA)[seen].astype(float)
    design = np.column_stack([source, np.ones(len(source))])
    kept = np.arange(len(source))
    errors = np.zeros(len(source))
    for _ in range(2):
        gram = design[kept].T @ design[kept] + np.diag([50.0, 50.0, 50.0, 1e-3])
        fitted = np.linalg.solve(gram, design[kept].T @ target[kept])
        errors = ((design @ fitted - target) ** 2).sum(axis=1)
        kept = np.argsort(errors)[: max(9, 3 * len(errors) // 4)]
    spread = ((target[kept] - target[kept].mean(axis=0)) ** 2).sum()
    return float(np.clip(1.0 - errors[kept].sum() / max(float(spread), 1.0), 0.0, 1.0))


def warp(picture: Pixels, matrix: Matrix, width: int, height: int) -> tuple[Pixels, NDArray[np.uint8]]:
    """`picture` through `matrix` into `width` by `height`, and the mask (0 or 255) of what it covers."""
    warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    full = np.full(picture.shape[:2], 255, np.uint8)
    mask = cv2.warpPerspective(full, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return cast("Pixels", warped), cast("NDArray[np.uint8]", mask)
