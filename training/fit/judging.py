"""Judges a model on real photographs it never learned from, the same way before, during and after a fit.

Place in the flow: after every round of `loop`, through the embedder the service would use. Photographs are the
held-out part of `clothing/train`; marks are held-out icons printed on them and, where the folder `logos-dev` is
there, its photographs that are no protocol query. Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.copies import make_copy
from training.datasets import LogoBox, logo_boxes, logo_queries, logo_references, read
from training.fit.batches import shaken
from training.marks import Mark, picture_of
from training.printing import printed
from vision.boxes import Box
from vision.embedding import CROP_MARGIN, Embedder, Pixels, Prepared, Regions, Vectors
from vision.images import cut

BATCH: Final = 8
FAMILIES: Final = ("crop", "overlay", "paste", "collage", "triple", "degrade", "perspective", "pad")
Table = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Examined:
    """What a model is judged on: originals and their copies, marks and their prints, real crops by brand, windows
    and whole photographs without a known mark."""

    photos: list[Pixels]
    copies: list[Pixels]
    marks: list[Pixels]
    prints: list[Pixels]
    brands: dict[str, list[Pixels]] = field(default_factory=dict)
    shown: list[tuple[str, Pixels]] = field(default_factory=list)
    scenes: list[tuple[str, Pixels]] = field(default_factory=list)
    plain: list[Pixels] = field(default_factory=list)
    empty: list[Pixels] = field(default_factory=list)


def examine(photos: Sequence[Pixels], marks: Sequence[Mark], *, seed: int, root: Path | None = None) -> Examined:
    """Draw the queries once; `photos` and `marks` must be held out. `root` is the data directory, if any."""
    random = np.random.default_rng(seed)
    copies = [
        make_copy(random, photo, photos[int(random.integers(len(photos)))], FAMILIES[number % len(FAMILIES)]).pixels
        for number, photo in enumerate(photos)
    ]
    pictures = [picture_of(mark, ink=mark.colour, ground=_ground(mark.colour), margin=0.1) for mark in marks]
    prints = [_print(random, photos[number % len(photos)], mark) for number, mark in enumerate(marks)]
    plain = [_window(random, photo) for photo in photos for _ in range(4)]
    if root is None or not (root / "logos-dev/boxes.csv").is_file():
        return Examined(list(photos), copies, pictures, prints, plain=plain)
    brands, shown, scenes = _street(root, random)
    return Examined(list(photos), copies, pictures, prints, brands, shown, scenes, plain, list(photos)[:100])


def _print(random: np.random.Generator, photo: Pixels, mark: Mark) -> Pixels:
    pixels, (left, top, right, bottom) = printed(photo, mark, random, (0.14, 0.45))
    height, width = pixels.shape[:2]
    window = Box(left / width, top / height, right / width, bottom / height)
    return cut(pixels, shaken(random, window, 0.1), CROP_MARGIN)


def _window(random: np.random.Generator, photo: Pixels) -> Pixels:
    width, height = random.uniform(0.12, 0.45, 2)
    x, y = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
    return cut(photo, Box(x, y, x + width, y + height), CROP_MARGIN)


def _street(
    root: Path, random: np.random.Generator
) -> tuple[dict[str, list[Pixels]], list[tuple[str, Pixels]], list[tuple[str, Pixels]]]:
    """Seven reference crops a brand, crops of other photographs with the true window shaken, and those photographs."""
    asked = {path for path, _ in logo_queries(root)}
    boxes = [box for box in logo_boxes(root) if box.image not in asked]
    chosen = logo_references(boxes, 7)
    enrolled = {box.image for group in chosen.values() for box in group}
    references = {brand: [_cut(box) for box in group] for brand, group in chosen.items()}
    others = [box for box in boxes if box.image not in enrolled]
    shown: list[tuple[str, Pixels]] = []
    for box in others:
        pixels = read(box.image)
        height, width = pixels.shape[:2]
        window = Box(box.left / width, box.top / height, box.right / width, box.bottom / height)
        shown.append((box.brand, cut(pixels, shaken(random, window, 0.1), CROP_MARGIN)))
    scenes = {box.image: box.brand for box in others}
    return references, shown, [(brand, read(path)) for path, brand in sorted(scenes.items())]


def _cut(box: LogoBox) -> Pixels:
    return np.ascontiguousarray(read(box.image)[box.top : box.bottom, box.left : box.right])


def judge(embedder: Embedder, examined: Examined, *, scenes: bool = True) -> dict[str, float]:
    """Figures in [0, 1], higher is better; `scenes` also asks whole photographs, which takes longest."""
    figures = _judge_copies(embedder, examined)
    plain = _crops(embedder, examined.plain)
    references = embedder.embed_logos(examined.marks)
    table = _best(_crops(embedder, examined.prints), references)
    truth = np.arange(len(examined.marks))
    figures |= _named("prints", table, truth, _best(plain, references).max(axis=1))
    if not examined.brands:
        return figures
    names = sorted(examined.brands)
    enrolled = [_together(embedder.embed_logos(examined.brands[name])) for name in names]
    table = _best(_crops(embedder, [pixels for _, pixels in examined.shown]), enrolled)
    truth = np.array([names.index(brand) for brand, _ in examined.shown])
    figures |= _named("street crops", table, truth, _best(plain, enrolled).max(axis=1))
    if scenes:
        table = best_similarities(_windows(embedder, [pixels for _, pixels in examined.scenes]), enrolled)
        empty = best_similarities(_windows(embedder, examined.empty), enrolled).max(axis=1)
        truth = np.array([names.index(brand) for brand, _ in examined.scenes])
        figures |= _named("street scenes", table, truth, empty)
    return figures


def _judge_copies(embedder: Embedder, examined: Examined) -> dict[str, float]:
    references: list[Regions] = []
    queries: list[Regions] = []
    for start in range(0, len(examined.photos), BATCH):
        references += embedder.embed_photos(_prepared(embedder, examined.photos[start : start + BATCH]))
        queries += [
            query.photo for query in embedder.embed_queries(_prepared(embedder, examined.copies[start : start + BATCH]))
        ]
    table = best_similarities(queries, references)
    truth = np.arange(len(examined.photos))
    rivals = rivals_of(table, truth)
    return {"copies first": float((rivals < 1).mean()), "copies first four": float((rivals < 4).mean())}


def rivals_of(table: Table, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many wrong answers are at least as near as the right one; ties count against us."""
    right = table[np.arange(len(truth)), truth]
    return np.asarray((table >= right[:, None]).sum(axis=1) - 1)


