"""Labelled evidence for the calibration: edited copies and printed marks against their hardest look-alikes.

Place in the flow: `training.calibrate` gathers with this, `training.fitting` fits. Every picture asked with is
checked against its nearest references as in the service; the right reference is added when it is not among them,
so that verification is judged apart from retrieval. Each picture has a seed of its own, so that the work can be
done in parts, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from indexes.background import Background
from indexes.scoring import Calibration
from training.clusters import photo_groups
from training.datasets import data_root, read
from training.evaluation.catalogue import catalogue
from training.fitting import Labelled
from training.gallery import Candidate, MemoryGallery
from training.sightings import Sightings, package_brands
from training.thefts import FAMILIES, crop, edited, squeezed
from vision.embedders.words import open_words
from vision.embedding import Embedder, Pixels, Prepared, QueryEmbedding
from vision.verification import PhotoVerifier

BATCH = 8
WIDER = "wider"
"""A copy that shows more than the reference, which somebody cut from the same photograph."""

Item = TypeVar("Item", Path, Pixels)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to gather: references, candidates checked for each picture, the seed, and which part of the work."""

    references: int
    candidates: int = 4
    seed: int = 11
    part: int = 0
    parts: int = 1

    def mine(self, number: int) -> bool:
        """Whether picture `number` belongs to this part."""
        return number % self.parts == self.part

    def random(self, number: int) -> Generator:
        """The random numbers of picture `number`, the same in every part."""
        return np.random.default_rng((self.seed, number))


@dataclass(frozen=True, slots=True)
class PhotoQuery:
    """One picture to ask with, made when it is read: an edit of `path`, or the photo itself without a family."""

    number: int
    path: Path
    family: str | None
    right: int | None

    @property
    def name(self) -> str:
        """Unlike any other query's."""
        return f"{'other' if self.right is None else 'copy'}/{self.family or 'plain'}/{self.path.name}"


def photo_evidence(
    embedder: Embedder, paths: Sequence[Path], plan: Plan, background: Background | None = None
) -> Iterator[Labelled]:
    """Copies of references against references, and other photos (plain and edited) against references.

    Copies go through all families in turn. The other photos come from the same homes and shelves.
    """
    order = [paths[number] for number in np.random.default_rng(plan.seed).permutation(len(paths))]
    references, others = order[: plan.references], order[plan.references : 2 * plan.references]
    verifier = PhotoVerifier()
    embedded = [regions for part in _parts(references) for regions in embedder.embed_photos(_prepared(embedder, part))]
    gallery = MemoryGallery(embedded, "photo", background)
    described = [verifier.enrol(read(path)) for path in references]
    seen = [regions for part in _parts(others) for regions in embedder.embed_photos(_prepared(embedder, part))]
    whole = np.stack([regions.vectors[0] for regions in (*embedded, *seen)])
    groups = dict(zip((*references, *others), photo_groups([*references, *others], whole, seed=plan.seed), strict=True))
    for asked in photo_queries(references, others):
        if not plan.mine(asked.number):
            continue
        pixels = drawn_query(asked, others, plan.random(asked.number))
        embedding = _embedded(embedder, pixels)
        query = verifier.describe(pixels)
        for candidate in _checked(gallery, embedding, asked.right, plan.candidates):
            right = candidate.item == asked.right
            narrow = right and asked.family == WIDER
            reference = verifier.enrol(crop(read(asked.path), plan.random(asked.number), pixels)) if narrow else None
            evidence = verifier.verify(query, reference or described[candidate.item])
            if evidence is not None:
                features = {
                    **evidence.features(),
                    "similarity": candidate.similarity,
                    "excess": candidate.excess,
                }
                own, other = groups[asked.path], groups[references[candidate.item]]
                yield Labelled(features, right, asked.name, own, other)


def photo_queries(references: Sequence[Path], others: Sequence[Path]) -> Iterator[PhotoQuery]:
    """A copy of each reference, and each other photo as it is and edited."""
    families = list(FAMILIES)
    for number, path in enumerate(references):
        yield PhotoQuery(number, path, [*families, WIDER][number % (len(families) + 1)], number)
    for number, path in enumerate(others):
        place = len(references) + 2 * number
        yield PhotoQuery(place, path, None, None)
        yield PhotoQuery(place + 1, path, families[number % len(families)], None)


def drawn_query(asked: PhotoQuery, others: Sequence[Path], rng: Generator) -> Pixels:
    """The picture to ask with; what is pasted on or beside it is one of `others`."""
    if asked.family is None:
        return read(asked.path)
    if asked.family == WIDER:
        return squeezed(read(asked.path), int(rng.integers(50, 95)))
    background = read(others[int(rng.integers(len(others)))])
    return edited(read(asked.path), asked.family, rng, background)


def _checked(gallery: MemoryGallery, embedding: QueryEmbedding, right: int | None, count: int) -> list[Candidate]:
    every = gallery.similarities(embedding.photo)
    nearest = sorted(every, key=lambda candidate: -candidate.similarity)[:count]
    if right is not None and all(candidate.item != right for candidate in nearest):
        nearest.append(every[right])
    return nearest


def logo_evidence(
    embedder: Embedder, paths: Sequence[Path], plan: Plan, background: Background | None = None
) -> Iterator[Labelled]:
    """Marks on real packages and printed on garments against all enrolled marks, through the service's own search."""
    seen = Sightings(paths, package_brands(data_root()), open_words(), plan.references, plan.seed)
    plain = Calibration.uncalibrated()
    with TemporaryDirectory() as folder, catalogue(embedder, plain, Path(folder), background) as (shelf, searcher):
        shelf.enrol("logo", seen.references())
        for number, asked in enumerate(seen.sightings()):
            if not plan.mine(number):
                continue
            pixels = asked.draw()
            for match in searcher.search(pixels, _embedded(embedder, pixels), kinds=("logo",)).matches:
                brand = match.brand.name
                yield Labelled(match.features, brand == asked.brand, asked.name, asked.group, brand)


def _embedded(embedder: Embedder, pixels: Pixels) -> QueryEmbedding:
    return embedder.embed_queries([embedder.prepare(pixels)])[0]


def _prepared(embedder: Embedder, paths: Sequence[Path]) -> list[Prepared]:
    return [embedder.prepare(read(path)) for path in paths]


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
