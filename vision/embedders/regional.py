"""What every backend does alike: which boxes of a picture are embedded, and how a batch becomes regions.

Place in the flow: prepared pictures → one backbone pass → dense maps → photo regions and logo windows. A backend adds
the pass itself and the heads on its maps; `vision.embedders.clip` (torch) and `vision.embedders.mapped` (the rest)
are the two there are. NumPy only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vision.boxes import WHOLE
from vision.embedders.pasted import MOST, beside, cleaned, cut_out, found_in
from vision.embedders.texts import TextTower
from vision.embedders.views import View, crop_view, logo_views
from vision.embedding import (
    CROP_MARGIN,
    MAX_QUERY_LOGO_VECTORS,
    EngineInfo,
    Insert,
    Pixels,
    Prepared,
    QueryEmbedding,
    Regions,
    Space,
    TextVectors,
    Vectors,
)
from vision.images import resize
from vision.inserts import SIDE
from vision.lines import without_lines
from vision.regions import PHOTO_LAYOUT, Corners, as_boxes, as_corners, suppress

WINDOW_IOU: Final = 0.35
"""Logo windows that overlap more than this ask the same question twice."""

F = TypeVar("F")
"""The maps of a batch as a backend holds them."""

Owners = NDArray[np.int64]
"""int64 `[k]`, rising: which picture of the batch each box lies in."""


class RegionEmbedder(ABC, Generic[F]):
    """Implements `vision.embedding.Embedder` on a backend's pass and heads. Holds no state between calls.

    `side` is the square input in px, `view_side` and `view_fill` describe the views of a reference logo, `texts` is
    None for a model without a trained text tower.
    """

    def __init__(
        self,
        space: Space,
        engine: EngineInfo,
        *,
        side: int,
        view_side: int,
        view_fill: float,
        texts: TextTower | None = None,
    ) -> None:
        self._space, self._engine, self._texts = space, engine, texts
        self._side, self._view_side, self._view_fill = side, view_side, view_fill

    @property
    def space(self) -> Space:
        """The identity of the vectors this embedder makes."""
        return self._space

    @property
    def engine(self) -> EngineInfo:
        """What computes them."""
        return self._engine

    def prepare(self, pixels: Pixels) -> Prepared:
        """Squash one picture to the model's square input, what was pasted into it, and itself without drawn lines."""
        squashed, unruled = resize(pixels, self._side, self._side), without_lines(pixels)
        pasted = found_in(squashed if self._side == SIDE else pixels)  # edges are looked for in such a copy anyway
        inserts = (*cleaned(unruled, self._side), *cut_out(pixels, pasted, self._side))[:MOST]
        return Prepared(squashed, WHOLE, inserts, pasted, unruled)

    def embed_queries(self, batch: Sequence[Prepared]) -> list[QueryEmbedding]:
        """Six photo regions and the eight most logo-like windows of each picture, one backbone pass for all.

        What was pasted into a picture takes the place of the last regions; it costs a second pass for all of it.
        """
        if not batch:
            return []
        features = self._run([item.pixels for item in batch])
        photos, logos = self._photo_regions(features, len(batch)), self._logo_windows(features)
        photos = self._with_pasted(photos, [item.inserts for item in batch])
        parts = zip(photos, logos, batch, strict=True)
        return [QueryEmbedding(photo, logo, item.pasted, item.unruled) for photo, logo, item in parts]

    def embed_photos(self, batch: Sequence[Prepared]) -> list[Regions]:
        """Six regions of each reference photo: the whole, the centre and the quarters."""
        return self._photo_regions(self._run([item.pixels for item in batch]), len(batch)) if batch else []

    def embed_logos(self, pictures: Sequence[Pixels]) -> list[Regions]:
        """Six views of each reference logo; the boxes are of the mark within the reference."""
        views = [logo_views(pixels, side=self._view_side, fill=self._view_fill) for pixels in pictures]
        return [self._embed_views(group) for group in views]

    def embed_crops(self, crops: Sequence[Pixels]) -> Vectors:
        """Logo vectors of the middles of crops, each crop letterboxed onto the canvas of an enrolment view."""
        if not crops:
            return np.zeros((0, self._space.logo_dim), np.float32)
        views = [crop_view(crop, side=self._view_side, margin=CROP_MARGIN) for crop in crops]
        return self._embed_views(views).vectors

    def embed_texts(self, texts: Sequence[str]) -> TextVectors | None:
        """Vectors of names and product words, None for a model whose text tower was not trained for it."""
        return self._texts(texts) if self._texts else None

    @abstractmethod
    def _run(self, pictures: Sequence[Pixels]) -> F:
        """The maps of square pictures of one size, at least one."""

    @abstractmethod
    def _photo(self, features: F, boxes: Corners, owners: Owners) -> Vectors:
        """Unit photo vectors `[k, photo_dim]` of `boxes` `[k, 4]`, fractions of the pictures `owners`."""

    @abstractmethod
    def _logo(self, features: F, boxes: Corners, owners: Owners) -> Vectors:
        """Unit logo vectors `[k, logo_dim]` of `boxes` `[k, 4]`, fractions of the pictures `owners`."""

    @abstractmethod
    def _windows(self, features: F) -> tuple[Corners, NDArray[np.float32]]:
        """Candidate windows `[k, 4]` of every picture, and their logoness `[n, k]` in [0, 1]."""

    def _embed_views(self, views: list[View]) -> Regions:
        features = self._run([view.pixels for view in views])
        vectors = self._logo(features, as_corners([view.box for view in views]), np.arange(len(views)))
        return Regions((WHOLE,) * len(views), vectors, np.ones(len(views), np.float32))

    def _photo_regions(self, features: F, count: int) -> list[Regions]:
        layout = as_corners(PHOTO_LAYOUT)
        owners = np.repeat(np.arange(count), len(layout))
        vectors = self._photo(features, np.tile(layout, (count, 1)), owners).reshape(count, len(layout), -1)
        weights = np.ones(len(layout), np.float32)
        return [Regions(PHOTO_LAYOUT, own, weights) for own in vectors]

    def _with_pasted(self, photos: list[Regions], pasted: Sequence[tuple[Insert, ...]]) -> list[Regions]:
        """The regions of each picture with those of what was pasted into it."""
        pictures = [insert.pixels for inserts in pasted for insert in inserts]
        if not pictures:
            return photos
        whole = np.tile(as_corners([WHOLE]), (len(pictures), 1))
        vectors = self._photo(self._run(pictures), whole, np.arange(len(pictures)))
        ends = np.cumsum([len(inserts) for inserts in pasted])[:-1]
        parts = np.split(vectors, ends)
        return [beside(regions, own, part) for regions, own, part in zip(photos, pasted, parts, strict=True)]

    def _logo_windows(self, features: F) -> list[Regions]:
        corners, scores = self._windows(features)
        kept = [suppress(corners, row, keep=MAX_QUERY_LOGO_VECTORS, iou=WINDOW_IOU) for row in scores]
        owners = np.repeat(np.arange(len(kept)), [len(indices) for indices in kept])
        vectors = self._logo(features, np.concatenate([corners[indices] for indices in kept]), owners)
        return [
            Regions(as_boxes(corners[indices]), vectors[owners == number], scores[number][indices])
            for number, indices in enumerate(kept)
        ]
