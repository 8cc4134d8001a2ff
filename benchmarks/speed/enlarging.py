"""Making the pictures of the load: tall JPEGs out of photographs, written into one file.

Place in the flow: once, before the service starts. Every entry is cropped, mirrored, lightened or darkened from a
photograph that is no reference; copies are made of references. Photographs are smaller than what a marketplace sends,
so all are enlarged.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import Reader, readers, source_name
from benchmarks.speed.splicing import ROW
from benchmarks.speed.supply import SHAPES, SPARE, Entry
from vision.boxes import Box
from vision.embedding import Pixels
from vision.images import resize

COPIED = 120
"""References that copies are made of."""


def make(folder: Path, references: Sequence[tuple[str, Reader]], *, count: int, seed: int = 11) -> None:
    """Write `count` plain entries, their share of the other sizes, and copies of some of `references`."""
    kinds = ["plain"] * count + ["large"] * max(8, count // 60)
    kinds += [kind for kind in ("tiny", "small", "wide", "big") for _ in range(max(8, count // 8))]
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    with (folder / "supply.bin").open("wb") as file:
        for kind, reference, data in _jpegs(kinds, references, seed):
            entries.append(Entry(kind, file.tell(), len(data), reference))
            file.write(data)
    document = {"source": source_name(), "entries": [asdict(entry) for entry in entries]}
    (folder / "supply.json").write_text(json.dumps(document))


def _jpegs(
    kinds: Sequence[str], references: Sequence[tuple[str, Reader]], seed: int
) -> Iterator[tuple[str, str, bytes]]:
    random = np.random.default_rng(seed)
    photographs = readers("listings", 3_000, packages=True)
    order = random.permutation(len(photographs))
    for number, kind in enumerate(kinds):
        yield kind, "", _tall(photographs[order[number % len(order)]](), kind, random)
    step = max(1, len(references) // COPIED)
    for name, read in references[::step][:COPIED]:
        yield "copy", name, _tall(read(), "copy", random)


def _tall(photograph: Pixels, kind: str, random: np.random.Generator) -> bytes:
    """A tall JPEG out of a photograph; a copy keeps more of it and is not mirrored."""
    width, height = SHAPES[kind]
    tall = (-(-height // ROW) + SPARE) * ROW
    rows, columns = photograph.shape[:2]
    span = random.uniform(0.9, 1.0) if kind == "copy" else random.uniform(0.7, 1.0)
    across = min(1.0, rows * width / (tall * columns)) * span
    down = across * columns * tall / (width * rows)
    left, top = random.uniform(0, 1 - across), random.uniform(0, max(0.0, 1 - down))
    x0, y0, x1, y1 = Box(left, top, left + across, min(1.0, top + down)).pixels(columns, rows)
    pixels = photograph[y0:y1, x0:x1]
    if kind != "copy" and random.random() < 0.5:
        pixels = pixels[:, ::-1]
    curve = np.rint(255 * (np.arange(256) / 255) ** random.uniform(0.8, 1.25)).astype(np.uint8)
    shown = resize(np.ascontiguousarray(curve[pixels]), width, tall)
    buffer = io.BytesIO()
    quality = int(random.integers(75, 90))
    Image.fromarray(shown).save(buffer, "JPEG", quality=quality, subsampling="4:2:0", restart_marker_rows=1)
    return buffer.getvalue()
