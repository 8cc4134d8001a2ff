"""Labelled evidence for the calibration: edited copies and printed marks against their hardest look-alikes.

Place in the flow: `training.calibrate` gathers with this, `training.fitting` fits. Every picture asked with is
checked against its nearest references as in the service; the right reference is added when it is not among them,
so that verification is judged apart from retrieval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from training.datasets import read
from training.fitting import Labelled
from training.gallery import Candidate, MemoryGallery
from training.marks import picture_of, read_marks
from training.printing import Square, printed
from training.thefts import FAMILIES, edited
from vision.boxes import Box
from vision.embedding import Embedder, Pixels, Prepared, QueryEmbedding
from vision.verification import LogoVerifier, PhotoVerifier

BATCH = 8
Item = TypeVar("Item", Path, Pixels)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to gather: references, candidates checked for each picture, and the seed."""

    references: int
    candidates: int = 4
    seed: int = 11


def photo_evidence(embedder: Embedder, paths: Sequence[Path], plan: Plan) -> Iterator[Labelled]:
    """Copies of references against references, and other photos (plain and edited) against references.

    Copies go through all families in turn. The other photos come from the same homes and shelves.
    """
    rng = np.random.default_rng(plan.seed)
    order = [paths[number] for number in rng.permutation(len(paths))[: 2 * plan.references]]
    references, others = order[: plan.references], order[plan.references :]
    verifier = PhotoVerifier()
    gallery = MemoryGallery(
        [regions for part in _parts(references) for regions in embedder.embed_photos(_prepared(embedder, part))]
    )
    described = [verifier.describe(read(path)) for path in references]
    for name, pixels, right in _photo_queries(references, others, rng):
        embedding = _embedded(embedder, pixels)
        query = verifier.describe(pixels)
        for candidate in _checked(gallery, embedding, right, plan.candidates):
            evidence = verifier.verify(query, described[candidate.item])
            if evidence is not None:
                features = {**evidence.features(), "similarity": candidate.similarity}
                yield Labelled(features, candidate.item == right, name)


def _photo_queries(
    references: Sequence[Path], others: Sequence[Path], rng: Generator
) -> Iterator[tuple[str, Pixels, int | None]]:
    families = list(FAMILIES)
    for number, path in enumerate(references):
        family = families[number % len(families)]
        background = read(others[int(rng.integers(len(others)))])
        yield f"copy/{family}/{path.name}", edited(read(path), family, rng, background), number
    for number, path in enumerate(others):
        family = families[number % len(families)]
        yield f"other/plain/{path.name}", read(path), None
        background = read(others[int(rng.integers(len(others)))])
        yield f"other/{family}/{path.name}", edited(read(path), family, rng, background), None


def _checked(gallery: MemoryGallery, embedding: QueryEmbedding, right: int | None, count: int) -> list[Candidate]:
    every = gallery.similarities(embedding.photo)
    nearest = sorted(every, key=lambda candidate: -candidate.similarity)[:count]
    if right is not None and all(candidate.item != right for candidate in nearest):
        nearest.append(every[right])
    return nearest


def logo_evidence(embedder: Embedder, paths: Sequence[Path], plan: Plan) -> Iterator[Labelled]:
    """Marks printed on photos against their own references and others, and photos without any mark."""
    rng = np.random.default_rng(plan.seed)
    chosen = read_marks(plan.references, seed=plan.seed)
    drawn = [picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1) for mark in chosen]
    verifier = LogoVerifier()
    templates = [verifier.enrol(picture) for picture in drawn]
    gallery = MemoryGallery([regions for part in _parts(drawn) for regions in embedder.embed_logos(part)])
    for number in range(2 * plan.references):
        scene = read(paths[int(rng.integers(len(paths)))])
        right = number if number < plan.references else None
        region: Box | None = None
        if right is not None:
            scene, square = printed(scene, chosen[right], rng)
            region = _loose(square, scene, rng)
        described = verifier.describe(scene)
        found = gallery.candidates(_embedded(embedder, scene).logo, plan.candidates)
        similarity = {candidate.item: candidate.similarity for candidate in found}
        pairs = [(candidate.item, candidate.region) for candidate in found if candidate.item != right]
        if right is not None and region is not None:
            near = similarity.get(right, min(similarity.values()))
            similarity[right] = near
            pairs.append((right, region))
        for item, window in pairs:
            evidence = verifier.verify(described, window, templates[item])
            if evidence is not None:
                features = {**evidence.features(), "similarity": similarity[item]}
                yield Labelled(features, item == right, f"{'mark' if right is not None else 'none'}/{number}")


def _loose(square: Square, scene: Pixels, rng: Generator) -> Box:
    """The square as a window a proposal might give: every side off by up to a quarter."""
    height, width = scene.shape[:2]
    slack = 0.25 * (square[2] - square[0])
    left, top, right, bottom = np.asarray(square, np.float64) + rng.uniform(-slack, slack, 4)
    return Box(left / width, top / height, right / width, bottom / height).clipped()


def _embedded(embedder: Embedder, pixels: Pixels) -> QueryEmbedding:
    return embedder.embed_queries([embedder.prepare(pixels)])[0]


def _prepared(embedder: Embedder, paths: Sequence[Path]) -> list[Prepared]:
    return [embedder.prepare(read(path)) for path in paths]


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
