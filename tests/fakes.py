"""Real objects that stand in for slow ones. No mocks: each does its work, only smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.boxes import WHOLE, Box
from vision.embedding import EngineInfo, Pixels, Prepared, QueryEmbedding, Regions, Space, TextVectors, Vectors
from vision.images import resize

_SIDE = 8
_CENTRE = Box(0.2, 0.2, 0.8, 0.8)
_QUARTERS = (Box(0, 0, 0.5, 0.5), Box(0.5, 0, 1, 0.5), Box(0, 0.5, 0.5, 1), Box(0.5, 0.5, 1, 1))
_WINDOWS = (WHOLE, _CENTRE, *_QUARTERS)


class ThumbnailEmbedder:
    """An `Embedder` whose vector of a region is the region itself, 8 by 8 pixels small.

    Deterministic, a millisecond a picture, and good enough that a copy finds its original.
    """

    def __init__(self, *, name: str = "thumbnail") -> None:
        dim = _SIDE * _SIDE * 3
        self._space = Space(id=f"spc_{name}", model=name, photo_dim=dim, logo_dim=dim)

    @property
    def space(self) -> Space:
        """The same for every embedder of one name."""
        return self._space

    @property
    def engine(self) -> EngineInfo:
        """None worth the name."""
        return EngineInfo("thumbnail", "fp32", "it is all there is")

    def prepare(self, pixels: Pixels) -> Prepared:
        """64 by 64, stretched."""
        return Prepared(resize(pixels, 64, 64), WHOLE)

    def embed_queries(self, batch: Sequence[Prepared]) -> list[QueryEmbedding]:
        """Whole, centre and quarters, as photo regions and as logo windows."""
        return [QueryEmbedding(_embed(item.pixels, _WINDOWS), _embed(item.pixels, _WINDOWS)) for item in batch]

    def embed_photos(self, batch: Sequence[Prepared]) -> list[Regions]:
        """Whole, centre and quarters."""
        return [_embed(item.pixels, _WINDOWS) for item in batch]

    def embed_logos(self, pictures: Sequence[Pixels]) -> list[Regions]:
        """As given and inverted."""
        return [_stack([WHOLE, WHOLE], [_vector(pixels), _vector(255 - pixels)]) for pixels in pictures]

    def embed_crops(self, crops: Sequence[Pixels]) -> Vectors:
        """The middle of each crop."""
        rows = [_embed(pixels, [_CENTRE]).vectors[0] for pixels in crops]
        return np.array(rows, np.float32).reshape(-1, self._space.logo_dim)

    def embed_texts(self, texts: Sequence[str]) -> TextVectors | None:
        """Thumbnails know no words."""


class ContraryEmbedder(ThumbnailEmbedder):
    """Asks with the opposite of what it saw, so that the right reference comes last."""

    def embed_queries(self, batch: Sequence[Prepared]) -> list[QueryEmbedding]:
        """As above, every vector turned round."""
        return [QueryEmbedding(_opposite(query.photo), _opposite(query.logo)) for query in super().embed_queries(batch)]


def _opposite(regions: Regions) -> Regions:
    return Regions(regions.boxes, -regions.vectors, regions.weights)


def _embed(pixels: Pixels, boxes: Sequence[Box]) -> Regions:
    height, width = pixels.shape[:2]
    vectors = []
    for box in boxes:
        left, top, right, bottom = box.pixels(width, height)
        vectors.append(_vector(pixels[top:bottom, left:right]))
    return _stack(list(boxes), vectors)


def _vector(pixels: Pixels) -> np.ndarray:
    small = resize(np.ascontiguousarray(pixels), _SIDE, _SIDE).astype(np.float32).ravel()
    small -= small.mean()
    small[0] += 1e-3  # a plain picture has a direction too
    return small / np.linalg.norm(small)


def _stack(boxes: list[Box], vectors: list[np.ndarray]) -> Regions:
    return Regions(tuple(boxes), np.stack(vectors).astype(np.float32), np.ones(len(boxes), np.float32))
