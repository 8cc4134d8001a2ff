"""From dense maps to unit vectors: descriptors of boxes, and how much each window looks like a logo.

Place in the flow: after `vision.embedders.tower`, inside the backend. `LearnedHeads` follows a model's sidecar,
`PlainHeads` serves any other open_clip model with its own projection. Neither chooses boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from numpy.typing import NDArray
from torch import Tensor

from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar
from vision.embedders.tower import Features, Tower, pool_boxes
from vision.regions import Corners, grown, window_grid

PLAIN_SHAPES = ((2, 2), (3, 3), (4, 2), (5, 5), (8, 4))


class Heads(Protocol):
    """Boxes are float32 `[k, 4]` fractions, `owners` int64 `[k]` says which picture of the batch each lies in."""

    photo_dim: int
    logo_dim: int

    def photo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Unit photo vectors `[k, photo_dim]`."""
        ...

    def logo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Unit logo vectors `[k, logo_dim]`."""
        ...

    def windows(self, features: Features) -> tuple[Corners, NDArray[np.float32]]:
        """Candidate windows `[k, 4]` of every picture, and their logoness `[n, k]` in [0, 1]."""
        ...


class LearnedHeads:
    """The heads of a model that carries a sidecar."""

    def __init__(self, sidecar: Sidecar, device: torch.device) -> None:
        self._photo = _Projector(sidecar.photo, device)
        self._logo = _Projector(sidecar.logo, device)
        self._windows = _WindowScorer(sidecar.logoness, device)
        self.photo_dim = sidecar.photo.matrix.shape[0]
        self.logo_dim = sidecar.logo.matrix.shape[0]

    def photo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Pooled, whitened, unit length."""
        return self._photo(features, boxes, owners)

    def logo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """Pooled on a raster, whitened, unit length."""
        return self._logo(features, boxes, owners)

    def windows(self, features: Features) -> tuple[Corners, NDArray[np.float32]]:
        """Logistic regression on what is inside and around each window."""
        return self._windows.corners, self._windows(features)


