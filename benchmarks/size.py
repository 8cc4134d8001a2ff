"""The index at a million and at ten million vectors: recall, one-thread time, memory, and what changes cost meanwhile.

Vectors are the model's own, displaced as edits displace them (`benchmarks.displaced`), built through
`indexes.vectors.VectorIndex` with the plan the service would make, written and read as a snapshot's files are, and
searched in a process of its own, which holds nothing else. Truth is the exact float32 product, formed while the stream
passes by. What was built and measured is kept in the cache directory, so that a run that ends is taken up at its
stage. Run it with `python -m benchmarks size --vectors 1000000`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.displaced import CHUNK, Source, source
from benchmarks.machine import RESULTS, Figures, Targets, met, write_result
from benchmarks.size_plots import draw
from indexes.embeddings import SLOTS, Rows
from indexes.planner import Allowance, plan
from indexes.vectors import VectorIndex
from vision.embedding import Vectors

DIM = 256
BRANDS = 1_000
VIEWS = 6
QUERIES = 200
PROBED = (1, 2, 4, 8, 16, 32, 64)
CACHE = Path("build/size")
_STORED, _ASKED, _LATE, _WARMING = 1, 2, 3, 4  # seeds


def targets(total: int) -> Targets:
    """What is asked of an index of `total` vectors."""
    if total > 2_000_000:
        return {"recall_at_10": (">=", 0.98), "search_core_ms": ("<=", 10.0), "rss_mib": ("<=", 5 * 1024.0)}
    return {"recall_at_10": (">=", 0.99), "search_core_ms": ("<=", 2.0), "bytes_per_vector": ("<=", 320.0)}


def run(total: int, cache: Path = CACHE) -> Figures:
    """Build what is not there yet and measure it."""
    folder = cache / str(total)
    if not (folder / "built.json").is_file():
        _child("build", total, cache)
    built: dict[str, Any] = json.loads((folder / "built.json").read_text())
    return built | _child("measure", total, cache)


def _child(step: str, total: int, cache: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "size", "--step", step]
    command += ["--vectors", str(total), "--cache", str(cache)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(made: Source, total: int, seed: int = _STORED, first_pk: int = 1) -> Iterator[Rows]:
    """Made vectors as SQL would give them: six a reference, references of a thousand brands in turn."""
    done = 0
    for vectors in made.chunks(total, seed):
        number = np.arange(done, done + len(vectors))
        pks = first_pk + number // VIEWS
        yield Rows(pks * SLOTS + number % VIEWS, 1 + pks % BRANDS, vectors)
        done += len(vectors)


class Truth:
    """The ten nearest of each query among the vectors that pass by, as ids, best first."""

    def __init__(self, queries: Vectors, k: int = 10) -> None:
        self._queries = queries
        self.ids = np.full((len(queries), k), -1, np.int64)
        self.similarities = np.full((len(queries), k), -2.0, np.float32)

    def watch(self, stream: Iterator[Rows]) -> Iterator[Rows]:
        """The stream, looked at."""
        for some in stream:
            self.see(some)
            yield some

    def see(self, some: Rows) -> None:
        """Take the best of `some` in."""
        products = self._queries @ some.vectors.T
        hopeful = products > self.similarities[:, -1:]
        for query in np.flatnonzero(hopeful.any(axis=1)):
            columns = np.flatnonzero(hopeful[query])
            ids = np.concatenate([self.ids[query], some.ids[columns]])
            similarities = np.concatenate([self.similarities[query], products[query, columns]])
            best = np.argsort(-similarities, kind="stable")[: self.ids.shape[1]]
            self.ids[query], self.similarities[query] = ids[best], similarities[best]


def build(total: int, cache: Path) -> dict[str, Any]:
    """Build and write the index, and the truth of the queries; figures of both."""
    folder = cache / str(total)
    folder.mkdir(parents=True, exist_ok=True)
    made = source(cache)
    truth = Truth(made.made(0, QUERIES, _ASKED))
    started, seen = time.perf_counter(), time.process_time()

    def sample(count: int) -> Vectors:
        return made.made(0, min(count, total), _LATE)

    def told(stream: Iterator[Rows]) -> Iterator[Rows]:
        done = 0
        for some in stream:
            yield some
            done += len(some)
            if done % 500_000 < CHUNK:
                print(f"{done:,} of {total:,}, {time.process_time() - seen:.0f} core-s", file=sys.stderr, flush=True)

    stream = told(truth.watch(rows(made, total)))
    index = VectorIndex.build(DIM, total, sample, stream, scratch=folder)
    core = time.process_time() - seen
    saved = index.save(folder, "photo")
    np.savez(folder / "truth.npz", ids=truth.ids, similarities=truth.similarities)
    figures = {
        "build_seconds": time.perf_counter() - started,
        "build_core_seconds": core,
        "build_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (folder / "saved.json").write_text(json.dumps(saved))
    (folder / "built.json").write_text(json.dumps(figures))
    return figures


def measure(total: int, cache: Path) -> dict[str, Any]:
    """Open the index and ask it."""
    folder = cache / str(total)
    made = source(cache)
    queries = made.made(0, QUERIES, _ASKED)
    with np.load(folder / "truth.npz") as kept:
        truth = kept["ids"], kept["similarities"]
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    saved = json.loads((folder / "saved.json").read_text())
    index = VectorIndex.load(folder, "photo", saved, DIM)
    numbers: dict[str, Any] = {"vectors": index.total, "shape": index.shape}
    numbers |= {name: saved[name] for name in ("probes", "candidates")}
    numbers |= {"lists": plan(total, DIM, Allowance()).lists, "load_seconds": time.perf_counter() - started}
    for query in made.made(0, QUERIES, _WARMING):
        index.search(query[None], 10)  # files come into the system's cache
    numbers |= _asked(index, queries, truth)
    numbers["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # the most it ever was
    files = {name: (folder / name).stat().st_size for name in saved["files"]}
    fine = sum(size for name, size in files.items() if name.endswith(".fine.i2"))
    numbers["bytes_per_vector"] = (sum(files.values()) - fine) / index.total
    numbers["bytes_per_vector_mapped_beside"] = fine / index.total
    numbers["index_rss_mib"] = numbers["rss_mib"] - before / (1 << 20)
    numbers |= _brand_search(index, queries)
    numbers["recall_by_probes"] = _by_probes(folder, saved, queries, truth)
    numbers |= _changes(index, made, queries)
    return numbers


def _asked(index: VectorIndex, queries: Vectors, truth: tuple[NDArray[np.int64], Vectors]) -> dict[str, float]:
    index.search(queries[:6], 10)
    spent = time.thread_time()
    found = [index.search(queries[number : number + 1], 10) for number in range(len(queries))]
    alone = (time.thread_time() - spent) * 1e3 / len(queries)
    spent = time.thread_time()
    for start in range(0, len(queries) - VIEWS, VIEWS):
        index.search(queries[start : start + VIEWS], 32)
    six = (time.thread_time() - spent) * 1e3 / (len(queries) // VIEWS)
    ids = np.concatenate([ids for ids, _ in found])
    best = np.concatenate([similarities for _, similarities in found])
    # A hit as near as the true tenth, to a ten-thousandth, is as good as that one.
    tied = np.sort(best, axis=1)[:, ::-1] >= truth[1][:, -1:] - 1e-4
    return {
        "recall_at_10": _recall(ids, truth[0]),
        "recall_at_10_ties_counted": float(tied.mean()),
        "recall_at_1": float(np.mean([first in row for first, row in zip(truth[0][:, 0], ids, strict=True)])),
        "search_core_ms": alone,
        "picture_core_ms": six,
    }


def _recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    hits = sum(len(np.intersect1d(row, true)) for row, true in zip(found, truth, strict=True))
    return hits / truth.size


def _by_probes(
    folder: Path, saved: dict[str, Any], queries: Vectors, truth: tuple[NDArray[np.int64], Vectors]
) -> list[dict[str, float]]:
    """Recall and time for every number of lists looked into, whatever the plan chose."""
    curve = []
    for probes in PROBED:
        index = VectorIndex.load(folder, "photo", saved | {"probes": probes}, DIM)
        asked = _asked(index, queries, truth)
        curve.append({"probes": probes, "recall": asked["recall_at_10"], "core_ms": asked["search_core_ms"]})
    return curve


def _brand_search(index: VectorIndex, queries: Vectors) -> dict[str, float]:
    """One picture within one brand: a thousandth of all vectors, every one compared."""
    spent = time.thread_time()
    for number in range(20):
        index.search(queries[:VIEWS], 32, frozenset({1 + number}))
    return {"brand_search_core_ms": (time.thread_time() - spent) * 1e3 / 20}


def _changes(index: VectorIndex, made: Source, queries: Vectors) -> dict[str, float]:
    """Add and remove references one at a time, and search with a hundredth of all removed and as many added."""
    many = max(index.total // 100 // VIEWS * VIEWS, VIEWS)
    new = next(rows(made, min(many, CHUNK // VIEWS * VIEWS), _LATE, 1 + index.total // VIEWS))
    spent = time.thread_time()
    for start in range(0, 100 * VIEWS, VIEWS):
        one = slice(start, start + VIEWS)
        index.add(Rows(new.ids[one], new.brands[one], new.vectors[one]))
    added = (time.thread_time() - spent) * 10
    index.add(new)
    spent = time.thread_time()
    for pk in range(1, 101):
        index.remove(np.array([pk], np.int64))
    removed = (time.thread_time() - spent) * 10
    index.remove(np.arange(101, 101 + many // VIEWS))
    spent = time.thread_time()
    for number in range(len(queries)):
        index.search(queries[number : number + 1], 10)
    after = (time.thread_time() - spent) * 1e3 / len(queries)
    return {"add_core_ms": added, "remove_core_ms": removed, "search_core_ms_after_changes": after}


def main(arguments: list[str]) -> int:
    """`python -m benchmarks size`; 0 when every target was met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks size", description=__doc__)
    parser.add_argument("--vectors", type=int, nargs="+", default=[1_000_000], help="sizes to measure")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where vectors and indexes are kept")
    parser.add_argument("--step", choices=("build", "measure"), help="one step, in this process")
    options = parser.parse_args(arguments)
    if options.step:
        step = build if options.step == "build" else measure
        print(json.dumps(step(options.vectors[0], options.cache)))
        return 0
    good = True
    for total in options.vectors:
        figures, asked = run(total, options.cache), targets(total)
        path = write_result(f"size-{total}", figures, asked)
        print(json.dumps(figures, indent=1), f"written to {path}", sep="\n")
        good = good and all(met(figures, asked).values())
    if draw(RESULTS, RESULTS / "size.png"):
        print(f"drawn in {RESULTS / 'size.png'}")
    return 0 if good else 1
