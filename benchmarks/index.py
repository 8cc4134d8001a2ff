"""What 100,000 references cost: opening, rebuilding, memory, search, and the way of a new reference into it.

Synthetic unit vectors in clusters go through the real catalogue into SQLite in a temporary directory: 95,000 photos
and 5,000 logos with six vectors each. Opening and searching are measured in a process of their own, as a service
would do it. Run it with `python -m benchmarks index`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.machine import Figures, Targets
from indexes.brands import Brands
from indexes.catalog import Catalog, NewReference
from indexes.database import Database
from indexes.embeddings import SLOTS, Embeddings
from indexes.gallery import Gallery
from vision.boxes import WHOLE
from vision.embedding import KINDS, Kind, Regions, Space

SPACE = Space(id="benchmark", model="synthetic", photo_dim=256, logo_dim=192)
BRANDS = 200
VECTORS = 6
QUERIES = 200
ASKED = {"photo": 6, "logo": 8}
TARGETS: Targets = {
    "open_seconds": ("<=", 10.0),
    "rebuild_seconds": ("<=", 60.0),
    "rss_mib": ("<=", 1536.0),
    "search_p50_ms": ("<=", 20.0),
    "found_after_commit_ms": ("<=", 1000.0),
}


def main() -> None:
    """The measuring process, apart from the one that filled the catalogue; `python -m benchmarks index` starts it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    print(json.dumps(measure(parser.parse_args().directory)))


