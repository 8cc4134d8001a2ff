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
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from training.clusters import mark_groups, photo_groups
from training.datasets import read
from training.fitting import Labelled
from training.gallery import Candidate, MemoryGallery
from training.marks import Mark, picture_of, read_marks
from training.printing import Square, printed
from training.thefts import FAMILIES, edited
from vision.boxes import Box
from vision.embedding import Embedder, Pixels, Prepared, QueryEmbedding
from vision.verification import LogoVerifier, PhotoVerifier

BATCH = 8
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


def photo_evidence(embedder: Embedder, paths: Sequence[Path], plan: Plan) -> Iterator[Labelled]:
    """Copies of references against references, and other photos (plain and edited) against references.

    Copies go through all families in turn. The other photos come from the same homes and shelves.
    """
    order = [paths[number] for number in np.random.default_rng(plan.seed).permutation(len(paths))]
    references, others = order[: plan.references], order[plan.references : 2 * plan.references]
    verifier = PhotoVerifier()
    embedded = [regions for part in _parts(references) for regions in embedder.embed_photos(_prepared(embedder, part))]
    gallery = MemoryGallery(embedded)
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
            evidence = verifier.verify(query, described[candidate.item])
            if evidence is not None:
                features = {**evidence.features(), "similarity": candidate.similarity}
                own, other = groups[asked.path], groups[references[candidate.item]]
                yield Labelled(features, candidate.item == asked.right, asked.name, own, other)


def photo_queries(references: Sequence[Path], others: Sequence[Path]) -> Iterator[PhotoQuery]:
    """A copy of each reference, and each other photo as it is and edited."""
    families = list(FAMILIES)
    for number, path in enumerate(references):
        yield PhotoQuery(number, path, families[number % len(families)], number)
    for number, path in enumerate(others):
        place = len(references) + 2 * number
        yield PhotoQuery(place, path, None, None)
        yield PhotoQuery(place + 1, path, families[number % len(families)], None)


def drawn_query(asked: PhotoQuery, others: Sequence[Path], rng: Generator) -> Pixels:
    """The picture to ask with; what is pasted on or beside it is one of `others`."""
    if asked.family is None:
        return read(asked.path)
    background = read(others[int(rng.integers(len(others)))])
    return edited(read(asked.path), asked.family, rng, background)


def _checked(gallery: MemoryGallery, embedding: QueryEmbedding, right: int | None, count: int) -> list[Candidate]:
    every = gallery.similarities(embedding.photo)
    nearest = sorted(every, key=lambda candidate: -candidate.similarity)[:count]
    if right is not None and all(candidate.item != right for candidate in nearest):
        nearest.append(every[right])
    return nearest


def logo_evidence(embedder: Embedder, paths: Sequence[Path], plan: Plan) -> Iterator[Labelled]:
    """Marks printed on photos against their own references and others, and photos without any mark."""
    chosen = read_marks(plan.references, seed=plan.seed)
    brands = mark_groups([mark.name for mark in chosen])
    drawn = [picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1) for mark in chosen]
    verifier = LogoVerifier()
    templates = [verifier.enrol(picture) for picture in drawn]
    gallery = MemoryGallery([regions for part in _parts(drawn) for regions in embedder.embed_logos(part)])
    for number in filter(plan.mine, range(2 * plan.references)):
        right = number if number < plan.references else None
        path, scene, region = _scene(paths, None if right is None else chosen[right], plan.random(number))
        described = verifier.describe(scene)
        found = gallery.candidates(_embedded(embedder, scene).logo, plan.candidates)
        similarity = {candidate.item: candidate.similarity for candidate in found}
        pairs = [(candidate.item, candidate.region) for candidate in found if candidate.item != right]
        if right is not None and region is not None:
            near = similarity.get(right, min(similarity.values()))
            similarity[right] = near
            pairs.append((right, region))
        name, own = ("none", path.name) if right is None else ("mark", brands[right])
        for item, window in pairs:
            evidence = verifier.verify(described, window, templates[item])
            if evidence is not None:
                features = {**evidence.features(), "similarity": similarity[item]}
                yield Labelled(features, item == right, f"{name}/{number}", own, brands[item])


def _scene(paths: Sequence[Path], mark: Mark | None, rng: Generator) -> tuple[Path, Pixels, Box | None]:
    """A photo, with `mark` printed on it and where a proposal might see it."""
    path = paths[int(rng.integers(len(paths)))]
    scene = read(path)
    if mark is None:
        return path, scene, None
    scene, square = printed(scene, mark, rng)
    return path, scene, _loose(square, scene, rng)


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
