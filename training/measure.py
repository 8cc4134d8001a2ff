"""Measures an embedder on held-out photographs: copies to their reference, pasted marks to their template.

Place in the flow: before and after learning, for the model card. Retrieval only: no verification, no thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.copies import FAMILIES, make_copy
from training.marks import Mark, picture_of
from training.scenes import make_scene
from vision.embedding import Embedder, Pixels, Prepared, Regions, Vectors
from vision.regions import as_corners, overlaps

BATCH = 8


@dataclass(frozen=True, slots=True)
class Recall:
    """Shares of `queries` whose right reference is first, and among the first five; ties count against us."""

    queries: int
    first: float
    five: float


def recall(similarities: NDArray[np.float32], truth: NDArray[np.int64]) -> Recall:
    """Recall from `similarities` `[queries, references]` and the index of each query's reference."""
    right = np.take_along_axis(similarities, truth[:, None], axis=1)
    rivals = (similarities >= right).sum(axis=1) - 1
    return Recall(len(truth), float((rivals < 1).mean()), float((rivals < 5).mean()))


def measure_copies(embedder: Embedder, photos: Sequence[Pixels], *, seed: int) -> dict[str, Recall]:
    """Recall of one edited copy a photo, the families in turn; "all" and each family by name."""
    random = np.random.default_rng(seed)
    families = [list(FAMILIES)[number % len(FAMILIES)] for number in range(len(photos))]
    others = random.permutation(len(photos))
    copies = [
        make_copy(random, photo, photos[other], family).pixels
        for photo, other, family in zip(photos, others, families, strict=True)
    ]
    references: list[Regions] = []
    queries: list[Regions] = []
    for start in range(0, len(photos), BATCH):
        references += embedder.embed_photos(_prepared(embedder, photos[start : start + BATCH]))
        queries += [query.photo for query in embedder.embed_queries(_prepared(embedder, copies[start : start + BATCH]))]
    table = best_similarities(queries, references)
    truth, names = np.arange(len(photos)), np.array(families)
    result = {"all": recall(table, truth)}
    return result | {name: recall(table[names == name], truth[names == name]) for name in FAMILIES}


def measure_logos(
    embedder: Embedder, photos: Sequence[Pixels], marks: list[Mark], *, seed: int
) -> tuple[Recall, float]:
    """Recall of marks pasted one a photo, and the share of pictures with a kept window of IoU ≥ 0.3 on the mark."""
    random = np.random.default_rng(seed)
    references: list[Regions] = []
    for mark in marks:
        pixels = picture_of(mark, ink=mark.colour, ground=_ground(mark.colour), margin=0.1)
        references += embedder.embed_logos([pixels])
    queries: list[Regions] = []
    found: list[bool] = []
    for start in range(0, len(marks), BATCH):
        numbers = range(start, min(start + BATCH, len(marks)))
        scenes = [make_scene(random, photos[number % len(photos)], marks, [number]) for number in numbers]
        answers = embedder.embed_queries(_prepared(embedder, [scene.pixels for scene in scenes]))
        queries += [answer.logo for answer in answers]
        found += [
            bool(overlaps(as_corners(scene.boxes)[0], as_corners(answer.logo.boxes)).max() >= 0.3)
            for scene, answer in zip(scenes, answers, strict=True)
        ]
    return recall(best_similarities(queries, references), np.arange(len(marks))), float(np.mean(found))


def best_similarities(queries: Sequence[Regions], references: Sequence[Regions]) -> NDArray[np.float32]:
    """The best inner product of any region of each query with any vector of each reference, `[queries, references]`."""
    stacked: Vectors = np.concatenate([regions.vectors for regions in references])
    starts = np.cumsum([0, *(len(regions) for regions in references[:-1])])
    rows = [np.maximum.reduceat((regions.vectors @ stacked.T).max(axis=0), starts) for regions in queries]
    return np.asarray(rows, np.float32)


def _prepared(embedder: Embedder, photos: Sequence[Pixels]) -> list[Prepared]:
    return [embedder.prepare(pixels) for pixels in photos]


def _ground(ink: tuple[int, int, int]) -> tuple[int, int, int]:
    return (20, 20, 20) if sum(ink) > 600 else (255, 255, 255)
