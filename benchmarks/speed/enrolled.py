"""The real references of a catalogue: photographs and marks with what the service's own pipeline makes of them.

Place in the flow: under `catalogue`, which puts others between them. Kept in one file a kind, so that making a
catalogue can go on where it was stopped.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.pictures import Reader, readers
from service.pipeline import EmbeddedReference
from service.runtime import Runtime
from training.marks import picture_of, read_marks
from vision.boxes import Box
from vision.embedding import Kind, Regions
from vision.images import encode_jpeg, encode_png, resize

COUNTS: dict[Kind, int] = {"photo": 2_000, "logo": 600}
_SIDE = 800
_AT_ONCE = 32
_PATIENCE = 600.0
"""Seconds for room in the pipeline: nobody waits for an answer here, so nothing is refused."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A reference: its picture's bytes, the picture's size and the vectors."""

    data: bytes
    width: int
    height: int
    regions: Regions


def photographs(references: int) -> Sequence[Reader]:
    """The photographs that are references in a catalogue of so many photos."""
    return readers("references", min(COUNTS["photo"], references), packages=True)


def embed(runtime: Runtime, kind: Kind, count: int) -> Iterator[Enrolled]:
    """At most `count` real references of `kind`, through the pipeline of `runtime`."""
    pictures = _pictures(kind, count)
    while batch := list(islice(pictures, _AT_ONCE)):
        futures = [runtime.pipeline.reference(data, kind, patience=_PATIENCE) for data in batch]
        for data, future in zip(batch, futures, strict=True):
            made: EmbeddedReference = future.result()
            yield Enrolled(data, made.picture.width, made.picture.height, made.regions)


def write(path: Path, references: Sequence[Enrolled]) -> None:
    """Keep them in `path`."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        pictures=np.frombuffer(b"".join(one.data for one in references), np.uint8),
        lengths=[len(one.data) for one in references],
        sizes=[(one.width, one.height) for one in references],
        counts=[len(one.regions) for one in references],
        vectors=np.concatenate([one.regions.vectors for one in references]),
        boxes=[box.as_list() for one in references for box in one.regions.boxes],
    )
    path.write_bytes(buffer.getvalue())


def read(path: Path) -> list[Enrolled]:
    """What `write` kept."""
    with np.load(path) as kept:
        pictures, sizes = kept["pictures"].tobytes(), kept["sizes"].tolist()
        ends, stops = np.cumsum(kept["lengths"]).tolist(), np.cumsum(kept["counts"]).tolist()
        vectors, boxes = kept["vectors"], [Box(*box) for box in kept["boxes"].tolist()]
    found = []
    for (start, end), (first, last), (width, height) in zip(
        zip([0, *ends], ends, strict=False), zip([0, *stops], stops, strict=False), sizes, strict=True
    ):
        regions = Regions(tuple(boxes[first:last]), vectors[first:last], np.ones(last - first, np.float32))
        found.append(Enrolled(pictures[start:end], width, height, regions))
    return found


def _pictures(kind: Kind, count: int) -> Iterator[bytes]:
    if kind == "logo":
        for mark in read_marks(min(COUNTS["logo"], count), seed=3, side=400):
            yield encode_png(picture_of(mark, ink=mark.colour, ground=(255, 255, 255), margin=0.15))
        return
    for reader in photographs(count):
        pixels = reader()
        scale = _SIDE / max(pixels.shape[:2])
        yield encode_jpeg(resize(pixels, round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)))
