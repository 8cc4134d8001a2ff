"""Labelled evidence for the calibration: edited copies and printed marks against their hardest look-alikes.

Place in the flow: `training.calibrate` gathers with this, `training.fitting` fits. Every picture asked with is
checked against its nearest references as in the service; the right reference is added when it is not among them,
so that verification is judged apart from retrieval. Each picture has a seed of its own, so that the work can be
done in any order, by several processes and after a break (`training.gathering`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import numpy as np
from numpy.random import Generator

from indexes.background import Background
from indexes.scoring import Calibration
from training.clusters import photo_groups
from training.datasets import data_root, read
from training.evaluation.catalogue import AnySearcher, catalogue
from training.fitting import Labelled
from training.gallery import Candidate, MemoryGallery
from training.sightings import Sighting, Sightings, package_brands
from training.thefts import FAMILIES, crop, edited, squeezed
from vision.embedders.words import open_words
from vision.embedding import Embedder, Kind, Pixels, Prepared, QueryEmbedding
from vision.verification import PhotoVerifier

BATCH = 8
WIDER = "wider"
"""A copy that shows more than the reference, which somebody cut from the same photograph."""

Item = TypeVar("Item", Path, Pixels)


@dataclass(frozen=True, slots=True)
class Draw:
    """One gallery of a kind and the pictures it is asked with: how many references, and the seed that chooses all.

    `candidates` of the nearest references are checked for each picture.
    """

    kind: Kind
    references: int
    seed: int = 11
    candidates: int = 4

    def random(self, number: int) -> Generator:
        """The random numbers of picture `number`, whoever draws it and whenever."""
        return np.random.default_rng((self.seed, number))


@dataclass(frozen=True, slots=True)
class PhotoQuery:
    """One picture to ask with, made when it is read: an edit of `path`, or the photo itself without a family."""

    number: int
    path: Path
    family: str | None
    right: int | None
    seed: int = 11

    @property
    def name(self) -> str:
        """Unlike any other query's, of other draws too; it ends with the photo's name."""
        return f"{'other' if self.right is None else 'copy'}/{self.family or 'plain'}/{self.seed}/{self.path.name}"


class Asks(Protocol):
    """A draw that is ready to be asked."""

    def rows(self, number: int) -> list[Labelled]:
        """The evidence of picture `number`, a row for each candidate that aligns."""
        ...


@contextmanager
def opened(
    draw: Draw, embedder: Embedder, paths: Sequence[Path], background: Background | None = None
) -> Iterator[Asks]:
    """A draw of training photos with its references enrolled, which takes half a minute."""
    if draw.kind == "photo":
        yield Photos(draw, embedder, paths, background)
        return
    seen, plain = sightings_of(draw, paths), Calibration.uncalibrated()
    with TemporaryDirectory() as folder, catalogue(embedder, plain, Path(folder), background) as (shelf, searcher):
        shelf.enrol("logo", seen.references())
        yield Marks(draw.seed, list(seen.sightings()), embedder, searcher)


def pictures_of(draw: Draw, paths: Sequence[Path]) -> int:
    """How many pictures a draw asks with."""
    if draw.kind == "photo":
        return len(list(photo_queries(*photos_of(draw, paths))))
    return sum(1 for _ in sightings_of(draw, paths).sightings())


def photos_of(draw: Draw, paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The references of a draw, and as many other photos, which come from the same homes and shelves."""
    order = [paths[number] for number in np.random.default_rng(draw.seed).permutation(len(paths))]
    return order[: draw.references], order[draw.references : 2 * draw.references]


def sightings_of(draw: Draw, paths: Sequence[Path]) -> Sightings:
    """The marks of a draw and the pictures they are looked for in."""
    return Sightings(paths, package_brands(data_root()), open_words(), draw.references, draw.seed)