def run(references: int = 100_000) -> Figures:
    """Fill a catalogue of `references`, measure it, and return the numbers by name."""
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        directory = Path(name)
        seconds = timed(lambda: fill(directory, references))
        command = [sys.executable, "-m", "benchmarks.index", str(directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return {"references": references, "fill_seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def fill(directory: Path, references: int) -> None:
    """Write the catalogue, in batches as a large import would."""
    database = Database(f"sqlite:///{directory / 'bench.db'}")
    database.create_all()
    fill_catalog(database, references, SPACE)
    database.close()


def fill_catalog(database: Database, references: int, space: Space) -> None:
    """Write `references` synthetic ones of `space` into a database with its tables."""
    brands, catalog = Brands(database), Catalog(database)
    ids = [brands.create(f"Brand {number}").id for number in range(BRANDS)]
    logos = references // 20
    counts: dict[Kind, int] = {"photo": references - logos, "logo": logos}
    for kind, count in counts.items():
        batch = []
        for number, regions in enumerate(synthetic(count, space.dim(kind))):
            batch.append((new(ids[number % BRANDS], kind, number), regions))
            if len(batch) == 1_000 or number == count - 1:
                catalog.add_many(batch, space)
                batch = []


def new(brand_id: str, kind: Kind, number: int) -> NewReference:
    """A reference without a picture."""
    return NewReference(
        brand_id=brand_id,
        kind=kind,
        external_id=f"SKU-{number}",
        title=None,
        gtin=None,
        right_id=None,
        sha256=hashlib.sha256(f"{kind}{number}".encode()).hexdigest(),
        width=1000,
        height=1000,
        media_type="image/jpeg",
    )


def synthetic(count: int, dim: int) -> Iterator[Regions]:
    """`count` references of `dim` numbers: products in 2,000 clusters, the views of one picture near one another."""
    rng = np.random.default_rng(5)
    centres = unit(rng.standard_normal((2_000, dim), dtype=np.float32))
    for _ in range(count):
        product = unit(centres[rng.integers(len(centres))] + 0.9 * unit(rng.standard_normal(dim, dtype=np.float32)))
        views = unit(product + 0.7 * unit(rng.standard_normal((VECTORS, dim), dtype=np.float32)))
        yield Regions((WHOLE,) * VECTORS, views, np.ones(VECTORS, np.float32))


def measure(directory: Path) -> dict[str, Any]:
    """Rebuild, open from the snapshot, search, add; in a process that also holds torch, as the service's does."""
    importlib.import_module("torch")  # only its memory counts here
    database = Database(f"sqlite:///{directory / 'bench.db'}")
    embeddings = Embeddings(database, SPACE)
    snapshots = directory / "snapshots"
    built: list[Gallery] = []
    numbers: dict[str, Any] = {"rebuild_seconds": timed(lambda: built.append(Gallery.open(database, SPACE, snapshots)))}
    numbers["rebuild_core_seconds"] = time.process_time()
    assert built[0].status()["opened"]["from"] == "rebuild"
    numbers["rss_after_rebuild_mib"] = rss_mib()
    built.clear()
    opened: list[Gallery] = []
    core = time.process_time()
    numbers["open_seconds"] = timed(lambda: opened.append(Gallery.open(database, SPACE, snapshots)))
    numbers["open_core_seconds"] = time.process_time() - core
    gallery = opened[0]
    assert gallery.status()["opened"]["from"] == "snapshot"
    numbers["vectors"] = gallery.status()["vectors"]
    numbers |= search_times(gallery, queries(embeddings))
    numbers |= {f"recall_at_10_{kind}": recall(gallery, embeddings, kind) for kind in KINDS}
    numbers["found_after_commit_ms"] = freshness(database, gallery)
    numbers["snapshot_seconds"] = timed(gallery.snapshot)
    numbers["rss_mib"] = peak_mib()
    return numbers


def queries(embeddings: Embeddings) -> list[dict[Kind, NDArray[np.float32]]]:
    """What listings ask with: edited copies of stored vectors, cosine about 0.8."""
    rng = np.random.default_rng(8)
    asked: dict[Kind, NDArray[np.float32]] = {}
    for kind in KINDS:
        stored = embeddings.sample(kind, QUERIES * ASKED[kind])
        picked = stored[rng.integers(len(stored), size=QUERIES * ASKED[kind])]
        asked[kind] = edited(picked, rng).reshape(QUERIES, ASKED[kind], -1)
    return [{kind: asked[kind][number] for kind in KINDS} for number in range(QUERIES)]


def edited(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The vectors with noise, unit length again."""
    return unit(vectors + 0.75 * unit(rng.standard_normal(vectors.shape, dtype=np.float32)))


def search_times(gallery: Gallery, asked: list[dict[Kind, NDArray[np.float32]]]) -> dict[str, float]:
    """One picture's search in both spaces, over all brands and within one: percentiles, and mean time of a core.

    On a machine that does other work the core's time is the one to compare.
    """
    numbers: dict[str, float] = {}
    for name, brands in (("search", None), ("brand_search", frozenset({7}))):
        core = time.process_time()
        times = [timed(partial(search, gallery, query, brands)) * 1e3 for query in asked]
        numbers[f"{name}_p50_ms"], numbers[f"{name}_p95_ms"] = (float(np.percentile(times, p)) for p in (50, 95))
        numbers[f"{name}_core_ms"] = (time.process_time() - core) * 1e3 / len(asked)
    return numbers


def search(gallery: Gallery, query: dict[Kind, NDArray[np.float32]], brands: frozenset[int] | None) -> None:
    """What one picture asks of the indexes."""
    for kind in KINDS:
        gallery.candidates(kind, query[kind], 32, brands)


def recall(gallery: Gallery, embeddings: Embeddings, kind: Kind) -> float:
    """Share of the true ten nearest references of 50 edited copies that the index gives."""
    asked = edited(embeddings.sample(kind, 50)[:50], np.random.default_rng(9))
    best_pks = np.zeros((len(asked), 0), np.int64)
    best = np.zeros((len(asked), 0), np.float32)
    for rows in embeddings.stream(kind):
        best_pks = np.hstack([best_pks, np.broadcast_to(rows.ids // SLOTS, (len(asked), len(rows)))])
        best = np.hstack([best, asked @ rows.vectors.T])
        kept = np.argsort(-best, axis=1)[:, : 10 * VECTORS]
        best_pks, best = np.take_along_axis(best_pks, kept, 1), np.take_along_axis(best, kept, 1)
    hits = 0
    for number, query in enumerate(asked):
        true = list(dict.fromkeys(best_pks[number].tolist()))[:10]
        _, found = gallery.candidates(kind, query[None], 10 * VECTORS)
        hits += len(set(true) & {candidate.reference_pk for candidate in found[:10]})
    return hits / (10 * len(asked))


def freshness(database: Database, gallery: Gallery) -> float:
    """Median milliseconds from before the commit of a new reference until search gives it."""
    brand, catalog = Brands(database).create("Late"), Catalog(database)
    times = []
    for number, regions in enumerate(synthetic(9, SPACE.photo_dim)):
        started = time.perf_counter()
        reference = catalog.add(new(brand.id, "photo", number), SPACE, regions)
        gallery.catch_up()
        _, found = gallery.candidates("photo", regions.vectors[:1], 8)
        assert reference.pk in {candidate.reference_pk for candidate in found}
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length one."""
    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def timed(action: Callable[[], object]) -> float:
    """Seconds `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def rss_mib() -> float:
    """Resident memory of this process now."""
    return float(psutil.Process().memory_info().rss / (1 << 20))


def peak_mib() -> float:
    """The most resident memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
