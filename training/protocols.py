"""The protocols as data: what is enrolled, what is asked, and which answer is right.

Place in the flow: `training.evaluation` runs these through the same search as the service. Copies are made by
`training.challenge`; logos are the marked photographs of `logos-dev`; `training.packages` needs no data at all. Nothing
here was fitted on. A question is made when it is asked for, the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar
from typing import Protocol as Interface

from training.challenge import FAMILIES, STRESS, challenged
from training.datasets import LogoBox, copies_protocol, logo_boxes, logo_queries, logo_references, read
from vision.boxes import Box
from vision.embedding import Kind
from vision.images import encode_jpeg, encode_png

Item = TypeVar("Item")

NEGATIVE: Final = "negative"
PACKAGE: Final = "package"
COUNTS: Final = (1, 3, 7)
SIZES: Final = (32, 64, 128)
"""Buckets of a logo's shorter side in pixels end below these."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One reference: its name, its brand, the answer it stands for (itself, or its brand) and its picture file."""

    name: str
    brand: str
    answer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """One query, as the bytes a listing would send.

    `table` is where a positive is reported, negatives count in every table. `group` is the edit family, the brand, a
    bucket of logo sizes or `NEGATIVE`; `answer` the right answer, None for a negative; `unit` what is drawn together
    when intervals are made; `boxes` where the copy or the marks lie; `source` what kind of picture a negative is.
    """

    name: str
    table: str
    group: str
    answer: str | None
    unit: str
    data: bytes
    boxes: tuple[Box, ...] = ()
    source: str = ""


class Protocol(Interface):
    """References in one or more galleries, and numbered questions put to each of the galleries."""

    @property
    def name(self) -> str:
        """For file names and reports."""
        ...

    @property
    def kind(self) -> Kind:
        """What is enrolled."""
        ...

    @property
    def key(self) -> str:
        """Everything that decides references and questions, as text."""
        ...

    def __len__(self) -> int:
        """How many questions there are."""
        ...

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """The references by gallery."""
        ...

    def question(self, number: int) -> Asked:
        """Question `number`: positives first, then negatives."""
        ...


@dataclass(frozen=True)
class Copies:
    """Edited copies of garment photos and package shots, against other garments and packages on shelves.

    After the protocol's own families come `stressed` references in the harder ones, reported in a table of their own.
    """

    root: Path
    subset: int = 0
    stressed: int = 240

    @property
    def name(self) -> str:
        """`copies`."""
        return "copies"

    @property
    def kind(self) -> Kind:
        """Photos."""
        return "photo"

    @property
    def key(self) -> str:
        """The families and how many references."""
        return f"copies/{self.subset}/{self.stressed}/{','.join([*FAMILIES, *STRESS])}"

    def __len__(self) -> int:
        return len(self._references) + len(self._stressed) + len(self._negatives)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """One gallery: every reference is one brand's."""
        return {"all": [Enrolled(path.name, "Evaluation", path.name, path.read_bytes()) for path in self._references]}

    def question(self, number: int) -> Asked:
        """A reference edited once, saved as JPEG of quality 95; or another photo's own file."""
        if number < len(self._references):
            return self._copy("copies", list(FAMILIES), self._references, number)
        number -= len(self._references)
        if number < len(self._stressed):
            return self._copy("stress", list(STRESS), self._stressed, number)
        path = self._negatives[number - len(self._stressed)]
        source = PACKAGE if "groceries" in path.parts else "garment"
        return Asked(path.name, "", NEGATIVE, None, path.name, path.read_bytes(), source=source)

    def _copy(self, table: str, families: Sequence[str], references: Sequence[Path], number: int) -> Asked:
        path = references[number]
        family = families[number % len(families)]
        other = read(self._negatives[(7 * number + 3) % len(self._negatives)])
        made = challenged(read(path), family, number, other)
        return Asked(path.name, table, family, path.name, path.name, encode_jpeg(made.pixels, 95), (made.box,))

    @cached_property
    def _lists(self) -> tuple[list[Path], list[Path]]:
        references, negatives = copies_protocol(self.root)
        return spread(references, self.subset), spread(negatives, self.subset)

    @property
    def _references(self) -> list[Path]:
        return self._lists[0]

    @property
    def _negatives(self) -> list[Path]:
        return self._lists[1]

    @cached_property
    def _stressed(self) -> list[Path]:
        count = min(self.stressed, self.subset or self.stressed)
        return spread(self._references, count) if count else []


