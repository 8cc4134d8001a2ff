"""Similarity floors and gates: how unlike a candidate may be before verification can be spared.

Place in the flow: `training.calibrate` stores them beside the weights; `indexes.search` leaves out what lies below.
Only vectors are compared, so fitting takes a minute. Floors mean nothing in another space, so they carry its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from indexes.background import Background
from indexes.cascade import ECONOMICAL
from indexes.monotone import NO_GATE, KindModel
from indexes.scoring import Calibration
from training.datasets import read
from training.fitting import Labelled
from training.gallery import MemoryGallery
from training.marks import picture_of, read_marks
from training.printing import printed
from training.thefts import FAMILIES, edited
from vision.boxes import Box
from vision.embedding import Embedder, Kind, Pixels, QueryEmbedding

LOST: Final = 0.005
LED: Final = 0.002
"""A picture without a lead is lost with all its marks, so fewer may be."""

PHOTOS: Final = 112
MARKS: Final = 80
COVERS: Final = 0.25
FOUND: Final = 0.2
"""Confidence from which a match is monitored at least."""
FEWEST: Final = 100
GALLERY: Final = 320
COPIES: Final = 340
FLOORS_NOTE: Final = (
    f"similarity below which {LOST:.0%} of {PHOTOS} edited copies lie to their own photo, and of the windows on "
    f"{MARKS} printed marks to their own mark"
)


def with_floors(calibration: Calibration, embedder: Embedder, paths: Sequence[Path], seed: int) -> Calibration:
    """The calibration with floors fitted in the embedder's space, and bound to it."""
    rng = np.random.default_rng(seed)
    sources: dict[Kind, Iterator[float]] = {
        "photo": photo_similarities(embedder, paths, rng),
        "logo": logo_similarities(embedder, paths, rng, seed),
    }
    floors = {kind: round(float(np.quantile(list(source), LOST)), 3) for kind, source in sources.items()}
    kinds = {kind: replace(model, floor=floors[kind]) for kind, model in calibration.kinds.items()}
    return replace(calibration, kinds=kinds, floor_space=embedder.space.id)


def with_gates(
    calibration: Calibration, rows: Mapping[Kind, Sequence[Labelled]], background: Background | None
) -> Calibration:
    """The calibration with gates that spare verification and lose one in two hundred of what it would have found.

    Without a background set there are none, and fewer than a hundred such answers give none of that kind.
    """
    if background is None:
        return calibration
    kinds = {kind: _gated(calibration, kind, rows[kind]) for kind in rows}
    return replace(calibration, kinds={**calibration.kinds, **kinds}, background=background.version)


def _gated(calibration: Calibration, kind: Kind, rows: Sequence[Labelled]) -> KindModel:
    """The model of a kind with a gate for each candidate, for marks also with a lead for the first of a picture."""
    leads: dict[str, float] = {}
    found: list[tuple[str, float]] = []
    for row in rows:
        excess = row.features.get("excess")
        if excess is not None:
            leads[row.query] = max(leads.get(row.query, excess), excess)
            if row.right and calibration.judge(kind, row.features).confidence >= FOUND:
                found.append((row.query, excess))
    answered = sorted({query for query, _ in found})
    return replace(
        calibration.kinds[kind],
        gate=_lost([excess for _, excess in found]),
        lead=_lost([leads[query] for query in answered], LED) if kind == "logo" else NO_GATE,
    )


def with_photo_gate(
    calibration: Calibration, embedder: Embedder, paths: Sequence[Path], background: Background | None, seed: int
) -> Calibration:
    """The calibration with the gate of photos measured on the copies that a listing's search would verify.

    A copy that look-alikes keep from the few most similar is not found whatever the gate, so it does not count. The
    gate comes out higher than that of `with_gates`: half of the pairs of clean pictures are spared, and some of the
    smallest pastes and collages are lost, which are rare among the copies it is measured on.
    """
    if background is None:
        return calibration
    excesses = list(photo_excesses(embedder, paths, background, np.random.default_rng((seed, 1))))
    photo = replace(calibration.kinds["photo"], gate=_lost(excesses), lead=NO_GATE)
    return replace(calibration, kinds={**calibration.kinds, "photo": photo}, background=background.version)


def photo_excesses(
    embedder: Embedder, paths: Sequence[Path], background: Background, rng: np.random.Generator
) -> Iterator[float]:
    """Excess of edited copies, the families in turn, that are among the first candidates of a gallery of photos."""
    order = [paths[number] for number in rng.permutation(len(paths))]
    half = min(GALLERY, len(order) // 2)
    references, others = order[:half], order[half:]
    embedded = [embedder.embed_photos([embedder.prepare(read(path))])[0] for path in references]
    gallery, families = MemoryGallery(embedded, "photo", background), list(FAMILIES)
    for number in range(COPIES):
        item = number % len(references)
        other = read(others[int(rng.integers(len(others)))])
        copy = edited(read(references[item]), families[number % len(families)], rng, other)
        for candidate in gallery.candidates(_embedded(embedder, copy).photo, ECONOMICAL.photos):
            if candidate.item == item:
                yield candidate.excess


def _lost(excesses: Sequence[float], share: float = LOST) -> float:
    """The excess below which this share of them lies; no gate for too few."""
    return round(float(np.quantile(excesses, share)), 3) if len(excesses) >= FEWEST else NO_GATE


def photo_similarities(embedder: Embedder, paths: Sequence[Path], rng: np.random.Generator) -> Iterator[float]:
    """Best inner product of edited copies, the families in turn, with the photo they were made of."""
    families = list(FAMILIES)
    for number in range(PHOTOS):
        photo, other = (read(paths[int(rng.integers(len(paths)))]) for _ in range(2))
        copy = edited(photo, families[number % len(families)], rng, other)
        own = embedder.embed_photos([embedder.prepare(photo)])[0]
        yield float((_embedded(embedder, copy).photo.vectors @ own.vectors.T).max())


def logo_similarities(
    embedder: Embedder, paths: Sequence[Path], rng: np.random.Generator, seed: int
) -> Iterator[float]:
    """Best inner product of the embedder's own windows on a printed mark with that mark.

    A mark that no window covers is not counted: no floor would find it.
    """
    for mark in read_marks(MARKS, seed=seed):
        scene, (left, top, right, bottom) = printed(read(paths[int(rng.integers(len(paths)))]), mark, rng)
        height, width = scene.shape[:2]
        place = Box(left / width, top / height, right / width, bottom / height)
        windows = _embedded(embedder, scene).logo
        on_it = [number for number, box in enumerate(windows.boxes) if box.iou(place) > COVERS]
        if on_it:
            drawn = picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1)
            yield float((windows.vectors[on_it] @ embedder.embed_logos([drawn])[0].vectors.T).max())


def _embedded(embedder: Embedder, pixels: Pixels) -> QueryEmbedding:
    return embedder.embed_queries([embedder.prepare(pixels)])[0]
