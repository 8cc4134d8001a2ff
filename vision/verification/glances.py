"""A first look at a pair of photographs for a small part of what verification costs: could they be one at all?

Place in the flow: `indexes.search` takes a glance at each of a picture's candidates and verifies (`photos`) those a
fitted gate lets pass. Binary features (ORB: Rublee et al., ICCV 2011) of both orientations vote for one similarity,
and the reference's blocks are compared where that lays them. It places roughly, so it can spare verification, and
never takes its place. What is kept of a reference is small, so that a cache holds many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE, Box
from vision.embedding import Pixels
from vision.verification.agreement import BLOCK, correlate, grey, tiles, warp
from vision.verification.alignment import Matrix
from vision.verification.features import Grey
from vision.verification.placing import shrunk

SIDE: Final = 240
"""Pixels of the longer side at which features are looked for, in either picture."""
PART_SIDE: Final = 180
"""The same for a part of a query."""
FRAME_SIDE: Final = 128

_QUERY_POINTS: Final = 250
_REFERENCE_POINTS: Final = 300
_SMALLEST: Final = 24  # a shorter side has no room for a feature
_BITS: Final = 256
_FAR: Final = 64  # bits by which a pair of features may differ
_MOST: Final = 60  # pairs that vote, the clearest
_LEAST: Final = 3
_NEAR: Final = 0.06  # of the reference's side: how far off a pair may lie for a vote
_FITS: Final = (0.05, 0.03)
_CELLS: Final = 20  # pairs of one cell of the reference, a twentieth of its side, count once
_TEXTURED: Final = 5.0
_AGREES: Final = 0.6
_SEEN: Final = 0.7 * 255
_SHRINKS: Final = 0.8

Complex = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Look:
    """Features of one view of a picture: where (`points`, x + iy), how large and turned (`shapes`), and their bits.

    `points` and `shapes` are complex64 `[n]` in pixels of the view, whose longer side is `side`; `bits` uint8
    `[n, 32]`.
    """

    points: Complex
    shapes: Complex
    bits: NDArray[np.uint8]
    side: int

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.points.nbytes + self.shapes.nbytes + self.bits.nbytes

    def signs(self) -> NDArray[np.float32]:
        """The bits as -1 and 1, float32 `[n, 256]`: an inner product counts those that agree."""
        return np.unpackbits(self.bits, axis=1).astype(np.float32) * np.float32(2) - np.float32(1)


@dataclass(frozen=True, slots=True)
class View:
    """A grey view of a query with its features."""

    plane: Grey
    look: Look
    signs: NDArray[np.float32]


@dataclass(frozen=True)
class Glance:
    """A query, uint8 RGB `[h, w, 3]`, and the views taken of its parts so far, each as it is and mirrored."""

    pixels: Pixels
    taken: dict[Box, tuple[View, ...]] = field(default_factory=dict, compare=False, repr=False)

    def views(self, place: Box) -> tuple[View, ...]:
        """Both views of a part, made when a first reference is compared with it."""
        known = self.taken.get(place)
        if known is None:
            left, top, right, bottom = place.pixels(self.pixels.shape[1], self.pixels.shape[0])
            side = SIDE if place == WHOLE else PART_SIDE
            plane = _grey(np.ascontiguousarray(self.pixels[top:bottom, left:right]), side)
            if place != WHOLE and max(plane.shape) < side:  # a small paste, whose original is seen larger
                plane = _resized(plane, side / max(plane.shape), cv2.INTER_CUBIC)
            known = self.taken[place] = tuple(_views(plane))
        return known


@dataclass(frozen=True, slots=True)
class Kept:
    """A reference: its features, and grey uint8 `frame` `[h, w]` whose sides are multiples of a block."""

    look: Look
    frame: Grey
    width: int
    height: int

    @property
    def nbytes(self) -> int:
        """Bytes held, for a bounded cache."""
        return self.look.nbytes + self.frame.nbytes


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a glance saw of a pair.

    `cells` is the number of places of the reference whose features agree on one similarity, `agreeing` the share of
    the textured blocks in view that agree once it is laid so, `blocks` their number.
    """

    cells: int
    agreeing: float
    blocks: int

    def features(self) -> dict[str, float]:
        """Monotone features in [0, 1]; counts saturate."""
        return {
            "cells": min(1.0, float(np.log1p(self.cells) / np.log1p(60))),
            "enough_cells": min(1.0, self.cells / 12),
            "agreeing": self.agreeing,
            "blocks": min(1.0, self.blocks / 16),
        }


