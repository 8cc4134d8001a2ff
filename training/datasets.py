"""The development photographs: which files there are, and which may be fitted on.

Place in the flow: `calibrate` reads the training folders, `evaluate` the test folders; no function here mixes them.
The root is `BRANDWARDEN_DATA`, by default `../shared/data`. Layout: `clothing/{train,test}/<class>/*.jpg`,
`groceries/iconic/*.jpg`, `groceries/photos/{train,test}/<product>/*.jpg`, `logos-dev/`.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vision.embedding import Pixels
from vision.images import decode

DEFAULT_ROOT: Final = Path("../shared/data")
COPY_REFERENCES: Final = 1000


class DataMissing(Exception):
    """The development photographs are not where they were looked for."""


def data_root() -> Path:
    """The folder of photographs. Raises DataMissing when there is none."""
    root = Path(os.environ.get("BRANDWARDEN_DATA", DEFAULT_ROOT))
    if not (root / "clothing").is_dir():
        raise DataMissing(f"no photographs under {root.resolve()}: set BRANDWARDEN_DATA to the folder that holds them")
    return root


def read(path: Path) -> Pixels:
    """A picture file as the service sees it: uint8 RGB `[h, w, 3]`."""
    return decode(path.read_bytes()).pixels


def training_photos(root: Path) -> list[Path]:
    """Photos a calibration may be fitted on, sorted: garments and packages."""
    return sorted([*(root / "clothing/train").glob("*/*.jpg"), *(root / "groceries/photos/train").glob("*/*.jpg")])


def copies_protocol(root: Path) -> tuple[list[Path], list[Path]]:
    """References and negative queries of the copies protocol.

    References are the 1,000 garment test photos with the smallest SHA-1 of their bytes and the iconic package
    shots; the other garment test photos and the package test photos are the negatives.
    """
    garments = sorted((root / "clothing/test").glob("*/*.jpg"), key=_sha1)
    references = [*garments[:COPY_REFERENCES], *sorted((root / "groceries/iconic").glob("*.jpg"))]
    negatives = [*garments[COPY_REFERENCES:], *sorted((root / "groceries/photos/test").glob("*/*.jpg"))]
    return references, negatives


@dataclass(frozen=True, slots=True)
class LogoBox:
    """One marked logo: pixels of `image`, exclusive on the right and below."""

    image: Path
    brand: str
    left: int
    top: int
    right: int
    bottom: int

    @property
    def side(self) -> int:
        """The shorter side in pixels."""
        return min(self.right - self.left, self.bottom - self.top)


def logo_boxes(root: Path) -> list[LogoBox]:
    """All marked logos of the logo set."""
    return [
        LogoBox(
            root / "logos-dev/images" / row["image"], row["brand"], *(int(row[k]) for k in ("x0", "y0", "x1", "y1"))
        )
        for row in _rows(root / "logos-dev/boxes.csv")
    ]


def logo_queries(root: Path) -> list[tuple[Path, str]]:
    """Query pictures of the logo set and their brand, empty for a picture without one."""
    return [(root / "logos-dev/images" / row["image"], row["brand"]) for row in _rows(root / "logos-dev/queries.csv")]


def logo_references(boxes: Iterable[LogoBox], count: int) -> dict[str, list[LogoBox]]:
    """Per brand its `count` largest crops, one a photo, the shorter side above 24 pixels."""
    chosen: dict[str, list[LogoBox]] = {}
    for box in sorted(boxes, key=lambda one: (-one.side, one.image.name)):
        own = chosen.setdefault(box.brand, [])
        if box.side > 24 and len(own) < count and all(other.image != box.image for other in own):
            own.append(box)
    return chosen


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _sha1(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
