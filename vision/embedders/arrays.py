"""The heads of a model's sidecar in NumPy: what `LearnedHeads` computes, for engines that hand out arrays.

Place in the flow: after the trunk of `vision.embedders.mapped`. Every box is a set of weights over the cells of a
map, so pooling is one matrix product. It imports no engine; `vision.embedders.heads` is the reference, held by a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vision.embedders.sidecar import Array, Logoness, Part, Projection, Sidecar
from vision.embedding import Vectors
from vision.regions import Corners, grown, window_grid

_FINE: Final = 2  # samples of a bin along one axis, where a box is pooled on a raster


@dataclass(frozen=True, slots=True)
class Maps:
    """The maps of one picture, each float32 `[rows, columns, channels]`."""

    layers: tuple[Array, ...]


class ArrayHeads:
    """Descriptors of boxes and the logoness of windows. Safe to share by threads.

    Boxes are float32 `[k, 4]`, fractions of the pictures `owners` `[k]`, which rise; `maps` are those of a batch.
    """

    def __init__(self, sidecar: Sidecar) -> None:
        self._photo = _Projector(sidecar.photo)
        self._logo = _Projector(sidecar.logo)
        self._windows = _WindowScorer(sidecar.logoness)
        self.photo_dim = sidecar.photo.matrix.shape[0]
        self.logo_dim = sidecar.logo.matrix.shape[0]

    def photo(self, maps: Sequence[Maps], boxes: Corners, owners: NDArray[np.int64]) -> Vectors:
        """Unit photo vectors `[k, photo_dim]` of `boxes`."""
        return self._photo(maps, boxes, owners)

    def logo(self, maps: Sequence[Maps], boxes: Corners, owners: NDArray[np.int64]) -> Vectors:
        """Unit logo vectors `[k, logo_dim]` of `boxes`."""
        return self._logo(maps, boxes, owners)

    def windows(self, maps: Maps) -> tuple[Corners, NDArray[np.float32]]:
        """Candidate windows `[k, 4]` and the logoness `[k]` of each in [0, 1]."""
        return self._windows.corners, self._windows(maps)


class _Projector:
    def __init__(self, projection: Projection) -> None:
        self._parts = projection.parts
        self._mean = projection.mean
        self._matrix = np.ascontiguousarray(projection.matrix.T)

    def __call__(self, maps: Sequence[Maps], boxes: Corners, owners: NDArray[np.int64]) -> Vectors:
        """Pools each picture's boxes and projects those of all at once: reading the matrix is half of the work."""
        ends = np.searchsorted(owners, np.arange(len(maps)), side="right")
        own = list(zip(maps, np.split(boxes, ends[:-1]), strict=True))
        parts = [
            _unit(np.concatenate([pool(one.layers[part.map], some, part) for one, some in own if len(some)]))
            for part in self._parts
        ]
        return _unit((np.concatenate(parts, axis=1) - self._mean) @ self._matrix)


def pool(layer: Array, boxes: Corners, part: Part) -> Array:
    """Generalised means `[k, channels * grid * grid]` of `layer` `[h, w, c]` over `boxes`, sampled as RoIAlign does."""
    rows, columns, channels = layer.shape
    values = layer.reshape(rows * columns, channels)
    if part.power != 1.0:
        values = _power(np.maximum(values, 1e-6), part.power)
    weights = _box_weights(np.ascontiguousarray(boxes, np.float32).tobytes(), part.grid, rows, columns)
    pooled = (weights @ values).reshape(len(boxes), part.grid * part.grid, channels)
    if part.power != 1.0:
        pooled = np.maximum(pooled, 1e-12) ** np.float32(1.0 / part.power)
    return np.ascontiguousarray(pooled.transpose(0, 2, 1)).reshape(len(boxes), -1)


def _power(values: Array, power: float) -> Array:
    """`values ** power`; a cube by two products, which is thirty times as fast."""
    return values * values * values if power == 3.0 else values ** np.float32(power)


@lru_cache(maxsize=64)  # the photo layout is asked for with every picture
def _box_weights(corners: bytes, grid: int, rows: int, columns: int) -> Array:
    """Weights `[k * grid * grid, rows * columns]` of the cells of a map in the bins of boxes."""
    boxes = np.frombuffer(corners, np.float32).reshape(-1, 4).tolist()
    down = np.stack([_axis_weights(y0, y1, grid, rows) for _, y0, _, y1 in boxes])
    along = np.stack([_axis_weights(x0, x1, grid, columns) for x0, _, x1, _ in boxes])
    weights = down[:, :, None, :, None] * along[:, None, :, None, :]
    return weights.reshape(len(boxes) * grid * grid, rows * columns)


