"""A catalogue of 100,000 references whose vectors and pictures resemble real ones; made once and kept.

Place in the flow: before the service starts, which gets a copy. Some thousand photographs and marks are real
(`enrolled`). The others stand between two of them that are alike: a vector on the way from one to the other, and the
picture of a third, so that a listing finds as many look-alikes as among as many products, and verifying one costs what
it costs (no two pictures are the same file, as a cache of descriptions would notice). All are described (`described`).
What was begun is gone on with.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.index import unit
from benchmarks.speed import described, enlarging, enrolled
from benchmarks.speed.enrolled import Enrolled
from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog, NewReference
from indexes.database import Database
from service.runtime import Runtime
from service.settings import Settings
from vision.embedding import KINDS, Kind, Regions, Space
from vision.images import decode, encode_jpeg, resize

_VERSION = 3
_BRANDS = 200
_BATCH = 500
_NEAR = 8
_SHOWN = 320
"""Longer side in pixels of the pictures of the references between."""
_SHARED = ("blobs", "descriptions")


def prepare(cache: Path, references: int, entries: int) -> tuple[Path, Path]:
    """Folders of a catalogue of `references` and of pictures, made under `cache` unless they are there.

    `entries` are the tall pictures that the plain ones are cut from.
    """
    counts: dict[Kind, int] = {"photo": references - references // 20, "logo": references // 20}
    space = _enrol(cache, counts)
    folder = cache / f"{references}-{space.id[:16]}-{_VERSION}"
    if not (folder / "data" / "complete.json").is_file():
        for kind in KINDS:
            _fill(folder / "data", space, kind, enrolled.read(_kept(cache, space, kind, counts[kind])), counts[kind])
        _opened(folder / "data").close()  # writes a snapshot of the indexes
        (folder / "data" / "complete.json").write_text(json.dumps(counts))
    made, written = described.describe(folder / "data")
    print(f"  descriptions: {made} made, {written} written for files that show the same pictures", flush=True)
    supply = folder / f"supply-{entries}"
    if not (supply / "supply.json").is_file():
        named = [(_name("photo", n), read) for n, read in enumerate(enrolled.photographs(counts["photo"]))]
        enlarging.make(supply, named, count=entries)
    return folder, supply


@contextlib.contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A data directory for a while; pictures and descriptions are shared with the one in `folder` by hard links.

    A service replaces and removes such files, but never writes into them.
    """
    source = folder / "data"
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        to = Path(name) / "data"
        shutil.copytree(source, to, ignore=shutil.ignore_patterns(*_SHARED))
        for shared in _SHARED:
            shutil.copytree(source / shared, to / shared, copy_function=lambda old, new: Path(new).hardlink_to(old))
        yield to


def _enrol(cache: Path, counts: Mapping[Kind, int]) -> Space:
    """See that the real references are kept; the space they are in."""
    cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="empty-", dir=cache) as name,
        contextlib.closing(_opened(Path(name))) as runtime,
    ):
        space = runtime.embedder.space
        for kind in KINDS:
            kept = _kept(cache, space, kind, counts[kind])
            if not kept.is_file():
                enrolled.write(kept, list(enrolled.embed(runtime, kind, counts[kind])))
    return space


def _opened(data_dir: Path) -> Runtime:
    data_dir.mkdir(parents=True, exist_ok=True)
    return Runtime.open(Settings(data_dir=data_dir, compare_seconds=0))


def _kept(cache: Path, space: Space, kind: Kind, count: int) -> Path:
    return cache / f"{kind}-{min(count, enrolled.COUNTS[kind])}-{space.id[:16]}-{_VERSION}.npz"


def _fill(data_dir: Path, space: Space, kind: Kind, real: Sequence[Enrolled], count: int) -> None:
    """Bring the references of `kind` to `count`: the real ones first, then those between."""
    if not (data_dir / "brandwarden.db").is_file():
        _opened(data_dir).close()  # the tables, and what else a service makes at first
    settings = Settings(data_dir=data_dir)
    blobs, database = BlobStore(settings.pictures_url), Database(settings.sql_url)
    with contextlib.closing(database):
        catalog, brands = Catalog(database), _brands(database)
        begun = catalog.count(kind=kind)
        batch: list[tuple[NewReference, Regions]] = []
        for number, one in enumerate(_from(begun, kind, real, count), begun):
            batch.append((_new(brands[number % _BRANDS], kind, number, blobs.put(one.data), one), one.regions))
            if len(batch) == _BATCH or number == count - 1:
                catalog.add_many(batch, space)
                batch = []


def _brands(database: Database) -> list[str]:
    brands = Brands(database)
    known = {brand.name: brand.id for brand in brands.list(_BRANDS).items}
    names = [f"Brand {number}" for number in range(_BRANDS)]
    return [known.get(name) or brands.create(name).id for name in names]


def _from(begun: int, kind: Kind, real: Sequence[Enrolled], count: int) -> Iterator[Enrolled]:
    """The references from number `begun` on."""
    yield from real[begun:count]
    neighbours = _neighbours(np.stack([one.regions.vectors[0] for one in real]))
    pictures = [_smaller(one, kind) for one in real] if count > len(real) else []
    for number in range(max(begun, len(real)), count):
        random = np.random.default_rng([5, number])
        base = number % len(real)
        other, third = random.choice(neighbours[base], 2, replace=False)
        vectors = _mixed(real[base].regions.vectors, real[other].regions.vectors, random.uniform(0.3, 0.7))
        regions = Regions(real[base].regions.boxes, vectors, real[base].regions.weights)
        data, width, height = pictures[third]
        yield Enrolled(described.numbered(data, kind, number), width, height, regions)


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


def _name(kind: Kind, number: int) -> str:
    return f"{kind}-{number}"


def _new(brand_id: str, kind: Kind, number: int, sha256: str, one: Enrolled) -> NewReference:
    media_type = "image/jpeg" if kind == "photo" else "image/png"
    name = _name(kind, number)
    return NewReference(brand_id, kind, name, None, None, None, sha256, one.width, one.height, media_type)
