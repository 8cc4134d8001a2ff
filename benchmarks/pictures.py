"""Pictures to measure speed with: real photographs, each one new, none seen before by a cache.

Sources are the development photographs where `BRANDWARDEN_DATA` (default `../shared/data`) exists, else the ones
scikit-image carries. They are smaller than a listing's picture, so they are cropped at random and enlarged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg, resize

_PACKAGED = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "hubble_deep_field")


def data_folder() -> Path | None:
    """The folder of development photographs, or None where there is none."""
    folder = Path(os.environ.get("BRANDWARDEN_DATA", "../shared/data"))
    return folder if folder.is_dir() else None


def source_name() -> str:
    """Where `photographs` come from, for the report."""
    return "clothing/test, enlarged" if data_folder() else "scikit-image's photographs, enlarged"


def photographs(limit: int = 400) -> list[Pixels]:
    """Up to `limit` real photographs, uint8 `[h, w, 3]`."""
    folder = data_folder()
    if folder is None:
        return [np.ascontiguousarray(getattr(skimage.data, name)()[..., :3]) for name in _PACKAGED]
    files = sorted((folder / "clothing" / "test").rglob("*.jpg"))[:limit]
    return [decode(file.read_bytes()).pixels for file in files]


def jpegs(count: int, side: int, seed: int) -> Iterator[bytes]:
    """`count` JPEGs of `side` by `side` pixels, random crops of the photographs; the same for the same seed."""
    sources = photographs()
    random = np.random.default_rng(seed)
    for _ in range(count):
        source = sources[random.integers(len(sources))]
        span = random.uniform(0.5, 1.0)
        x0, y0 = random.uniform(0, 1 - span, size=2)
        left, top, right, bottom = Box(x0, y0, x0 + span, y0 + span).pixels(source.shape[1], source.shape[0])
        yield encode_jpeg(resize(np.ascontiguousarray(source[top:bottom, left:right]), side, side), quality=88)
