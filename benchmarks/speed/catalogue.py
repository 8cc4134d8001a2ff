"""A catalogue of 100,000 references whose vectors and pictures resemble real ones; made once and kept.

Place in the flow: before the service starts, which gets a copy. Some thousand photographs and marks are enrolled by the
service's own pipeline. The others stand between two of them that are alike: a vector on the way from one to the other,
and the picture of a third, so that a listing finds as many look-alikes as among as many products, and verifying one
costs what it costs (no two pictures are the same file, as a cache of descriptions would notice).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import unit
from benchmarks.pictures import Reader, readers
from benchmarks.speed import enlarging
from indexes.catalog import Catalog, NewReference
from service.pipeline import EmbeddedReference
from service.runtime import Runtime
from service.settings import Settings
from training.marks import picture_of, read_marks
from vision.embedding import KINDS, Kind, Regions
from vision.images import decode, encode_jpeg, encode_png, resize

REAL: dict[Kind, int] = {"photo": 2_000, "logo": 600}
_VERSION = 2
_BRANDS = 200
_BATCH = 500
_NEAR = 8
_SHOWN = 400
"""Longer side in pixels of the pictures of the references between."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A real reference: its picture's bytes, its size and what the model made of it."""

    data: bytes
    width: int
    height: int
    regions: Regions


def prepare(cache: Path, references: int, entries: int) -> tuple[Path, Path]:
    """Folders of a catalogue of `references` and of pictures, made under `cache` unless they are there.

    `entries` are the tall pictures that the plain ones are cut from.
    """
    with contextlib.closing(_opened(cache / "empty")) as runtime:
        space = runtime.embedder.space
    shutil.rmtree(cache / "empty")
    folder = cache / f"{references}-{space.id[:16]}-{_VERSION}"
    if not (folder / "data" / "complete.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        counts: dict[Kind, int] = {"photo": references - references // 20, "logo": references // 20}
        with contextlib.closing(_opened(folder / "data")) as runtime:
            brands = [runtime.brands.create(f"Brand {number}").id for number in range(_BRANDS)]
            for kind in KINDS:
                _fill(runtime, brands, kind, counts[kind])
        with contextlib.closing(_opened(folder / "data")):  # a snapshot is written when it closes
            pass
        (folder / "data" / "complete.json").write_text(json.dumps(counts))
    supply = folder / f"supply-{entries}"
    if not (supply / "supply.json").is_file():
        photographs = enumerate(_photographs(references))
        enlarging.make(supply, [(_name("photo", number), read) for number, read in photographs], count=entries)
    return folder, supply


def copy(folder: Path, to: Path) -> Path:
    """A data directory of its own; the pictures are shared with the original by hard links."""
    source = folder / "data"
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("blobs"))
    shutil.copytree(source / "blobs", to / "blobs", copy_function=lambda old, new: Path(new).hardlink_to(old))
    return to


def _opened(data_dir: Path) -> Runtime:
    data_dir.mkdir(parents=True, exist_ok=True)
    return Runtime.open(Settings(data_dir=data_dir, compare_seconds=0, queue_size=2 * _BATCH))


def _photographs(references: int) -> Sequence[Reader]:
    return readers("references", min(REAL["photo"], references), packages=True)


def _fill(runtime: Runtime, brands: Sequence[str], kind: Kind, count: int) -> None:
    catalog, space = Catalog(runtime.database), runtime.embedder.space
    real = list(_enrolled(runtime, kind, count))
    batch: list[tuple[NewReference, Regions]] = []
    for number, one in enumerate([*real, *_between(kind, real, count - len(real))]):
        sha256 = runtime.blobs.put(one.data)
        batch.append((_new(brands[number % len(brands)], kind, number, sha256, one), one.regions))
        if len(batch) == _BATCH or number == count - 1:
            catalog.add_many(batch, space)
            batch = []


def _enrolled(runtime: Runtime, kind: Kind, count: int) -> Iterator[Enrolled]:
    pictures = _pictures(kind, count)
    while batch := [data for data, _ in zip(pictures, range(64), strict=False)]:
        futures = [runtime.pipeline.reference(data, kind) for data in batch]
        for data, future in zip(batch, futures, strict=True):
            made: EmbeddedReference = future.result()
            yield Enrolled(data, made.picture.width, made.picture.height, made.regions)


def _pictures(kind: Kind, count: int) -> Iterator[bytes]:
    if kind == "photo":
        for read in _photographs(count):
            pixels = read()
            scale = 800 / max(pixels.shape[:2])
            yield encode_jpeg(resize(pixels, round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)))
        return
    for mark in read_marks(min(REAL["logo"], count), seed=3, side=400):
        yield encode_png(picture_of(mark, ink=mark.colour, ground=(255, 255, 255), margin=0.15))


def _between(kind: Kind, real: Sequence[Enrolled], count: int) -> Iterator[Enrolled]:
    """`count` references between neighbours among `real`, each with the picture of another neighbour."""
    random = np.random.default_rng(5)
    whole = np.stack([one.regions.vectors[0] for one in real])
    neighbours = _neighbours(whole)
    pictures = [_smaller(one, kind) for one in real] if count > 0 else []
    for number in range(count):
        base = number % len(real)
        other, third = random.choice(neighbours[base], 2, replace=False)
        vectors = _mixed(real[base].regions.vectors, real[other].regions.vectors, random.uniform(0.3, 0.7))
        regions = Regions(real[base].regions.boxes, vectors, real[base].regions.weights)
        data, width, height = pictures[third]
        yield Enrolled(_numbered(data, kind, number), width, height, regions)


def _neighbours(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -1)
    return np.argsort(-likeness, axis=1)[:, :_NEAR]


def _mixed(one: NDArray[np.float32], other: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    rows = np.arange(len(one)) % len(other)
    return unit(share * one + (1 - share) * other[rows]).astype(np.float32)


def _smaller(one: Enrolled, kind: Kind) -> tuple[bytes, int, int]:
    if kind == "logo":
        return one.data, one.width, one.height
    pixels = decode(one.data).pixels
    height, width = (max(1, round(side * _SHOWN / max(pixels.shape[:2]))) for side in pixels.shape[:2])
    return encode_jpeg(resize(pixels, width, height), quality=80), width, height


def _numbered(data: bytes, kind: Kind, number: int) -> bytes:
    """The picture as another file: a comment in a JPEG, bytes after the end of a PNG."""
    note = f"reference {number}".encode()
    if kind == "logo":
        return data + note
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


def _name(kind: Kind, number: int) -> str:
    return f"{kind}-{number}"


def _new(brand_id: str, kind: Kind, number: int, sha256: str, one: Enrolled) -> NewReference:
    media_type = "image/jpeg" if kind == "photo" else "image/png"
    name = _name(kind, number)
    return NewReference(brand_id, kind, name, None, None, None, sha256, one.width, one.height, media_type)