NOTHING: Final = Likeness(0, 0.0, 0)


class PhotoGlances:
    """Takes glances. Holds no state; safe to share between threads."""

    def describe(self, pixels: Pixels) -> Glance:
        """A picture being checked, uint8 RGB `[h, w, 3]`."""
        return Glance(pixels)

    def enrol(self, pixels: Pixels) -> Kept:
        """Describe a reference, uint8 RGB `[h, w, 3]`."""
        plane = _grey(pixels, SIDE)
        height, width = plane.shape
        scale = FRAME_SIDE / max(height, width)
        columns, rows = (max(2, round(length * scale / BLOCK)) for length in (width, height))
        frame = cv2.resize(plane, (columns * BLOCK, rows * BLOCK), interpolation=cv2.INTER_AREA)
        return Kept(_look(plane, _points(plane, _REFERENCE_POINTS)), cast("Grey", frame), width, height)

    def compare(self, query: Glance, place: Box, reference: Kept) -> Likeness:
        """What a glance at one part of the query beside the reference shows."""
        best, found = 0, None
        signs = reference.look.signs()
        for view in query.views(place):
            pairs = _pairs(view.signs, signs)
            if len(pairs[0]) >= _LEAST:
                source, target = _voted(view.look, reference.look, *pairs)
                cells = len(np.unique(np.round(target * np.float32(_CELLS / reference.look.side))))
                if cells > best:
                    best, found = cells, (view, source, target)
        if found is None or best < _LEAST:
            return Likeness(best, 0.0, 0)
        view, source, target = found
        matrix = _similarity(source, target, reference.look.side)
        return NOTHING if matrix is None else Likeness(best, *_agreement(view.plane, matrix, reference))


def _views(plane: Grey) -> Iterator[View]:
    """The picture as it is and mirrored. The features of the mirrored one lie where those of the other do."""
    keypoints = _points(plane, _QUERY_POINTS)
    flipped = np.ascontiguousarray(plane[:, ::-1])
    for seen, at in ((plane, keypoints), (flipped, [_flipped(one, plane.shape[1]) for one in keypoints])):
        look = _look(seen, at)
        yield View(seen, look, look.signs())


def _orb(limit: int) -> cv2.ORB:
    return cv2.ORB.create(limit, 1.3, 4, edgeThreshold=10, patchSize=21, fastThreshold=7)


def _points(plane: Grey, limit: int) -> Sequence[cv2.KeyPoint]:
    return _orb(limit).detect(plane) if min(plane.shape) >= _SMALLEST else ()


def _flipped(keypoint: cv2.KeyPoint, width: int) -> cv2.KeyPoint:
    across, down = keypoint.pt
    turn = (180.0 - keypoint.angle) % 360.0
    return cv2.KeyPoint(width - 1 - across, down, keypoint.size, turn, keypoint.response, keypoint.octave)