@dataclass(frozen=True)
class Logos:
    """Photographs of nine brands, with 1, 3 and 7 reference crops a brand; shelves of packages as negatives.

    The pictures of `queries.csv` are the protocol's. Where their marks lie is not known, so boxes and sizes are judged
    on the marked photographs no gallery shows, in the table `marked logos`.
    """

    root: Path
    subset: int = 0
    counts: tuple[int, ...] = COUNTS

    @property
    def name(self) -> str:
        """`logos`."""
        return "logos"

    @property
    def kind(self) -> Kind:
        """Logos."""
        return "logo"

    @property
    def key(self) -> str:
        """The galleries and how many queries."""
        return f"logos/{self.subset}/{self.counts}"

    def __len__(self) -> int:
        return len(self._queries) + len(self._marked) + len(self._negatives)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """`k1`, `k3`, `k7`: each brand's largest crops, one a photo."""
        return {f"k{count}": [_enrolled(box) for box in self.crops(count)] for count in self.counts}

    def crops(self, count: int) -> list[LogoBox]:
        """The reference crops with `count` a brand, by brand."""
        chosen = logo_references(self._boxes, count)
        return [box for brand in sorted(chosen) for box in chosen[brand]]

    def question(self, number: int) -> Asked:
        """A photograph's own file."""
        if number < len(self._queries):
            path, brand = self._queries[number]
            return Asked(path.name, "logos", brand, brand, brand, path.read_bytes())
        number -= len(self._queries)
        if number < len(self._marked):
            return self._judged(*self._marked[number])
        path = self._negatives[number - len(self._marked)]
        source = PACKAGE if "groceries" in path.parts else "street"
        return Asked(path.name, "", NEGATIVE, None, path.name, path.read_bytes(), source=source)

    def _judged(self, path: Path, brand: str) -> Asked:
        own = [box for box in self._boxes if box.image == path and box.brand == brand]
        height, width = read(path).shape[:2]
        boxes = [Box(b.left / width, b.top / height, b.right / width, b.bottom / height) for b in own]
        size = size_group(max(box.side for box in own))
        return Asked(path.name, "marked logos", size, brand, brand, path.read_bytes(), tuple(boxes))

    @cached_property
    def _boxes(self) -> list[LogoBox]:
        return logo_boxes(self.root)

    @cached_property
    def _queries(self) -> list[tuple[Path, str]]:
        return [pair for pair in spread(logo_queries(self.root), self.subset) if pair[1]]

    @cached_property
    def _marked(self) -> list[tuple[Path, str]]:
        taken = {box.image for box in self.crops(max(self.counts))}
        pairs = sorted({(box.image, box.brand) for box in self._boxes if box.image not in taken})
        return spread(pairs, self.subset // 2)

    @cached_property
    def _negatives(self) -> list[Path]:
        streets = [path for path, brand in spread(logo_queries(self.root), self.subset) if not brand]
        shelves = [path for path in copies_protocol(self.root)[1] if "groceries" in path.parts]
        return [*streets, *spread(shelves, max(100, self.subset // 2) if self.subset else 0)]


def size_group(side: int) -> str:
    """The bucket of a mark whose shorter side is `side` pixels."""
    below = 0
    for end in SIZES:
        if side < end:
            return f"{below}-{end - 1} px"
        below = end
    return f"{below}+ px"


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` items evenly over the sequence; all of them for 0 or when there are not so many."""
    if count <= 0 or count >= len(items):
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]


def _enrolled(box: LogoBox) -> Enrolled:
    crop = read(box.image)[box.top : box.bottom, box.left : box.right]
    return Enrolled(f"{box.brand}/{box.image.name}", box.brand, box.brand, encode_png(crop))
