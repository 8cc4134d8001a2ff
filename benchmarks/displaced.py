"""Vectors in any number, lying as a catalogue's do: a model's own of real pictures, and copies displaced as by edits.

The default model embeds every fourth photograph (`BRANDWARDEN_DATA`, six vectors each) and edits of some training ones
(`vision.edits`, six families). A displacement is the vector of an edit less the vector of its picture. A made vector is
a real one plus the sum of two measured displacements, scaled to the length of a third, and made a unit again; a
query is made in the same way from another draw. So what is made has the directions, the lengths and the ties of what
sellers' edits do; the true neighbours of a query are the hundreds of displaced copies of one picture, whose
similarities differ by less than a thousandth: ties, hard for any compressed index.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.pictures import data_folder, photographs
from vision.boxes import Box
from vision.edits import caption, crop, mirror, recolour, recompress, screenshot
from vision.embedders import load_embedder
from vision.embedding import Embedder, Pixels, Vectors
from vision.images import decode

BATCH = 16
CHUNK = 10_000
EMBED_EVERY = 4
EDIT_EVERY = 64
EDITS: tuple[Callable[[Pixels], Pixels], ...] = (
    lambda pixels: crop(pixels, Box(0.12, 0.1, 0.9, 0.88)),
    mirror,
    recompress,
    recolour,
    lambda pixels: caption(pixels, "SALE -50%"),
    lambda pixels: screenshot(pixels, title="As new", price="19.90"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """Real vectors `[n, d]` and measured displacements `[m, d]`."""

    real: Vectors
    displacements: Vectors

    def made(self, start: int, count: int, seed: int) -> Vectors:
        """Vectors `start` to `start + count` of the endless row of `seed`; `start` is a multiple of `count`."""
        rng = np.random.default_rng((seed, start))
        real, moved = len(self.real), len(self.displacements)
        mixed = self.displacements[rng.integers(moved, size=count)]
        mixed += self.displacements[rng.integers(moved, size=count)]
        lengths = np.sqrt(np.einsum("nd,nd->n", self.displacements, self.displacements))
        mixed *= (lengths[rng.integers(moved, size=count)] / np.sqrt(np.einsum("nd,nd->n", mixed, mixed)))[:, None]
        mixed += self.real[rng.integers(real, size=count)]
        mixed /= np.sqrt(np.einsum("nd,nd->n", mixed, mixed))[:, None]
        return mixed

    def chunks(self, total: int, seed: int, chunk: int = CHUNK) -> Iterator[Vectors]:
        """`total` made vectors, `chunk` at a time."""
        for start in range(0, total, chunk):
            yield self.made(start, chunk, seed)[: total - start]


def source(cache: Path) -> Source:
    """The real vectors and displacements, embedded once and kept in `cache`."""
    kept = cache / "displaced.npz"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        made = _measure(load_embedder(threads=1))
        np.savez(kept, real=made.real, displacements=made.displacements)
    with np.load(kept) as arrays:
        return Source(arrays["real"], arrays["displacements"])


def _measure(embedder: Embedder) -> Source:
    real = _embedded(embedder, itertools.islice(_pictures(), 0, None, EMBED_EVERY))
    edited = list(itertools.islice(_training(), 0, None, EDIT_EVERY))
    plain = _embedded(embedder, iter(edited))
    moved = [_embedded(embedder, (edit(pixels) for pixels in edited)) - plain for edit in EDITS]
    return Source(real, np.concatenate(moved))


def _embedded(embedder: Embedder, pictures: Iterator[Pixels]) -> Vectors:
    """Six vectors a picture, the whole and its parts, in the order of the pictures."""
    found: list[Vectors] = []
    batch: list[Pixels] = []
    for pixels in pictures:
        batch.append(pixels)
        if len(batch) == BATCH:
            found += _photo_vectors(embedder, batch)
            batch = []
    return np.concatenate(found + (_photo_vectors(embedder, batch) if batch else []))


def _photo_vectors(embedder: Embedder, batch: list[Pixels]) -> list[Vectors]:
    return [regions.vectors for regions in embedder.embed_photos([embedder.prepare(pixels) for pixels in batch])]


def _pictures() -> Iterator[Pixels]:
    return _decoded("clothing", "groceries")


def _training() -> Iterator[Pixels]:
    return _decoded("clothing/train", "groceries/photos/train")


def _decoded(*parts: str) -> Iterator[Pixels]:
    folder = data_folder()
    if folder is None:
        return iter(photographs("references"))
    paths = (path for part in parts for path in sorted((folder / part).rglob("*.jpg")))
    return (decode(path.read_bytes()).pixels for path in paths)
