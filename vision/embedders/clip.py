"""The open_clip backend: any open_clip model as an `Embedder`, with learned heads where the model carries them.

Place in the flow: prepared pictures → one backbone pass → dense maps → photo regions and logo windows. Names and
directories are resolved by `vision.embedders`; loading and its errors are in `vision.embedders.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vision.boxes import WHOLE
from vision.embedders.checkpoint import Checkpoint, load_checkpoint
from vision.embedders.heads import Heads, LearnedHeads, PlainHeads
from vision.embedders.tower import Features, Tower
from vision.embedders.views import View, crop_view, logo_views
from vision.embedding import (
    CROP_MARGIN,
    MAX_QUERY_LOGO_VECTORS,
    Embedder,
    Pixels,
    Prepared,
    QueryEmbedding,
    Regions,
    Space,
    Vectors,
)
from vision.images import resize
from vision.regions import PHOTO_LAYOUT, as_boxes, as_corners, suppress

WINDOW_IOU = 0.35
"""Logo windows that overlap more than this ask the same question twice."""


def load_clip(name: str, *, label: str, device: str, precision: str, threads: int | None) -> Embedder:
    """The embedder of an open_clip `name`; `label` is what the space calls it. Raises `ModelError`."""
    if threads is not None:
        torch.set_num_threads(threads)
    return ClipEmbedder(load_checkpoint(name, device=device, precision=precision), label)


class ClipEmbedder:
    """Implements `vision.embedding.Embedder`. Holds no state between calls; threads may share it."""

    def __init__(self, checkpoint: Checkpoint, label: str) -> None:
        self._checkpoint = checkpoint
        sidecar = checkpoint.sidecar
        tower = Tower(checkpoint.visual, sidecar.stages if sidecar else ())
        self._tower = tower
        self._heads: Heads
        if sidecar:
            self._heads = LearnedHeads(sidecar, checkpoint.device)
            self._view_side, self._view_fill = sidecar.view_side, sidecar.view_fill
        else:
            self._heads = PlainHeads(tower, checkpoint.embed_dim)
            self._view_side, self._view_fill = checkpoint.side, 0.6
        mean, scale = (np.asarray(values, np.float32) * 255.0 for values in (checkpoint.mean, checkpoint.std))
        self._mean = torch.from_numpy(mean).to(checkpoint.device)[:, None, None]
        self._scale = 1.0 / torch.from_numpy(scale).to(checkpoint.device)[:, None, None]
        self._space = Space(checkpoint.space_id, label, self._heads.photo_dim, self._heads.logo_dim)

    @property
    def space(self) -> Space:
        """The identity of the vectors this embedder makes."""
        return self._space

    def prepare(self, pixels: Pixels) -> Prepared:
        """Squash one picture to the model's square input."""
        side = self._checkpoint.side
        return Prepared(resize(pixels, side, side), WHOLE)

    @torch.inference_mode()
    def embed_queries(self, batch: Sequence[Prepared]) -> list[QueryEmbedding]:
        """Six photo regions and the eight most logo-like windows of each picture, one backbone pass for all."""
        if not batch:
            return []
        features = self.dense([item.pixels for item in batch])
        return [
            QueryEmbedding(photo, logo)
            for photo, logo in zip(self._photo_regions(features), self._logo_windows(features), strict=True)
        ]

    @torch.inference_mode()
    def embed_photos(self, batch: Sequence[Prepared]) -> list[Regions]:
        """Six regions of each reference photo: the whole, the centre and the quarters."""
        return self._photo_regions(self.dense([item.pixels for item in batch])) if batch else []

    @torch.inference_mode()
    def embed_logos(self, pictures: Sequence[Pixels]) -> list[Regions]:
        """Six views of each reference logo; the boxes are of the mark within the reference."""
        views = [logo_views(pixels, side=self._view_side, fill=self._view_fill) for pixels in pictures]
        return [self._embed_views(group) for group in views]

    @torch.inference_mode()
    def embed_crops(self, crops: Sequence[Pixels]) -> Vectors:
        """Logo vectors of the middles of crops, each crop letterboxed onto the canvas of an enrolment view."""
        if not crops:
            return np.zeros((0, self._heads.logo_dim), np.float32)
        views = [crop_view(crop, side=self._view_side, margin=CROP_MARGIN) for crop in crops]
        return self._embed_views(views).vectors

    @torch.inference_mode()
    def dense(self, pictures: Sequence[Pixels]) -> Features:
        """The maps of square pictures of any one size, for training; `embed_*` is what everyone else wants."""
        # a row-major picture is already what torch calls channels_last, so permuting copies nothing
        stacked = torch.from_numpy(np.stack(pictures)).to(self._checkpoint.device).permute(0, 3, 1, 2)
        return self._tower(((stacked.float() - self._mean) * self._scale).to(self._checkpoint.dtype))

    def _embed_views(self, views: list[View]) -> Regions:
        features = self.dense([view.pixels for view in views])
        corners = torch.from_numpy(as_corners([view.box for view in views])).to(self._checkpoint.device)
        vectors = self._heads.logo(features, corners, torch.arange(len(views), device=corners.device))
        return Regions((WHOLE,) * len(views), _vectors(vectors), np.ones(len(views), np.float32))

    def _photo_regions(self, features: Features) -> list[Regions]:
        count, layout = len(features.image), as_corners(PHOTO_LAYOUT)
        corners = torch.from_numpy(layout).to(features.image.device).repeat(count, 1)
        owners = torch.arange(count, device=corners.device).repeat_interleave(len(layout))
        vectors = _vectors(self._heads.photo(features, corners, owners)).reshape(count, len(layout), -1)
        weights = np.ones(len(layout), np.float32)
        return [Regions(PHOTO_LAYOUT, vectors[number], weights) for number in range(count)]

    def _logo_windows(self, features: Features) -> list[Regions]:
        corners, scores = self._heads.windows(features)
        kept = [suppress(corners, row, keep=MAX_QUERY_LOGO_VECTORS, iou=WINDOW_IOU) for row in scores]
        owners = np.repeat(np.arange(len(kept)), [len(indices) for indices in kept])
        chosen = np.concatenate([corners[indices] for indices in kept])
        device = features.image.device
        tensors = self._heads.logo(features, torch.from_numpy(chosen).to(device), torch.from_numpy(owners).to(device))
        vectors = _vectors(tensors)
        return [
            Regions(as_boxes(corners[indices]), vectors[owners == number], scores[number][indices])
            for number, indices in enumerate(kept)
        ]


def _vectors(tensor: Tensor) -> Vectors:
    return np.ascontiguousarray(tensor.float().cpu().numpy())