def _named(name: str, table: Table, truth: NDArray[np.int64], plain: Table) -> dict[str, float]:
    """The share whose right answer is first, and first and above all but 1 % (5 %) of what shows nothing."""
    right = table[np.arange(len(truth)), truth]
    first = rivals_of(table, truth) == 0
    levels = {f"at {share:.0%}": np.quantile(plain, 1 - share) for share in (0.01, 0.05)}
    shares = {f"{name} first {key}": float((first & (right > level)).mean()) for key, level in levels.items()}
    return {f"{name} first": float(first.mean())} | shares


def best_similarities(queries: Sequence[Regions], references: Sequence[Regions]) -> Table:
    """The best inner product of any region of each query with any vector of each reference, `[queries, references]`."""
    stacked: Vectors = np.concatenate([regions.vectors for regions in references])
    starts = np.cumsum([0, *(len(regions) for regions in references[:-1])])
    rows = [np.maximum.reduceat((regions.vectors @ stacked.T).max(axis=0), starts) for regions in queries]
    return np.asarray(rows, np.float32)


def _best(vectors: Vectors, references: Sequence[Regions]) -> Table:
    return np.stack([(vectors @ regions.vectors.T).max(axis=1) for regions in references], axis=1)


def _together(regions: Sequence[Regions]) -> Regions:
    return Regions(
        tuple(box for item in regions for box in item.boxes),
        np.concatenate([item.vectors for item in regions]),
        np.concatenate([item.weights for item in regions]),
    )


def _crops(embedder: Embedder, crops: Sequence[Pixels]) -> Vectors:
    return np.concatenate([embedder.embed_crops(crops[start : start + 32]) for start in range(0, len(crops), 32)])


def _windows(embedder: Embedder, photos: Sequence[Pixels]) -> list[Regions]:
    found: list[Regions] = []
    for start in range(0, len(photos), BATCH):
        found += [query.logo for query in embedder.embed_queries(_prepared(embedder, photos[start : start + BATCH]))]
    return found


def _prepared(embedder: Embedder, photos: Sequence[Pixels]) -> list[Prepared]:
    return [embedder.prepare(pixels) for pixels in photos]


def _ground(ink: tuple[int, int, int]) -> tuple[int, int, int]:
    return (20, 20, 20) if sum(ink) > 600 else (255, 255, 255)
