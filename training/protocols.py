"""The two protocols as data: what is enrolled, what is asked, and which answer is right.

Place in the flow: `training.evaluate` runs these through the same search as the service. Copies are made by
`training.challenge`; logos are the marked photographs of `logos-dev`. Nothing here was fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from training.challenge import FAMILIES, challenged
from training.datasets import copies_protocol, logo_boxes, logo_queries, logo_references, read
from vision.embedding import Kind, Pixels

Item = TypeVar("Item")

NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One reference: its name, the answer it stands for (itself, or its brand) and its pixels."""

    name: str
    answer: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: its group (edit family, `logo` or `negative`), the right answer or None, and its pixels."""

    name: str
    group: str
    answer: str | None
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Protocol:
    """References and queries of one kind, read from disk as they are asked for."""

    kind: Kind
    root: Path
    subset: int
    crops: int

    def references(self) -> Iterator[Enrolled]:
        """Everything to enrol."""
        return self._photos() if self.kind == "photo" else self._logos()

    def queries(self) -> Iterator[Asked]:
        """Positives first, then negatives."""
        return self._copies() if self.kind == "photo" else self._scenes()

    def _lists(self) -> tuple[list[Path], list[Path]]:
        references, negatives = copies_protocol(self.root)
        return spread(references, self.subset), spread(negatives, self.subset)

    def _photos(self) -> Iterator[Enrolled]:
        for path in self._lists()[0]:
            yield Enrolled(path.name, path.name, read(path))

    def _copies(self) -> Iterator[Asked]:
        references, negatives = self._lists()
        families = list(FAMILIES)
        for number, path in enumerate(references):
            family = families[number % len(families)]
            other = read(negatives[(7 * number + 3) % len(negatives)])
            yield Asked(path.name, family, path.name, challenged(read(path), family, number, other))
        for path in negatives:
            yield Asked(path.name, NEGATIVE, None, read(path))

    def _logos(self) -> Iterator[Enrolled]:
        for brand, boxes in logo_references(logo_boxes(self.root), self.crops).items():
            for box in boxes:
                pixels = read(box.image)
                yield Enrolled(f"{brand}/{box.image.name}", brand, pixels[box.top : box.bottom, box.left : box.right])

    def _scenes(self) -> Iterator[Asked]:
        for path, brand in spread(logo_queries(self.root), self.subset):
            yield Asked(path.name, "logo" if brand else NEGATIVE, brand or None, read(path))
        _, negatives = copies_protocol(self.root)
        shelves = [path for path in negatives if "groceries" in path.parts]
        for path in spread(shelves, max(100, self.subset // 2) if self.subset else 0):
            yield Asked(path.name, NEGATIVE, None, read(path))


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items evenly over the sequence; all of them for 0 or when there are not so many."""
    if count <= 0 or count >= len(items):
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]
