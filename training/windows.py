"""Learns logoness in closed form: windows on a pasted mark against windows beside it and of plain photograph.

Place in the flow: before the first step of a fit, and again on the trunk that comes out of it. A convex problem, so a
seed gives the same weights again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from training.logoness import learn_logistic, size_groups
from training.marks import Mark
from training.scenes import Scene, make_scene
from vision.embedders.heads import raster, window_means
from vision.embedders.sidecar import Logoness
from vision.embedders.tower import Features
from vision.embedding import Pixels
from vision.images import resize
from vision.regions import as_corners, grown, overlaps, window_grid

Matrix = NDArray[np.float32]
BATCH = 8
MARKS_PER_SCENE = 3


def learn_logoness(
    dense: Callable[[list[Pixels]], Features],
    start: Logoness,
    side: int,
    photos: Sequence[Pixels],
    marks: Sequence[Mark],
    *,
    random: np.random.Generator,
    scenes: int,
    decay: float = 1e-3,
) -> Logoness:
    """Weights for the maps, cells and shapes of `start`, from `scenes` photographs of `side` px with marks on them.

    `dense` gives the maps of square pictures of one size, as `ClipEmbedder.dense` does.
    """
    windows = _Windows(start)
    for made in _scene_batches(photos, marks, random, scenes):
        for number, scene in enumerate(made):
            ious = np.stack([overlaps(box, windows.corners) for box in as_corners(scene.boxes)])
            windows.choose(random, number, scene, ious)
        with torch.no_grad():
            windows.collect(dense([resize(scene.pixels, side, side) for scene in made]))
    return windows.learn(decay)


class _Windows:
    """Examples for logoness: windows on a mark, windows beside it, and windows of plain photograph."""

    def __init__(self, start: Logoness) -> None:
        self._logoness = start
        self._cells, self._kinds = window_grid(start.shapes, start.cells)
        self._outer = grown(self._cells, start.cells)
        self.corners = (self._cells / start.cells).astype(np.float32)
        self._pending: list[tuple[int, int, bool]] = []
        self._rows: list[Matrix] = []
        self._shapes: list[int] = []
        self._targets: list[bool] = []

    def choose(self, random: np.random.Generator, picture: int, scene: Scene, ious: Matrix) -> None:
        """Mark the windows of one scene that `collect` shall keep."""
        best = ious.max(axis=0)
        covered = np.stack([held(box, self.corners) for box in as_corners(scene.boxes)]).max(axis=0)
        pools = (
            (np.flatnonzero(best >= 0.5), True, 10),
            (np.flatnonzero((best > 0.08) & (best < 0.3)), False, 6),
            (np.flatnonzero((best <= 0.08) & (covered < 0.3)), False, 14),
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
            self._rows.append(torch.cat([inside, around], dim=1).numpy())
            self._shapes += self._kinds[indices].tolist()
            self._targets += [target for _, target in mine]
        self._pending = []

    def learn(self, decay: float) -> Logoness:
        """Fit each size group; features are standardised, the cells' own mean and scale travel with the weights."""
        rows, kinds, targets = np.concatenate(self._rows), np.array(self._shapes), np.array(self._targets)
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


def held(box: Matrix, corners: Matrix) -> Matrix:
    """The share of `box` that each window covers."""
    width = np.minimum(box[2], corners[:, 2]) - np.maximum(box[0], corners[:, 0])
    height = np.minimum(box[3], corners[:, 3]) - np.maximum(box[1], corners[:, 1])
    return np.asarray(np.clip(width, 0, None) * np.clip(height, 0, None) / ((box[2] - box[0]) * (box[3] - box[1])))


def _scene_batches(
    photos: Sequence[Pixels], marks: Sequence[Mark], random: np.random.Generator, scenes: int
) -> Iterator[list[Scene]]:
    """Scenes in batches, the marks dealt out so that each is seen as often as any other."""
    deck: list[int] = []
    made: list[Scene] = []
    for number in range(scenes):
        while len(deck) < MARKS_PER_SCENE:
            deck += random.permutation(len(marks)).tolist()
        hand = [deck.pop(0) for _ in range(MARKS_PER_SCENE)]
        scene = make_scene(random, photos[int(random.integers(len(photos)))], marks, hand)
        if scene.marks:
            made.append(scene)
        if made and (len(made) == BATCH or number == scenes - 1):
            yield made
            made = []
