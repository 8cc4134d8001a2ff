"""What the store of listings costs alone: core-milliseconds, statements and commits a listing.

Clean listings of one picture with vectors as large as the shipped model's, every one new, saved by several threads at
once as the service does it, and as they come when there are 116 a second. A commit is one fsync of the log on SQLite.
Run it with `python -m benchmarks saving`; PostgreSQL is left out where its programs are missing, and its server's own
core time is not counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event

from benchmarks.machine import Figures, Targets
from indexes.database import Database, utc_now
from service.cases import Cases
from service.listings.store import ListingStore
from service.migrations import upgrade
from service.sealing import Sealer
from service.webhooks import Outbox
from tests import postgres

TARGETS: Targets = {"sqlite_core_ms": ("<=", 1.5), "sqlite_coming_core_ms": ("<=", 1.5)}
CALLERS = 16
RATE = 116.0
"""Listings a second of `coming`: ten million a day."""
_DIM = 256
_BOXES = {"photo": [[0.0, 0.0, 1.0, 1.0]] * 6, "logo": [[0.1, 0.1, 0.3, 0.3]] * 8}


def measure(listings: int = 2_000) -> Figures:
    """Both databases, first by one caller and then by `CALLERS`."""
    figures: dict[str, object] = {"listings": listings, "callers": CALLERS}
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        folder = Path(name)
        figures |= _figures("sqlite", f"sqlite:///{folder / 'bench.db'}", folder, listings)
        cluster = postgres.start()
        if cluster is not None:
            try:
                figures |= _figures("postgresql", cluster.create_database(), folder, listings)
            finally:
                cluster.stop()
    return figures


def _figures(name: str, url: str, folder: Path, listings: int) -> Iterator[tuple[str, object]]:
    database = Database(url)
    try:
        upgrade(database)
        sealer = Sealer.open_for(folder)
        store = ListingStore(database, Outbox(sealer), Cases(database))
        yield from _by(1, f"{name}_alone", database, store, max(1, listings // 8))
        yield from _by(CALLERS, name, database, store, listings)
        yield from _by(CALLERS, f"{name}_coming", database, store, listings // 4, rate=RATE)
    finally:
        database.close()


def _by(
    callers: int, name: str, database: Database, store: ListingStore, listings: int, *, rate: float = math.inf
) -> Iterator[tuple[str, Any]]:
    for number in range(20):
        store.save(*clean_listing(f"{name}-warm-{number}"))
    random, began = np.random.default_rng(1), time.perf_counter()
    due = began + np.cumsum(random.exponential(1 / rate, listings))

    def save(number: int) -> None:
        time.sleep(max(0.0, due[number] - time.perf_counter()))
        store.save(*clean_listing(f"{name}-{number}"))

    with _counted(database) as counts, ThreadPoolExecutor(callers) as threads:
        work, wall = time.process_time(), time.perf_counter()
        list(threads.map(save, range(listings)))
        work, wall = time.process_time() - work, time.perf_counter() - wall
    yield f"{name}_core_ms", round(1000 * work / listings, 3)
    yield f"{name}_per_second", round(listings / wall)
    yield f"{name}_statements_per_listing", round(counts["statements"] / listings, 2)
    yield f"{name}_commits_per_listing", round(counts["commits"] / listings, 3)


@contextlib.contextmanager
def _counted(database: Database) -> Iterator[Counter[str]]:
    """Statements and commits of `database` while the block runs."""
    counts: Counter[str] = Counter()

    def statement(*_: object) -> None:
        counts["statements"] += 1

    def commit(_: object) -> None:
        counts["commits"] += 1

    event.listen(database.engine, "after_cursor_execute", statement)
    event.listen(database.engine, "commit", commit)
    try:
        yield counts
    finally:
        event.remove(database.engine, "after_cursor_execute", statement)
        event.remove(database.engine, "commit", commit)


def clean_listing(listing_id: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of a clean listing of one picture: itself, its picture, and no match."""
    row = dict.fromkeys(("url", "gtin", "category", "listed_at", "price_amount", "price_currency"))
    row |= {"marketplace": "default", "listing_id": listing_id, "seller_id": "s-1", "title": "A plain thing"}
    row |= {"territories": [], "decision": "clear", "space": "spc_1", "index_generation": 1, "calibration": "cal_1"}
    row |= {"nulls": "", "elapsed_ms": 12, "judged_at": utc_now()}
    digest = hashlib.sha256(listing_id.encode()).hexdigest()
    image = {"position": 0, "kept": False, "width": 800, "height": 800, "sha256": digest, "problem": None}
    image |= {"photo_vectors": os.urandom(6 * _DIM * 2), "logo_vectors": os.urandom(8 * _DIM * 2), "regions": _BOXES}
    return row, [image], []
