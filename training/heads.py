"""Learns the heads of the default model on top of its frozen tower: photo, logo and logoness.

Place in the flow: between `training.build`, which writes the result, and the synthesis of copies and scenes. Every
step is a closed form or a convex problem, so a seed gives the same heads again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from training.copies import FAMILIES, make_copy
from training.logoness import learn_logistic, size_groups
from training.marks import Mark, picture_of
from training.scenes import Scene, make_scene
from training.whitening import learn_whitening
from vision.boxes import WHOLE, Box
from vision.embedders.clip import ClipEmbedder
from vision.embedders.heads import describe, grown, raster, window_means
from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar
from vision.embedders.tower import Features
from vision.embedders.views import logo_views
from vision.embedding import Pixels
from vision.images import resize
from vision.regions import as_boxes, as_corners, overlaps, window_grid

Matrix = NDArray[np.float32]
BATCH = 8


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is looked at, and how strongly the covariances are shrunk. The defaults take minutes on one core."""

    photos: int = 600
    copies: int = 2
    marks: int = 800
    scenes: int = 1000
    marks_per_scene: int = 3
    photo_shrinkage: float = 0.3
    logo_shrinkage: float = 0.2
    decay: float = 1e-3


@dataclass(slots=True)
class _Collected:
    """Rows and their labels, gathered batch by batch."""

    rows: list[Matrix] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, rows: Matrix, labels: Sequence[int]) -> None:
        self.rows.append(rows)
        self.labels.extend(labels)


def learn_photo(
    embedder: ClipEmbedder, sidecar: Sidecar, photos: Sequence[Pixels], random: np.random.Generator, effort: Effort
) -> Projection:
    """Whitening from edited copies: each photo is a class, and so is each crop with the part it was cut from."""
    collected = _Collected()
    parts, families = sidecar.photo.parts, tuple(FAMILIES)
    fresh = len(photos)
    for start in range(0, len(photos), BATCH):
        pictures: list[Pixels] = []
        asked: list[tuple[int, Box, int]] = []
        for number, photo in enumerate(photos[start : start + BATCH], start):
            original = len(pictures)
            pictures.append(photo)
            asked.append((original, WHOLE, number))
            for _ in range(effort.copies):
                family = families[int(random.integers(len(families)))]
                copy = make_copy(random, photo, photos[int(random.integers(len(photos)))], family)
                asked.append((len(pictures), _shaken(random, copy.query_box), number))
                if copy.reference_box != WHOLE:
                    asked += [(len(pictures), WHOLE, fresh), (original, copy.reference_box, fresh)]
                    fresh += 1
                pictures.append(copy.pixels)
        features = _dense(embedder, pictures, sidecar.side)
        collected.add(_describe(features, asked, parts), [label for _, _, label in asked])
    return _whitened(collected, sidecar.photo, effort.photo_shrinkage)


def learn_logo(
    embedder: ClipEmbedder,
    sidecar: Sidecar,
    photos: Sequence[Pixels],
    marks: list[Mark],
    *,
    random: np.random.Generator,
    effort: Effort,
) -> Sidecar:
    """The logo projection and logoness, both from the same scenes of pasted marks."""
    described, windows = _Collected(), _Windows(sidecar)
    corners = windows.corners
    for scenes in _scene_batches(photos, marks, random, effort):
        features = _dense(embedder, [scene.pixels for scene in scenes], sidecar.side)
        asked: list[tuple[int, Box, int]] = []
        for number, scene in enumerate(scenes):
            ious = np.stack([overlaps(box, corners) for box in as_corners(scene.boxes)])
            windows.choose(random, number, scene, ious)
            for row, index in zip(ious, scene.marks, strict=True):
                nearest = np.argsort(-row)[:3]
                asked += [(number, box, index) for box in as_boxes(corners[nearest[[0, int(random.integers(1, 3))]]])]
        described.add(_describe(features, asked, sidecar.logo.parts), [label for _, _, label in asked])
        windows.collect(features)
    for number, mark in enumerate(marks):
        views = logo_views(_enrolled(random, mark), side=sidecar.view_side, fill=sidecar.view_fill)
        features = embedder.dense([view.pixels for view in views])
        asked = [(index, view.box, number) for index, view in enumerate(views)]
        described.add(_describe(features, asked, sidecar.logo.parts), [number] * len(views))
    logo = _whitened(described, sidecar.logo, effort.logo_shrinkage)
    return dataclasses.replace(sidecar, logo=logo, logoness=windows.learn(effort.decay))


