"""Pictures to measure speed with: real photographs, each one new, none seen before by a cache.

Sources are the development photographs where `BRANDWARDEN_DATA` (default `../shared/data`) exists, else the ones
scikit-image carries. They are smaller than a listing's picture, so they are cropped at random and enlarged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import skimage.data

from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import decode, encode_jpeg, resize

Part: TypeAlias = Literal["references", "listings"]
Reader: TypeAlias = Callable[[], Pixels]
"""Reads one photograph, uint8 `[h, w, 3]`."""
_PACKAGED: dict[Part, tuple[str, ...]] = {
    "references": ("astronaut", "rocket", "retina", "immunohistochemistry"),
    "listings": ("coffee", "chelsea", "hubble_deep_field"),
}


def data_folder() -> Path | None:
    """The folder of development photographs, or None where there is none."""
    folder = Path(os.environ.get("BRANDWARDEN_DATA", "../shared/data"))
    return folder if folder.is_dir() else None


def source_name() -> str:
    """Where the pictures come from, for the report."""
    return "clothing photographs, enlarged" if data_folder() else "scikit-image's photographs, enlarged"


def photographs(part: Part, limit: int = 400) -> list[Pixels]:
    """Up to `limit` real photographs, uint8 `[h, w, 3]`; the two parts share none."""
    return [read() for read in readers(part, limit)]


def readers(part: Part, limit: int, *, packages: bool = False) -> Sequence[Reader]:
    """The same, each read when it is asked for; with `packages` also those of packages on shelves."""
    folder = data_folder()
    if folder is None:
        return [partial(_packaged, name) for name in _PACKAGED[part]][:limit]
    split = "train" if part == "references" else "test"
    files = sorted((folder / "clothing" / split).rglob("*.jpg"))
    if packages:
        files += sorted((folder / "groceries" / "photos" / split).rglob("*.jpg"))
    return [partial(_read, file) for file in files[:: max(1, len(files) // limit)][:limit]]


def _packaged(name: str) -> Pixels:
    return np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])


def _read(file: Path) -> Pixels:
    return decode(file.read_bytes()).pixels


def crops(sources: list[Pixels], count: int, side: int, seed: int) -> Iterator[bytes]:
    """`count` JPEGs of `side` by `side` pixels, random crops of `sources`; the same for the same seed."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        source = sources[random.integers(len(sources))]
        span = random.uniform(0.5, 1.0)
        x0, y0 = random.uniform(0, 1 - span, size=2)
        yield encode_jpeg(_cut(source, Box(x0, y0, x0 + span, y0 + span), side), quality=88)


def _cut(source: Pixels, box: Box, side: int) -> Pixels:
    left, top, right, bottom = box.pixels(source.shape[1], source.shape[0])
    return resize(np.ascontiguousarray(source[top:bottom, left:right]), side, side)
