"""The engine beside its own bare loop, re-embedding beside the bare engine, and decoding beside plain Pillow.

Everything in one process and one run, the variants taking turns, so that other work on the machine harms all alike.
Core-milliseconds are the time of the cores; the medians of many short turns. `re-embedding` is compared by the clock,
since it reads ahead on another core. Run with `python -m benchmarks engine`.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import Figures, Targets
from benchmarks.pictures import crops, photographs, source_name
from service.reembedding import Reembedding
from service.runtime import Runtime
from service.settings import Settings
from vision.boxes import WHOLE
from vision.embedders import load_embedder
from vision.embedders.mapped import MappedEmbedder
from vision.embedding import Pixels, Prepared, Space
from vision.images import decode, encode_jpeg, resize
from vision.parallelism import limit_threads

TURNS = 12
TARGETS: Targets = {
    "pass_core_ms": ("<=", 8.0),
    "queries_to_bare": (">=", 0.9),
    "photos_to_bare": (">=", 0.9),
    "reembedding_to_bare": (">=", 0.9),
    "decode_and_resize_core_ms_800": ("<=", 3.0),
    "decode_12mp_to_pillow": (">=", 4.0),
    "decode_12mp_cosine": (">=", 0.999),
}
_PILLOW: dict[str, tuple[int, int]] = {"800": (800, 800), "12mp": (4000, 3000)}


def measure(pictures: int) -> Figures:
    """Core-ms of a pass, of what the embedder adds to it, of decoding; `pictures` are re-embedded."""
    limit_threads(1)
    embedder = load_embedder(threads=1)
    if not isinstance(embedder, MappedEmbedder):
        raise SystemExit(f"the engine here is {embedder.engine.name}: {embedder.engine.why}; it has no bare loop")
    sources = photographs("references", 60)
    return {
        "engine": f"{embedder.engine.name}, {embedder.engine.precision}",
        "pictures": source_name(),
        **_against_bare(embedder, sources),
        **_decoding(embedder, sources),
        **_reembedding(embedder, sources, pictures),
    }


def _against_bare(embedder: MappedEmbedder, sources: list[Pixels]) -> Figures:
    """The compiled pass alone, in a loop on the same tensors, and the embedder's two ways through it."""
    prepared = [replace(embedder.prepare(decode(one).pixels), inserts=()) for one in crops(sources, 8, 800, seed=4)]
    run = embedder.pass_for(prepared[0].pixels.shape[0])
    spent = _turns(
        {
            "pass": lambda: [run(one.pixels) for one in prepared],
            "queries": lambda: embedder.embed_queries(prepared),
            "photos": lambda: embedder.embed_photos(prepared),
        },
        len(prepared),
    )
    return {
        **{f"{name}_core_ms": value for name, value in spent.items()},
        "queries_to_bare": spent["pass"] / spent["queries"],
        "photos_to_bare": spent["pass"] / spent["photos"],
    }


def _decoding(embedder: MappedEmbedder, sources: list[Pixels]) -> Figures:
    """JPEG to the model's input against Pillow, which decodes all of it and averages over areas as we do."""
    side = embedder.prepare(sources[0]).pixels.shape[0]
    figures: dict[str, object] = {}
    for name, size in _PILLOW.items():
        files = [encode_jpeg(resize(one, *size), 88) for one in sources[:4]]

        def ours(files: list[bytes] = files) -> list[Pixels]:
            return [resize(decode(data).pixels, side, side) for data in files]

        def pillow(files: list[bytes] = files) -> list[Pixels]:
            return [_plain(data, side) for data in files]

        spent = _turns({"ours": ours, "pillow": pillow}, len(files), turns=5)
        found, plain = (embedder.embed_photos([Prepared(one, WHOLE) for one in make()]) for make in (ours, pillow))
        figures[f"decode_and_resize_core_ms_{name}"] = spent["ours"]
        figures[f"decode_{name}_to_pillow"] = spent["pillow"] / spent["ours"]
        figures[f"decode_{name}_cosine"] = float(
            np.mean([(one.vectors * two.vectors).sum(axis=1).mean() for one, two in zip(found, plain, strict=True)])
        )
    return figures


def _plain(data: bytes, side: int) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BOX), np.uint8)


def _reembedding(embedder: MappedEmbedder, sources: list[Pixels], count: int) -> Figures:
    """All that another space costs, from the database and back to it, by the clock beside the bare passes."""
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        runtime = Runtime.open(Settings(data_dir=Path(name)), embedder=embedder)
        with closing(runtime):
            brand = runtime.brands.create("Real").id
            for picture in crops(sources, count, 800, seed=5):
                runtime.enrolment.add(brand, "photo", picture)
            prepared = [embedder.prepare(decode(one).pixels).pixels for one in crops(sources, count, 800, seed=5)]
            run = embedder.pass_for(prepared[0].shape[0])
            seconds: dict[str, list[float]] = {"bare": [], "all": []}
            for turn in range(3):
                again = Reembedding(runtime.catalog, runtime.blobs, Renamed(embedder, f"again-{turn}"))
                started = time.perf_counter()
                for pixels in prepared:
                    run(pixels)
                seconds["bare"].append(time.perf_counter() - started)
                started = time.perf_counter()
                tried = sum(stretch.tried for stretch in again.stretches())
                seconds["all"].append(time.perf_counter() - started)
                assert tried == count, f"{tried} of {count} references were embedded"
    return {"references": count, "reembedding_to_bare": min(seconds["bare"]) / min(seconds["all"])}


class Renamed:
    """An embedder under another space, so that everything lacks its vectors."""

    def __init__(self, embedder: MappedEmbedder, space: str) -> None:
        self._embedder = embedder
        self.space: Space = replace(embedder.space, id=space)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)


def _turns(ways: Mapping[str, Callable[[], object]], pictures: int, turns: int = TURNS) -> dict[str, float]:
    """Median core-ms a picture of each way, which take turns."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            started = time.process_time()
            way()
            spent[name].append((time.process_time() - started) / pictures * 1e3)
    return {name: median(values) for name, values in spent.items()}
