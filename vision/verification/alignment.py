"""From matched keypoints to the few placements of the query on the reference worth looking at.

Place in the flow: `features.match` → **alignment** → `agreement`. Each SIFT match proposes a whole similarity
by itself (position, scale, angle), so every match is tried: no random draws, the same answer every time. The
best is fitted again by least squares, then by a homography (USAC_MAGSAC) where that explains more.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.verification.features import LocalFeatures, Matches

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """`matrix` (float64 `[3, 3]`) maps query pixels to reference pixels; `inliers` matches agree with it."""

    matrix: Matrix
    inliers: int
    mirrored: bool


def place(
    query: LocalFeatures, reference: LocalFeatures, matches: Matches, *, mirrored: bool, most: int = 2, least: int = 4
) -> list[Placement]:
    """At most `most` distinct plausible placements with at least `least` inliers, the strongest first."""
    left = np.arange(len(matches))
    found: list[Placement] = []
    for _ in range(most):
        if len(left) < least:
            break
        source = query.points[matches.query[left]].astype(np.float64)
        target = reference.points[matches.reference[left]].astype(np.float64)
        agreed = _consensus(query, reference, matches, left)
        if agreed.sum() < least:
            break
        matrix, agreed = _refined(source, target, agreed, max(reference.width, reference.height))
        if agreed.sum() >= least and plausible(matrix, query.width, query.height, reference.width, reference.height):
            found.append(Placement(matrix, int(agreed.sum()), mirrored))
        left = left[~agreed] if agreed.any() else left[1:]
    return found


def _consensus(
    query: LocalFeatures, reference: LocalFeatures, matches: Matches, left: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """The largest set of matches that one of them, taken as a similarity, explains loosely."""
    ours, theirs = matches.query[left], matches.reference[left]
    source = query.points[ours] @ np.array([1, 1j])
    target = reference.points[theirs] @ np.array([1, 1j])
    scales = reference.scales[theirs] / query.scales[ours]
    turns = reference.angles[theirs] - query.angles[ours]
    factors = scales * np.exp(1j * turns)
    moved = factors[:, None] * (source[None, :] - source[:, None]) + target[:, None]
    near = np.abs(moved - target[None, :]) < 0.05 * max(reference.width, reference.height)
    likeness = factors[None, :] / factors[:, None]
    near &= (np.abs(np.angle(likeness)) < 0.5) & (np.abs(np.log(np.abs(likeness))) < 0.6)
    chosen: NDArray[np.bool_] = near[near.sum(axis=1).argmax()]
    return chosen


def _refined(source: Matrix, target: Matrix, agreed: NDArray[np.bool_], side: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Least-squares similarity over shrinking tolerances, then a homography when it explains clearly more."""
    matrix = similarity(source[agreed], target[agreed])
    for tolerance in (0.04, 0.025, 0.015):
        inside = residuals(matrix, source, target) < tolerance * side
        if inside.sum() < 3:
            return matrix, inside
        agreed = inside
        matrix = similarity(source[agreed], target[agreed])
    wide = residuals(matrix, source, target) < 0.08 * side
    if wide.sum() < 8:
        return matrix, agreed
    bent, mask = cv2.findHomography(source[wide], target[wide], cv2.USAC_MAGSAC, 0.008 * side, maxIters=500)
    if bent is None or mask is None or mask.sum() < 8:
        return matrix, agreed
    inside = residuals(np.asarray(bent, np.float64), source, target) < 0.01 * side
    straight = residuals(matrix, source, target) < 0.01 * side
    return (np.asarray(bent, np.float64), inside) if inside.sum() > straight.sum() else (matrix, agreed)


def similarity(source: Matrix, target: Matrix) -> Matrix:
    """The least-squares similarity from `source` to `target`, float64 `[n, 2]` each, as a 3 by 3 matrix."""
    ours, theirs = source @ np.array([1, 1j]), target @ np.array([1, 1j])
    centre, goal = ours.mean(), theirs.mean()
    spread = float((np.abs(ours - centre) ** 2).sum())
    factor = ((ours - centre).conj() * (theirs - goal)).sum() / max(spread, 1e-9)
    shift = goal - factor * centre
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag], [0.0, 0.0, 1.0]])


def residuals(matrix: Matrix, source: Matrix, target: Matrix) -> Matrix:
    """Distance in pixels between moved `source` and `target`, float64 `[n]`."""
    distances: Matrix = np.linalg.norm(moved(matrix, source) - target, axis=1)
    return distances


def inverse(matrix: Matrix) -> Matrix:
    """The placement the other way round. Raises numpy.linalg.LinAlgError for a degenerate one."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def moved(matrix: Matrix, points: Matrix) -> Matrix:
    """Points, float64 `[n, 2]`, through a homography."""
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    depth = lifted[:, 2:]
    depth = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    flat: Matrix = lifted[:, :2] / depth
    return flat


def corners(width: float, height: float) -> Matrix:
    """The four corners of a picture, clockwise from the origin, float64 `[4, 2]`."""
    return np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])


def plausible(matrix: Matrix, query_width: int, query_height: int, width: int, height: int) -> bool:
    """Whether the reference lands in the query as a convex, not mirrored, not wildly skewed quadrilateral."""
    try:
        back = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return False
    lifted = corners(width, height) @ back[:, :2].T + back[:, 2]
    depth = lifted[:, 2]
    if depth.min() * depth.max() <= 0 or np.abs(depth).max() > 3 * np.abs(depth).min():
        return False
    quad = lifted[:, :2] / depth[:, None]
    edges = np.roll(quad, -1, axis=0) - quad
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    if (turns <= 0).any():
        return False
    lengths = np.linalg.norm(edges, axis=1)
    stretch = (lengths[0] + lengths[2]) / width / ((lengths[1] + lengths[3]) / height)
    area = 0.5 * float(turns.sum()) / 2
    return bool(0.4 < stretch < 2.5 and 0.004 < area / (query_width * query_height) < 60)