class _Windows:
    """Examples for logoness: windows on a mark, windows beside it, and windows of plain photograph."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._logoness = sidecar.logoness
        self._cells, self._kinds = window_grid(sidecar.logoness.shapes, sidecar.logoness.cells)
        self._outer = grown(self._cells, sidecar.logoness.cells)
        self.corners = (self._cells / sidecar.logoness.cells).astype(np.float32)
        self._pending: list[tuple[int, int, bool]] = []
        self._rows = _Collected()
        self._targets: list[bool] = []

    def choose(self, random: np.random.Generator, picture: int, scene: Scene, ious: Matrix) -> None:
        """Mark the windows of one scene that `collect` shall keep."""
        best = ious.max(axis=0)
        held = np.stack([_held(box, self.corners) for box in as_corners(scene.boxes)]).max(axis=0)
        pools = (
            (np.flatnonzero(best >= 0.5), True, 10),
            (np.flatnonzero((best > 0.08) & (best < 0.3)), False, 6),
            (np.flatnonzero((best <= 0.08) & (held < 0.3)), False, 14),
        )
        for pool, target, most in pools:
            chosen = random.permutation(pool)[:most]
            self._pending += [(picture, int(index), target) for index in chosen]

    def collect(self, features: Features) -> None:
        """Take the features of the chosen windows, inside and around."""
        dense = raster(features, self._logoness.maps, self._logoness.cells)
        for picture in range(len(dense)):
            mine = [(index, target) for owner, index, target in self._pending if owner == picture]
            indices = np.array([index for index, _ in mine])
            inner, outer = torch.from_numpy(self._cells[indices]), torch.from_numpy(self._outer[indices])
            inside, whole = (window_means(dense[picture : picture + 1], boxes)[0].T for boxes in (inner, outer))
            small, large = (((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])).float()[:, None] for b in (inner, outer))
            around = (whole * large - inside * small) / (large - small).clamp(min=1)
            self._rows.add(torch.cat([inside, around], dim=1).numpy(), self._kinds[indices].tolist())
            self._targets += [target for _, target in mine]
        self._pending = []

    def learn(self, decay: float) -> Logoness:
        """Fit each size group; features are standardised, the cells' own mean and scale travel with the weights."""
        rows, kinds, targets = np.concatenate(self._rows.rows), np.array(self._rows.labels), np.array(self._targets)
        width = rows.shape[1] // 2
        mean = rows[:, :width].mean(axis=0)
        scale = 1.0 / np.maximum(rows[:, :width].std(axis=0), 1e-3)
        features = np.asarray((rows - np.tile(mean, 2)) * np.tile(scale, 2), np.float32)
        groups = size_groups(self._logoness.shapes)
        inside, around = np.zeros((2, len(groups), width), np.float32)
        bias = np.zeros(len(groups), np.float32)
        for group in np.unique(groups):
            mine = groups[kinds] == group
            weight, offset = learn_logistic(features[mine], targets[mine], decay=decay)
            inside[groups == group], around[groups == group] = weight[:width], weight[width:]
            bias[groups == group] = offset
        return dataclasses.replace(self._logoness, mean=mean, scale=scale, inside=inside, around=around, bias=bias)


def _held(box: Matrix, corners: Matrix) -> Matrix:
    """The share of `box` that each window covers."""
    width = np.minimum(box[2], corners[:, 2]) - np.maximum(box[0], corners[:, 0])
    height = np.minimum(box[3], corners[:, 3]) - np.maximum(box[1], corners[:, 1])
    return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None) / ((box[2] - box[0]) * (box[3] - box[1])))


def _scene_batches(
    photos: Sequence[Pixels], marks: list[Mark], random: np.random.Generator, effort: Effort
) -> Iterator[list[Scene]]:
    """Scenes in batches, the marks dealt out so that each is seen as often as any other."""
    deck: list[int] = []
    made: list[Scene] = []
    for number in range(effort.scenes):
        while len(deck) < effort.marks_per_scene:
            deck += random.permutation(len(marks)).tolist()
        hand = [deck.pop(0) for _ in range(effort.marks_per_scene)]
        scene = make_scene(random, photos[int(random.integers(len(photos)))], marks, hand)
        if scene.marks:
            made.append(scene)
        if made and (len(made) == BATCH or number == effort.scenes - 1):
            yield made
            made = []


def _enrolled(random: np.random.Generator, mark: Mark) -> Pixels:
    """A mark as its brand might upload it: dark on light or light on dark, more or less margin."""
    ink: tuple[int, int, int] = mark.colour if random.random() < 0.7 else (0, 0, 0)
    light = sum(ink) > 600
    ground = (20, 20, 20) if light else (255, 255, 255)
    return picture_of(mark, ink=ink, ground=ground, margin=float(random.uniform(0.02, 0.3)))


def _dense(embedder: ClipEmbedder, pictures: Sequence[Pixels], side: int) -> Features:
    return embedder.dense([resize(pixels, side, side) for pixels in pictures])


def _describe(features: Features, asked: list[tuple[int, Box, int]], parts: tuple[Part, ...]) -> Matrix:
    corners = torch.from_numpy(as_corners([box for _, box, _ in asked]))
    owners = torch.tensor([picture for picture, _, _ in asked])
    return describe(features, corners, owners, parts).numpy()


def _shaken(random: np.random.Generator, box: Box) -> Box:
    """The box moved a little, as a fixed layout or a window never fits exactly; the whole stays whole."""
    if box == WHOLE:
        return box
    left, top, right, bottom = random.uniform(-0.12, 0.12, 4)
    moved = Box(
        box.x0 + left * box.width, box.y0 + top * box.height, box.x1 + right * box.width, box.y1 + bottom * box.height
    )
    return moved.clipped()


def _whitened(collected: _Collected, head: Projection, shrinkage: float) -> Projection:
    rows, labels = np.concatenate(collected.rows), np.array(collected.labels, np.int64)
    mean, matrix = learn_whitening(rows, labels, dim=len(head.matrix), shrinkage=shrinkage)
    return Projection(head.parts, mean, matrix)
