"""What one picture of a clean listing costs before the answer, on one core, tier by tier, at 100,000 references.

Synthetic vectors through the real catalogue, beside real photographs with their pictures; listings are 800 px JPEGs of
other photographs, enlarged. The process is tied to one core and runs one picture after another, so what is counted is
the core's own time: on a machine that does other work the wall clock says less. Run with `python -m benchmarks clean`.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median

import numpy as np

from benchmarks.index import fill_catalog
from benchmarks.machine import Figures, Targets
from benchmarks.pictures import crops, photographs
from indexes.clock import TIERS
from indexes.database import Database
from service.migrations import upgrade
from service.runtime import Runtime
from service.settings import Settings
from vision.embedders import load_embedder
from vision.embedding import KINDS, Pixels
from vision.images import decode
from vision.verification import PhotoVerifier

SIDE = 800
PAIRS = 20
TARGETS: Targets = {"clean_core_ms_mean": ("<=", 15.0), "pair_core_ms_p50": ("<=", 25.0)}
_TIERS = ("decode", "embed", *TIERS)


def measure(references: int, uploads: int, listings: int) -> Figures:
    """Fill a catalogue of `references` and `uploads` photographs, and send `listings` pictures that show none."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sources = photographs("references")
    half = len(sources) // 2
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        settings = Settings(data_dir=Path(name))
        embedder = load_embedder(settings.model, threads=1)
        database = Database(settings.sql_url)
        upgrade(database)
        fill_catalog(database, references, embedder.space)
        database.close()
        runtime = Runtime.open(settings, embedder=embedder)
        try:
            brand = runtime.brands.create("Real").id
            for picture in crops(sources[:half], uploads, SIDE, seed=1):
                runtime.enrolment.add(brand, "photo", picture)
            runtime.gallery.catch_up()
            spent = [_check(runtime, data) for data in crops(sources[half:], listings, SIDE, seed=2)]
        finally:
            runtime.close()
        engine = f"{embedder.engine.name}, {embedder.engine.precision}"
    return {"references": references + uploads, "engine": engine, **_figures(spent[2:]), **_pair(sources[:half])}


def _check(runtime: Runtime, data: bytes) -> dict[str, float]:
    """Core seconds of each tier for one picture; `flagged` is 1 where a match is likelier than not."""
    spent = dict.fromkeys((*_TIERS, "total"), 0.0)
    with _timed(spent, "decode"):
        picture = decode(data)
        prepared = runtime.embedder.prepare(picture.pixels)
    with _timed(spent, "embed"):
        (embedding,) = runtime.embedder.embed_queries([prepared])
    with _timed(spent, "search"):
        result = runtime.spaces.active.engine.searcher.search(
            picture.pixels, embedding, kinds=KINDS, brand_ids=None, per_kind=None
        )
    spent["total"] = spent["decode"] + spent["embed"] + spent["search"]
    rate = spent["search"] / max(sum(result.seconds.values()), 1e-9)  # core seconds in a second of the search
    spent |= {tier: seconds * rate for tier, seconds in result.seconds.items()}
    return spent | {"flagged": float(any(match.confidence >= 0.5 for match in result.matches))}


@contextmanager
def _timed(spent: dict[str, float], tier: str) -> Iterator[None]:
    """Add what this process spends to `tier`: an engine, for vectors as for words, computes in threads of its own."""
    started = time.process_time()
    yield
    spent[tier] += time.process_time() - started


def _figures(spent: list[dict[str, float]]) -> dict[str, object]:
    clean = [one for one in spent if not one["flagged"]]
    figures: dict[str, object] = {"listings": len(spent), "clean_listings": len(clean)}
    for tier in _TIERS:
        reached = [one[tier] for one in clean if one[tier] > 0]
        figures[f"{tier}_share"] = len(reached) / len(clean)
        figures[f"{tier}_core_ms_where_reached"] = fmean(reached or [0.0]) * 1e3
        figures[f"{tier}_core_ms_mean"] = fmean(one[tier] for one in clean) * 1e3
    figures["clean_core_ms_mean"] = fmean(one["total"] for one in clean) * 1e3
    figures["clean_core_ms_p50"] = median(one["total"] for one in clean) * 1e3
    return figures


def _pair(pictures: list[Pixels]) -> dict[str, float]:
    """Core-ms of one candidate pair of look-alikes, the description of the query and both orientations included."""
    verifier, times = PhotoVerifier(), []
    data = list(crops(pictures, PAIRS + 1, SIDE, seed=3))
    shown = [decode(one).pixels for one in data]
    for query, reference in itertools.pairwise(shown):
        enrolled = verifier.enrol(reference)
        started = time.process_time()
        verifier.verify(verifier.describe(query), enrolled)
        times.append((time.process_time() - started) * 1e3)
    return {"pair_core_ms_p50": float(np.median(times)), "pair_core_ms_mean": fmean(times)}