@lru_cache(maxsize=4096)  # windows lie on a lattice, so their sides come back
def _axis_weights(low: float, high: float, grid: int, cells: int) -> Array:
    """Weights `[grid, cells]` along one axis: bilinear samples in each bin of [low, high], averaged."""
    half = np.float32(0.5)  # single precision throughout: the number of samples hangs on the last bit
    start, end = np.float32(low) * np.float32(cells) - half, np.float32(high) * np.float32(cells) - half
    count = max(int(np.ceil(end - start)), 1) if grid == 1 else _FINE
    inside = (np.arange(grid)[:, None] + (np.arange(count) + 0.5) / count) / grid
    places = np.clip(start + inside * (end - start), 0, cells - 1)
    before = places.astype(int)
    share = places - before
    weights = np.zeros((grid, cells), np.float32)
    bins = np.broadcast_to(np.arange(grid)[:, None], places.shape)
    np.add.at(weights, (bins, before), (1.0 - share) / count)
    np.add.at(weights, (bins, np.minimum(before + 1, cells - 1)), share / count)
    return weights


class _WindowScorer:
    """Logistic regression on the means inside and around each window: cells are scored first, then averaged."""

    def __init__(self, logoness: Logoness) -> None:
        self._cells, self._numbers = logoness.cells, logoness.maps
        corners, self._kinds = window_grid(logoness.shapes, logoness.cells)
        self.corners: Corners = (corners / logoness.cells).astype(np.float32)
        weights = np.concatenate([logoness.inside, logoness.around])
        self._weights = (weights * logoness.scale).T.astype(np.float32)
        self._offset = (weights * (logoness.mean * logoness.scale)).sum(axis=1).astype(np.float32)
        self._bias = logoness.bias[self._kinds]
        outer = grown(corners, logoness.cells)
        shapes = len(logoness.bias)
        self._inner_at = _places(corners, self._kinds, logoness.cells, 2 * shapes)
        self._ring_at = _places(corners, self._kinds + shapes, logoness.cells, 2 * shapes)
        self._outer_at = _places(outer, self._kinds + shapes, logoness.cells, 2 * shapes)
        self._area = _areas(corners)
        self._ring_area = np.maximum(_areas(outer) - self._area, 1)

    def __call__(self, maps: Maps) -> NDArray[np.float32]:
        table = _integral(self._score_cells(maps))
        ring = _sums(table, self._outer_at) - _sums(table, self._ring_at)
        logits = _sums(table, self._inner_at) / self._area + ring / self._ring_area + self._bias
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)

    def _score_cells(self, maps: Maps) -> Array:
        """The score `[cells, cells, 2 * shapes]` of every cell; scoring is linear, so it comes before resampling."""
        scored = np.broadcast_to(-self._offset, (self._cells, self._cells, len(self._offset)))
        start = 0
        for number in self._numbers:
            rows, columns, channels = maps.layers[number].shape
            flat = maps.layers[number].reshape(-1, channels) @ self._weights[start : start + channels]
            scored = scored + _resample(flat.reshape(rows, columns, -1), self._cells)
            start += channels
        return scored


def _resample(layer: Array, cells: int) -> Array:
    """`layer` `[h, w, c]` on a raster of `cells` by `cells`."""
    rows, columns, channels = layer.shape
    across = (_axis_resampling(rows, cells) @ layer.reshape(rows, -1)).reshape(cells, columns, channels)
    return np.asarray(_axis_resampling(columns, cells) @ across, np.float32)


@lru_cache(maxsize=16)
def _axis_resampling(size: int, cells: int) -> Array:
    """Weights `[cells, size]`: means of the cells covered where it shrinks, bilinear where it grows."""
    weights = np.zeros((cells, size), np.float32)
    for cell in range(cells):
        if size >= cells:
            first, last = cell * size // cells, -(-(cell + 1) * size // cells)
            weights[cell, first:last] = 1.0 / (last - first)
        else:
            place = min(max((cell + 0.5) * size / cells - 0.5, 0.0), size - 1.0)
            before = int(place)
            weights[cell, before] += 1.0 - (place - before)
            weights[cell, min(before + 1, size - 1)] += place - before
    return weights


def _integral(cells: Array) -> NDArray[np.float64]:
    """Summed-area table with a row and a column of zeros before, flat."""
    table = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1, cells.shape[2]))
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.float64), axis=1, out=table[1:, 1:])
    return table.reshape(-1)


def _places(corners: NDArray[np.int64], kinds: NDArray[np.int64], cells: int, channels: int) -> NDArray[np.int64]:
    """Where the four corners `[4, k]` of each window lie in the flat table of `channels`, each in its own channel."""
    x0, y0, x1, y1 = corners.T
    rows, columns = np.stack([y1, y0, y1, y0]), np.stack([x1, x1, x0, x0])
    return np.asarray((rows * (cells + 1) + columns) * channels + kinds, np.int64)


def _sums(table: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float32]:
    last, above, before, first = table[places]
    return np.asarray(last - above - before + first, np.float32)


def _areas(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]), np.int64)


def _unit(vectors: NDArray[Any]) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)
