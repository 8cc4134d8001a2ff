"""Marks in pictures for the logo calibration: real ones on packages and printed ones on garments.

Place in the flow: `training.evidence` enrols the references, asks each sighting through the service's own search and
keeps the features of every answer. The real ones are brands of packages: a reference is where the brand's name was
read in one photo, cut out with its surroundings; other photos of the brand are asked. The printed ones are marks
without a name on garments; plain garments hold neither.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import Generator

from training.clusters import PACKAGES, mark_groups
from training.datasets import read
from training.fitting import Labelled
from training.marks import Mark, picture_of, read_marks
from training.printing import printed
from training.protocols import Enrolled
from vision.embedding import Pixels
from vision.images import encode_png
from vision.verification.wording import Word, folded, spelled

CROPS: Final = 3
ASKED: Final = 9
TRIED: Final = 12
"""Photos of a brand, at most: references cut, pictures asked, and pictures read to find the references."""

GROWN: Final = 0.8
"""How much of its height a line is grown by: a mark is more than its letters."""

_PACKAGE: Final = "package/"
_READ: Final = 0.9

Reads = Callable[[Pixels], Sequence[Word]]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A picture to ask with: `brand` is whose mark it shows, None for a plain one."""

    name: str
    brand: str | None
    group: str
    draw: Callable[[], Pixels]


@dataclass(frozen=True)
class Sightings:
    """References and pictures to ask with; the same for the same seed."""

    paths: Sequence[Path]
    brands: dict[str, str]
    read: Reads
    marks: int
    seed: int

    def references(self) -> Iterator[Enrolled]:
        """Crops of real packages, and marks as a brand would upload them."""
        for brand, photos in self._packages.items():
            for path, pixels in self._crops(brand, photos):
                yield Enrolled(f"{brand}/{path.name}", brand, brand, encode_png(pixels))
        for mark in self._marks:
            pixels = picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1)
            yield Enrolled(f"mark/{mark.name}", f"mark {mark.name}", mark.name, encode_png(pixels))

    def sightings(self) -> Iterator[Sighting]:
        """Packages, printed garments and plain garments."""
        for brand, photos in self._packages.items():
            for path in photos[TRIED : TRIED + ASKED]:
                yield Sighting(f"{_PACKAGE}{path.parent.name}/{path.name}", brand, brand, partial(read, path))
        groups = mark_groups([mark.name for mark in self._marks])
        for number, (mark, group) in enumerate(zip(self._marks, groups, strict=True)):
            yield Sighting(f"mark/{mark.name}", f"mark {mark.name}", group, self._print(number, mark))
        for path in self._garments[len(self._marks) : 2 * len(self._marks)]:
            yield Sighting(f"none/{path.name}", None, path.name, partial(read, path))

    def _print(self, number: int, mark: Mark) -> Callable[[], Pixels]:
        return lambda: printed(read(self._garments[number]), mark, np.random.default_rng((self.seed, number)))[0]

    @cached_property
    def _marks(self) -> list[Mark]:
        return read_marks(self.marks, seed=self.seed)

    @cached_property
    def _garments(self) -> list[Path]:
        return _mixed([path for path in self.paths if PACKAGES not in path.parts], np.random.default_rng(self.seed))

    @cached_property
    def _packages(self) -> dict[str, list[Path]]:
        """Photos by brand, mixed; brands with too few are left out."""
        found: dict[str, list[Path]] = {}
        for path in self.paths:
            if PACKAGES in path.parts and path.parent.name in self.brands:
                found.setdefault(self.brands[path.parent.name], []).append(path)
        rng = np.random.default_rng(self.seed)
        return {brand: _mixed(photos, rng) for brand, photos in sorted(found.items()) if len(photos) > TRIED}

    def _crops(self, brand: str, photos: Sequence[Path]) -> list[tuple[Path, Pixels]]:
        """The clearest readings of the brand's name, cut out."""
        found: list[tuple[float, int, Path, Pixels]] = []
        for number, path in enumerate(photos[:TRIED]):
            pixels = read(path)
            spelling = spelled([folded(brand)], self.read(pixels))
            if spelling is not None and spelling.strength > 0.7:
                height, width = pixels.shape[:2]
                margin = spelling.box.height * height * GROWN
                left, top, right, bottom = spelling.box.pixels(width, height)
                cut = pixels[
                    max(0, round(top - margin)) : round(bottom + margin),
                    max(0, round(left - margin / 2)) : round(right + margin / 2),
                ]
                found.append((spelling.box.area, number, path, cut))
        found.sort(key=lambda one: (-one[0], one[1]))
        return [(path, pixels) for _, _, path, pixels in found[:CROPS]]


def without_neighbours(rows: Sequence[Labelled]) -> list[Labelled]:
    """The rows without wrong pairs that may well be right: on a shelf other brands stand beside the one asked for.

    Where the name of another brand is clearly read in a package's photo, its mark is there.
    """
    beside = {
        (row.query, row.other)
        for row in rows
        if not row.right and row.query.startswith(_PACKAGE) and row.features.get("spelled", 0.0) > _READ
    }
    return [row for row in rows if (row.query, row.other) not in beside]


def package_brands(root: Path) -> dict[str, str]:
    """The brand of each package."""
    with (root / "groceries/products.csv").open(newline="", encoding="utf-8") as file:
        return {row["product"]: row["brand"] for row in csv.DictReader(file)}


def _mixed(paths: Sequence[Path], rng: Generator) -> list[Path]:
    return [paths[number] for number in rng.permutation(len(paths))]
