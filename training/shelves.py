"""The same package in another photo: the hardest look-alikes, every package enrolled from a shop's shelf.

Place in the flow: a protocol of `training.evaluate` beside those of `training.protocols`. The references are one test
photo of each product; all other photos of the same products are what must not be called stolen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from training.challenge import FAMILIES, challenged
from training.datasets import read
from training.protocols import NEGATIVE, PACKAGE, Asked, Enrolled, spread
from vision.embedding import Kind
from vision.images import encode_jpeg


@dataclass(frozen=True)
class Shelves:
    """One photo of each product edited once, against every other photo of the same products."""

    root: Path
    subset: int = 0

    @property
    def name(self) -> str:
        """`shelves`."""
        return "shelves"

    @property
    def kind(self) -> Kind:
        """Photos."""
        return "photo"

    @property
    def key(self) -> str:
        """The families and how many photos."""
        return f"shelves/1/{self.subset}/{','.join(FAMILIES)}"

    def __len__(self) -> int:
        return len(self._references) + len(self._others)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """One gallery of one brand; a reference is its product's photo with the smallest SHA-1 of its bytes."""
        return {"all": [Enrolled(path.name, "Evaluation", path.name, path.read_bytes()) for path in self._references]}

    def question(self, number: int) -> Asked:
        """A reference edited once; or another photo of one of the products."""
        if number >= len(self._references):
            path = self._others[number - len(self._references)]
            return Asked(path.name, "", NEGATIVE, None, path.name, path.read_bytes(), source=PACKAGE)
        path = self._references[number]
        family = list(FAMILIES)[number % len(FAMILIES)]
        made = challenged(read(path), family, number, read(self._others[(7 * number + 3) % len(self._others)]))
        data = encode_jpeg(made.pixels, 95)
        return Asked(path.name, "packages on shelves", family, path.name, path.name, data, (made.box,))

    @cached_property
    def _products(self) -> list[list[Path]]:
        folders = sorted((self.root / "groceries/photos/test").iterdir())
        return [sorted(folder.glob("*.jpg"), key=_sha1) for folder in folders if any(folder.glob("*.jpg"))]

    @property
    def _references(self) -> list[Path]:
        return [photos[0] for photos in self._products]

    @cached_property
    def _others(self) -> list[Path]:
        return spread([path for photos in self._products for path in photos[1:]], self.subset)


def _sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