class Photos:
    """Copies of references against references, and other photos (plain and edited) against references.

    Copies go through all families in turn. Groups are names of photos: `grouped` says later where they were taken.
    """

    def __init__(
        self, draw: Draw, embedder: Embedder, paths: Sequence[Path], background: Background | None = None
    ) -> None:
        self._draw = draw
        self._embedder = embedder
        self._verifier = PhotoVerifier()
        self._references, self._others = photos_of(draw, paths)
        parts = _parts(self._references)
        embedded = [regions for part in parts for regions in embedder.embed_photos(_prepared(embedder, part))]
        self._gallery = MemoryGallery(embedded, "photo", background)
        self._described = [self._verifier.enrol(read(path)) for path in self._references]
        self._asked = list(photo_queries(self._references, self._others, draw.seed))

    def rows(self, number: int) -> list[Labelled]:
        """The evidence of one picture."""
        asked, rng = self._asked[number], self._draw.random(number)
        pixels = drawn_query(asked, self._others, rng)
        query, found = self._verifier.describe(pixels), []
        embedding = _embedded(self._embedder, pixels)
        for candidate in _checked(self._gallery, embedding, asked.right, self._draw.candidates):
            right, reference = candidate.item == asked.right, self._described[candidate.item]
            if right and asked.family == WIDER:
                reference = self._verifier.enrol(crop(read(asked.path), self._draw.random(number), pixels))
            evidence = self._verifier.verify(query, reference)
            if evidence is not None:
                vectors = {"similarity": candidate.similarity, "excess": candidate.excess}
                own, other = photo_key(asked.path), photo_key(self._references[candidate.item])
                found.append(Labelled(evidence.features() | vectors, right, asked.name, own, other))
        return found


class Marks:
    """Marks on real packages and printed on garments against all enrolled marks, through the service's own search."""

    def __init__(self, seed: int, asked: Sequence[Sighting], embedder: Embedder, searcher: AnySearcher) -> None:
        self._seed = seed
        self._asked = asked
        self._embedder = embedder
        self._searcher = searcher

    def rows(self, number: int) -> list[Labelled]:
        """The evidence of one picture."""
        asked = self._asked[number]
        pixels, name = asked.draw(), f"{asked.name}/{self._seed}"
        matches = self._searcher.search(pixels, _embedded(self._embedder, pixels), kinds=("logo",)).matches
        return [
            Labelled(match.features, match.brand.name == asked.brand, name, asked.group, match.brand.name)
            for match in matches
        ]


def photo_key(path: Path) -> str:
    """A photo's name among all."""
    return f"{path.parent.name}/{path.name}"


def photos_in(draws: Sequence[Draw], paths: Sequence[Path]) -> set[str]:
    """The photos that some draw of photos uses, by `photo_key`."""
    chosen = [photos_of(draw, paths) for draw in draws if draw.kind == "photo"]
    return {photo_key(path) for pair in chosen for part in pair for path in part}


def homes_of(draws: Sequence[Draw], embedder: Embedder, paths: Sequence[Path]) -> dict[str, str]:
    """The home or product of every photo that some draw uses, by `photo_key`.

    One clustering for all draws, so that a photo which two of them use is never fitted on and judged by.
    """
    keys = photos_in(draws, paths)
    used = [path for path in paths if photo_key(path) in keys]
    if not used:
        return {}
    seen = [regions for part in _parts(used) for regions in embedder.embed_photos(_prepared(embedder, part))]
    groups = photo_groups(used, np.stack([regions.vectors[0] for regions in seen]), seed=draws[0].seed)
    return {photo_key(path): group for path, group in zip(used, groups, strict=True)}


def grouped(rows: Sequence[Labelled], homes: Mapping[str, str]) -> list[Labelled]:
    """The rows with the homes of their photos for groups; brands of marks stay."""
    return [replace(row, group=homes.get(row.group, row.group), other=homes.get(row.other, row.other)) for row in rows]


def photo_queries(references: Sequence[Path], others: Sequence[Path], seed: int = 11) -> Iterator[PhotoQuery]:
    """A copy of each reference, and each other photo as it is and edited."""
    families = list(FAMILIES)
    for number, path in enumerate(references):
        yield PhotoQuery(number, path, [*families, WIDER][number % (len(families) + 1)], number, seed)
    for number, path in enumerate(others):
        place = len(references) + 2 * number
        yield PhotoQuery(place, path, None, None, seed)
        yield PhotoQuery(place + 1, path, families[number % len(families)], None, seed)


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


def _embedded(embedder: Embedder, pixels: Pixels) -> QueryEmbedding:
    return embedder.embed_queries([embedder.prepare(pixels)])[0]


def _prepared(embedder: Embedder, paths: Sequence[Path]) -> list[Prepared]:
    return [embedder.prepare(read(path)) for path in paths]


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
