"""How well the pixels of an aligned query agree with the reference, block by block.

Place in the flow: `alignment` gives a matrix, **agreement** warps and compares, `photos` picks the best placement.
A block counts where either picture has texture, so a swapped garment on a shared floor or mannequin counts against.
Within a block the worst pixels are set aside before correlating: lines of text or stripes printed over a photograph
leave the rest of it pixel for pixel the same, while another photograph of the same thing agrees nowhere so closely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.verification.alignment import Matrix

Plane = NDArray[np.float32]

BLOCK: Final = 16
TEXTURED: Final = 4.0
"""Standard deviation in grey levels from which a block has texture to compare."""

AGREES: Final = 0.7
AGREES_CLOSELY: Final = 0.9
AGREES_WHOLE: Final = 0.6
KEPT: Final = 0.6
"""Share of a block's pixels that decide; the rest may be covered by something else."""

NEAR: Final = 0.5
NEAREST: Final = 0.3
"""Pixels of the frame: a block of the same photograph lies this close once all are aligned together."""

FEWEST: Final = 8
"""Blocks below which nothing is said of the light."""

CENTRAL: Final = 0.2
"""Spread of the weight on the middle of the reference, where the product is, as a fraction of its sides."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Comparison over the blocks in view. See `PhotoEvidence` for the meaning of each number."""

    agreeing: float
    close: float
    central: float
    whole: float
    layout: float
    coverage: float
    blocks: int
    exact: float
    anchors: int
    precise: float
    uneven: float


NOTHING: Final = Agreement(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0, 0.0, math.inf)


def compare(reference: Pixels, warped: Pixels, visible: NDArray[np.uint8], residuals: NDArray[np.float32]) -> Agreement:
    """Compare two aligned pictures, uint8 `[h, w, 3]`, where `visible` (uint8 `[h, w]`, 0 or 255) says to.

    Sides must be multiples of BLOCK pixels.
    """
    ours, theirs = (tiles(grey(picture).astype(np.float32)) for picture in (reference, warped))
    seen = _seen(visible)
    whole, own, other = correlate(ours, theirs)
    textured = seen & (np.maximum(own, other) > TEXTURED)
    count = int(textured.sum())
    if count == 0:
        return NOTHING
    robust = np.zeros_like(whole)
    # of a thin mark on plain ground trimming leaves the ground alone, which correlates with nothing
    robust[textured] = np.maximum(trimmed(ours[textured], theirs[textured]), whole[textured])
    agreed = robust > AGREES
    strong = own > 2 * TEXTURED
    fixed = agreed & strong
    middle = np.where(textured, _middle(textured.shape), 0.0)
    mine = seen & (own > TEXTURED)
    return Agreement(
        agreeing=float(agreed.sum()) / count,
        close=float((robust > AGREES_CLOSELY).sum()) / count,
        central=float(middle[robust > AGREES_CLOSELY].sum() / middle.sum()),
        whole=float((mine & (whole > AGREES_WHOLE)).sum()) / max(1, int(mine.sum())),
        layout=explained(reference, warped, seen),
        coverage=min(1.0, float(agreed.sum()) / max(1, int((own > TEXTURED).sum()))),
        blocks=int(agreed.sum()),
        exact=float((fixed & (residuals < NEAR)).sum()) / max(1, int((seen & strong).sum())),
        anchors=int((fixed & (residuals < NEAREST)).sum()),
        precise=float((fixed & (residuals < NEAREST)).sum()) / (int(fixed.sum()) + 2),
        uneven=unevenness(reference, warped, _uncovered(agreed, whole)),
    )


def strength(reference: NDArray[np.uint8], warped: NDArray[np.uint8], visible: NDArray[np.uint8]) -> float:
    """A cheap first look at a placement of grey pictures: the share of textured blocks that agree, times how many."""
    whole, own, other = correlate(tiles(reference.astype(np.float32)), tiles(warped.astype(np.float32)))
    textured = _seen(visible) & (np.maximum(own, other) > TEXTURED)
    agreed = int((textured & (whole > 0.4)).sum())
    return agreed / max(1, int(textured.sum())) * min(1.0, agreed / 24)