def _look(plane: Grey, keypoints: Sequence[cv2.KeyPoint]) -> Look:
    side = max(plane.shape)
    keypoints, bits = _orb(len(keypoints)).compute(plane, keypoints) if len(keypoints) else ((), None)
    if bits is None or not len(keypoints):
        return Look(np.zeros(0, np.complex64), np.zeros(0, np.complex64), np.zeros((0, _BITS // 8), np.uint8), side)
    rows = np.array([(*point.pt, point.size, point.angle) for point in keypoints], np.float32)
    shapes = rows[:, 2] * np.exp(1j * np.radians(rows[:, 3]))
    return Look(
        (rows[:, 0] + 1j * rows[:, 1]).astype(np.complex64),
        shapes.astype(np.complex64),
        np.asarray(bits, np.uint8),
        side,
    )


def _pairs(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Mutual nearest features that differ in few bits, the clearest first."""
    if not len(ours) or not len(theirs):
        none = np.zeros(0, np.intp)
        return none, none
    products = ours @ theirs.T
    every = np.arange(len(ours))
    best = products.argmax(axis=1)
    value = products[every, best]
    kept = np.flatnonzero(value >= _BITS - 2 * _FAR)
    kept = kept[products[:, best[kept]].argmax(axis=0) == kept] if len(kept) else kept
    kept = kept[np.argsort(-value[kept], kind="stable")[:_MOST]]
    return kept, best[kept]


def _voted(query: Look, reference: Look, ours: NDArray[np.intp], theirs: NDArray[np.intp]) -> tuple[Complex, Complex]:
    """The largest set of pairs that one of them, taken as a similarity, explains: points in either picture."""
    source, target = query.points[ours], reference.points[theirs]
    factors = reference.shapes[theirs] / query.shapes[ours]
    off = factors[:, None] * (source[None, :] - source[:, None]) + (target[:, None] - target[None, :])
    likeness = factors[None, :] / factors[:, None]
    size = np.abs(likeness)
    near = np.abs(off) < _NEAR * reference.side
    near &= (likeness.real > 0.85 * size) & (size < 1.65) & (size > 0.6)
    chosen = near[near.sum(axis=1).argmax()]
    return source[chosen], target[chosen]


def _similarity(source: Complex, target: Complex, side: int) -> Matrix | None:
    """The least-squares similarity over shrinking tolerances as a 3 by 3 matrix, or None when too few are left."""
    factor, shift = 1.0 + 0j, 0j
    for tolerance in _FITS:
        if len(source) < _LEAST:
            return None
        centre, goal = source.mean(), target.mean()
        spread = float((np.abs(source - centre) ** 2).sum())
        factor = complex(((source - centre).conj() * (target - goal)).sum()) / max(spread, 1e-6)
        shift = complex(goal) - factor * complex(centre)
        inside = np.abs(factor * source + shift - target) < tolerance * side
        source, target = source[inside], target[inside]
    if abs(factor) < 1e-3:
        return None
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag], [0.0, 0.0, 1.0]])


def _agreement(plane: Grey, matrix: Matrix, reference: Kept) -> tuple[float, int]:
    """The share and the number of the reference's textured blocks in view that agree."""
    height, width = reference.frame.shape
    onto = np.diag([width / reference.width, height / reference.height, 1.0]) @ matrix
    scale = float(np.hypot(onto[0, 0], onto[1, 0]))
    if scale < _SHRINKS:  # a warp picks single pixels
        small = _resized(plane, scale, cv2.INTER_AREA)
        onto = onto @ np.diag([plane.shape[1] / small.shape[1], plane.shape[0] / small.shape[0], 1.0])
        plane = small
    warped, visible = warp(plane, onto, width, height)
    alike, own, other = correlate(tiles(reference.frame.astype(np.float32)), tiles(warped.astype(np.float32)))
    seen = tiles(visible.astype(np.float32)).mean(axis=-1) > _SEEN
    textured = seen & (np.maximum(own, other) > _TEXTURED)
    agreed = int((textured & (alike > _AGREES)).sum())
    return agreed / max(1, int(textured.sum())), agreed


def _resized(plane: Grey, scale: float, way: int) -> Grey:
    """A grey plane at `scale` of its sides, two pixels at least."""
    size = max(2, round(plane.shape[1] * scale)), max(2, round(plane.shape[0] * scale))
    return cast("Grey", cv2.resize(plane, size, interpolation=way))


def _grey(pixels: Pixels, side: int) -> Grey:
    """A picture in grey with its longer side at most `side`; grey first, which is a third of the work."""
    plane = grey(pixels)
    return shrunk(plane, side)