class PlainHeads:
    """Any open_clip model: the tower's own projection of the mean over a box, for photos and logos alike."""

    def __init__(self, tower: Tower, dim: int) -> None:
        self._tower = tower
        self.photo_dim = self.logo_dim = dim

    def photo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """The tower's image features for the whole picture, its projection of the pooled map for other boxes."""
        vectors = self.logo(features, boxes, owners)
        whole = (boxes == boxes.new_tensor([0.0, 0.0, 1.0, 1.0])).all(dim=1)
        return torch.where(whole[:, None], F.normalize(features.image.float(), dim=1)[owners], vectors)

    def logo(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        """The tower's projection of the mean over the box."""
        last = features.maps[-1]
        pooled = pool_boxes(last, boxes, owners).to(last.dtype)
        return F.normalize(self._tower.project(pooled).float(), dim=1)

    def windows(self, features: Features) -> tuple[Corners, NDArray[np.float32]]:
        """Untrained: how far a window's mean departs from the picture's, 0 for alike and 1 for opposite."""
        last = features.maps[-1].float()
        cells = min(last.shape[-2:])
        last = last if last.shape[-1] == last.shape[-2] else F.adaptive_avg_pool2d(last, cells)
        corners, _ = window_grid(PLAIN_SHAPES, cells)
        if len(corners) == 0:
            corners = np.array([[0, 0, cells, cells]], np.int64)
        means = F.normalize(window_means(last, torch.from_numpy(corners).to(last.device)), dim=1)
        whole = F.normalize(last.mean(dim=(2, 3)), dim=1)
        scores = (1.0 - torch.einsum("nck,nc->nk", means, whole)) / 2.0
        return (corners / cells).astype(np.float32), scores.clamp(0.0, 1.0).cpu().numpy()


class _Projector:
    def __init__(self, projection: Projection, device: torch.device) -> None:
        self._parts = projection.parts
        self._mean = torch.from_numpy(projection.mean).to(device)
        self._matrix = torch.from_numpy(projection.matrix).to(device)

    def __call__(self, features: Features, boxes: Tensor, owners: Tensor) -> Tensor:
        pooled = describe(features, boxes, owners, self._parts)
        return F.normalize((pooled - self._mean) @ self._matrix.T, dim=1)


def describe(features: Features, boxes: Tensor, owners: Tensor, parts: tuple[Part, ...]) -> Tensor:
    """The unprojected descriptor of each box: its parts pooled, each of unit length, side by side; `[k, D]`."""
    pooled = [pool_boxes(features.maps[part.map], boxes, owners, grid=part.grid, power=part.power) for part in parts]
    return torch.cat([F.normalize(vector, dim=1) for vector in pooled], dim=1)


@dataclass(frozen=True, slots=True)
class WindowGrid:
    """Windows in cells `[k, 4]`, the same grown, and the number of each one's shape `[k]`."""

    inner: Tensor
    outer: Tensor
    kinds: Tensor


@dataclass(frozen=True, slots=True)
class LogonessWeights:
    """The tensors of `sidecar.Logoness`, on a device or as parameters."""

    mean: Tensor
    scale: Tensor
    inside: Tensor
    around: Tensor
    bias: Tensor


class _WindowScorer:
    """Scores the windows of a sidecar's shapes."""

    def __init__(self, logoness: Logoness, device: torch.device) -> None:
        self._maps, self._cells = logoness.maps, logoness.cells
        corners, grid = windows_of(logoness, logoness.cells)
        self.corners: Corners = (corners / logoness.cells).astype(np.float32)
        self._grid = WindowGrid(*(tensor.to(device) for tensor in (grid.inner, grid.outer, grid.kinds)))
        arrays = (logoness.mean, logoness.scale, logoness.inside, logoness.around, logoness.bias)
        self._weights = LogonessWeights(*(torch.from_numpy(array).to(device) for array in arrays))

    def __call__(self, features: Features) -> NDArray[np.float32]:
        dense = raster(features, self._maps, self._cells)
        return torch.sigmoid(window_logits(dense, self._weights, self._grid)).cpu().numpy()


def windows_of(logoness: Logoness, cells: int) -> tuple[NDArray[np.int64], WindowGrid]:
    """Every window of the shapes on a raster of `cells` by `cells`: corners in cells `[k, 4]`, and as tensors."""
    corners, kinds = window_grid(logoness.shapes, cells)
    inner, outer = torch.from_numpy(corners), torch.from_numpy(grown(corners, cells))
    return corners, WindowGrid(inner, outer, torch.from_numpy(kinds))


def window_logits(dense: Tensor, weights: LogonessWeights, grid: WindowGrid) -> Tensor:
    """Logistic regression of every window at once `[n, k]`: linear in the mean, so each cell of `dense` is scored and
    then averaged."""
    dense = (dense - weights.mean[:, None, None]) * weights.scale[:, None, None]
    cells = torch.einsum("nchw,kc->nkhw", dense, torch.cat([weights.inside, weights.around]))
    shapes = len(weights.bias)
    inner, outer = _areas(grid.inner), _areas(grid.outer)
    inside = _window_sums(cells[:, :shapes], grid.inner, grid.kinds) / inner
    ring_cells = cells[:, shapes:]
    ring = _window_sums(ring_cells, grid.outer, grid.kinds) - _window_sums(ring_cells, grid.inner, grid.kinds)
    return inside + ring / (outer - inner).clamp(min=1) + weights.bias[grid.kinds]


def raster(features: Features, maps: tuple[int, ...], cells: int) -> Tensor:
    """The named maps on one raster of `cells` by `cells`, float32 `[n, D, cells, cells]`."""
    layers = []
    for number in maps:
        layer = features.maps[number].float()
        if layer.shape[-1] > cells:
            layer = F.adaptive_avg_pool2d(layer, cells)
        elif layer.shape[-1] < cells:
            layer = F.interpolate(layer, size=(cells, cells), mode="bilinear", align_corners=False)
        layers.append(layer)
    return torch.cat(layers, dim=1)


def _areas(corners: Tensor) -> Tensor:
    return ((corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])).float()


def _integral(cells: Tensor) -> Tensor:
    return F.pad(cells.double().cumsum(2).cumsum(3), (1, 0, 1, 0))


def _window_sums(cells: Tensor, corners: Tensor, kinds: Tensor) -> Tensor:
    """Sums `[n, k]` over windows `[k, 4]`, each of its own channel `kinds[k]`, by one summed-area table."""
    table = _integral(cells)
    x0, y0, x1, y1 = corners.unbind(1)
    total = table[:, kinds, y1, x1] - table[:, kinds, y0, x1] - table[:, kinds, y1, x0] + table[:, kinds, y0, x0]
    return total.float()


def window_means(cells: Tensor, corners: Tensor) -> Tensor:
    """Means `[n, c, k]` over windows `[k, 4]` of every channel."""
    table = _integral(cells)
    x0, y0, x1, y1 = corners.unbind(1)
    total = table[:, :, y1, x1] - table[:, :, y0, x1] - table[:, :, y1, x0] + table[:, :, y0, x0]
    return total.float() / _areas(corners)