def grey(pixels: Pixels) -> NDArray[np.uint8]:
    """Brightness, uint8 `[h, w]`."""
    return cast("NDArray[np.uint8]", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def _seen(visible: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The blocks that the query covers nearly whole."""
    return np.asarray(tiles(visible.astype(np.float32)).mean(axis=-1) > 0.9 * 255)


def tiles(plane: Plane) -> Plane:
    """A plane cut into blocks: float32 `[rows, columns, BLOCK * BLOCK]`."""
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    return plane.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(rows, columns, BLOCK * BLOCK)


def correlate(ours: Plane, theirs: Plane) -> tuple[Plane, Plane, Plane]:
    """NCC of blocks over the last axis, and both standard deviations."""
    one = ours - ours.mean(axis=-1, keepdims=True)
    two = theirs - theirs.mean(axis=-1, keepdims=True)
    own, other = np.sqrt((one * one).mean(axis=-1)), np.sqrt((two * two).mean(axis=-1))
    return (one * two).mean(axis=-1) / np.maximum(own * other, 1.0), own, other


def trimmed(ours: Plane, theirs: Plane) -> Plane:
    """NCC of blocks `[n, BLOCK * BLOCK]` over the pixels that fit a gain and an offset best; float32 `[n]`.

    Two rounds of least trimmed squares (Rousseeuw, 1984) with KEPT of the pixels.
    """
    size = ours.shape[-1]
    kept = int(KEPT * size)
    one, two = ours, theirs
    for _ in range(2):
        mean, goal = one.mean(axis=-1, keepdims=True), two.mean(axis=-1, keepdims=True)
        spread = ((one - mean) ** 2).sum(axis=-1, keepdims=True)
        gain = ((one - mean) * (two - goal)).sum(axis=-1, keepdims=True) / np.maximum(spread, 1.0)
        misfit = np.abs(theirs - goal - gain * (ours - mean))
        chosen = np.argpartition(misfit, kept - 1, axis=-1)[:, :kept]
        one, two = np.take_along_axis(ours, chosen, -1), np.take_along_axis(theirs, chosen, -1)
    return correlate(one, two)[0]


def explained(reference: Pixels, warped: Pixels, seen: NDArray[np.bool_]) -> float:
    """Share of the variance of block-mean colours that a linear map of the query's colours explains, in [0, 1].

    A linear map forgives colour jitter and greyscale; the worst quarter of the blocks is left out so that an
    overlay does not decide.
    """
    if seen.sum() < 12:
        return 0.0
    size = seen.shape[1], seen.shape[0]
    target = cv2.resize(reference, size, interpolation=cv2.INTER_AREA)[seen].astype(np.float64)
    source = cv2.resize(warped, size, interpolation=cv2.INTER_AREA)[seen].astype(np.float64)
    design = np.column_stack([source, np.ones(len(source))])
    kept = np.arange(len(source))
    errors = np.zeros(len(source))
    for _ in range(2):
        gram = design[kept].T @ design[kept] + np.diag([50.0, 50.0, 50.0, 1e-3])
        fitted = np.linalg.solve(gram, design[kept].T @ target[kept])
        errors = ((design @ fitted - target) ** 2).sum(axis=1)
        kept = np.argsort(errors)[: max(9, 3 * len(errors) // 4)]
    spread = float(((target[kept] - target[kept].mean(axis=0)) ** 2).sum())
    return float(np.clip(1.0 - errors[kept].sum() / max(spread, 1.0), 0.0, 1.0))


def _uncovered(agreed: NDArray[np.bool_], whole: Plane) -> NDArray[np.bool_]:
    """The agreeing blocks that agree untrimmed too, so that nothing lies over a part of them; all, where few do."""
    bare = agreed & (whole > AGREES)
    return np.asarray(bare if bare.sum() >= max(FEWEST, agreed.sum() // 3) else agreed)


def unevenness(reference: Pixels, warped: Pixels, agreed: NDArray[np.bool_]) -> float:
    """Grey levels by which the blocks that agree differ in brightness from one map of the reference's colours.

    One photograph keeps its light, whatever is laid over a part of it or done to its colours: what is left is a level
    or two. Another photograph of the same floor has other light. Infinite for fewer than eight blocks; the worst
    seventh is left out.
    """
    if agreed.sum() < FEWEST:
        return math.inf
    size = agreed.shape[1], agreed.shape[0]
    colours = cv2.resize(reference, size, interpolation=cv2.INTER_AREA)[agreed].astype(np.float64)
    goal = cv2.resize(grey(warped), size, interpolation=cv2.INTER_AREA)[agreed].astype(np.float64)
    design = np.column_stack([colours, np.ones(len(goal))])
    kept = np.arange(len(goal))
    errors = np.zeros(len(goal))
    for _ in range(3):
        gram = design[kept].T @ design[kept] + np.diag([50.0, 50.0, 50.0, 1e-3])
        errors = np.abs(design @ np.linalg.solve(gram, design[kept].T @ goal[kept]) - goal)
        kept = np.argsort(errors)[: max(FEWEST, 6 * len(errors) // 7)]
    return float(np.sqrt((errors[kept] ** 2).mean()))


def _middle(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Weight of every block by its distance from the middle of the reference."""
    rows = ((np.arange(shape[0]) + 0.5) / shape[0] - 0.5)[:, None]
    columns = ((np.arange(shape[1]) + 0.5) / shape[1] - 0.5)[None, :]
    return np.exp(-(rows**2 + columns**2) / (2 * CENTRAL**2))


def warp(picture: Pixels, matrix: Matrix, width: int, height: int) -> tuple[Pixels, NDArray[np.uint8]]:
    """`picture` (grey or RGB) through `matrix` into `width` by `height`, and the mask (0 or 255) of what it covers."""
    warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    full = np.full(picture.shape[:2], 255, np.uint8)
    mask = cv2.warpPerspective(full, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return cast("Pixels", warped), cast("NDArray[np.uint8]", mask)
