"""Decoded photographs in one memory-mapped file, and the manifest that says which they are.

Place in the flow: first step of a fit; batches read pictures from the map without decoding again. The file is made
once for a manifest and a side; another choice of pictures makes another file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.images import decode, fit


@dataclass(frozen=True, slots=True)
class Manifest:
    """The pictures of a run: path below the data directory and SHA-256 of the bytes of each, in order."""

    entries: tuple[tuple[str, str], ...]

    @property
    def sha256(self) -> str:
        """Identity of the whole data set."""
        return hashlib.sha256(json.dumps(self.entries).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures by number; each is uint8 `[height, width, 3]`, a view of the map. `classes[i]` is its folder's name."""

    pixels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    classes: tuple[str, ...]
    manifest: Manifest

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, number: int) -> Pixels:
        height, width = self.sizes[number]
        start = self.starts[number]
        return np.asarray(self.pixels[start : start + height * width * 3]).reshape(height, width, 3)


def read_manifest(root: Path, paths: Sequence[Path]) -> Manifest:
    """Hash the pictures at `paths`, all below `root`."""
    return Manifest(
        tuple((str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths)
    )


def open_album(
    cache: Path, root: Path, manifest: Manifest, *, side: int, progress: Callable[[int], None] = lambda _: None
) -> Album:
    """The album of `manifest` at `side` px, decoded into `cache` unless it is there already."""
    name = f"{manifest.sha256[:16]}-{side}"
    index, data = cache / f"{name}.json", cache / f"{name}.u8"
    if not index.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _write(index, data, [root / path for path, _ in manifest.entries], side, progress)
    content: dict[str, Any] = json.loads(index.read_text())
    sizes = np.asarray(content["sizes"], np.int64).reshape(-1, 2)
    lengths = sizes.prod(axis=1) * 3
    starts = np.concatenate([[0], np.cumsum(lengths)])
    pixels = np.memmap(data, np.uint8, "r", shape=(int(starts[-1]),))
    classes = tuple(Path(path).parent.name for path, _ in manifest.entries)
    return Album(pixels, starts[:-1], sizes, classes, manifest)


def _write(index: Path, data: Path, paths: Sequence[Path], side: int, progress: Callable[[int], None]) -> None:
    """The index is written last: where it is, the map is whole."""
    sizes: list[tuple[int, int]] = []
    with data.open("wb") as file:
        for number, path in enumerate(paths):
            pixels = fit(decode(path.read_bytes(), side=side).pixels, side)
            sizes.append((pixels.shape[0], pixels.shape[1]))
            file.write(np.ascontiguousarray(pixels).tobytes())
            progress(number + 1)
    index.write_text(json.dumps({"sizes": sizes}))
