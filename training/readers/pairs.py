"""Verdicts exported by the service: pairs of a listing's picture and a reference, with what a person said of them.

The folder is what `brandwarden export-verdicts` writes. Its splits are connected components: no brand, seller or
picture, nor one nearly identical, is in two of them; keep them as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from training.readers.items import RowError
from vision.boxes import Box
from vision.embedding import Kind

FORMAT: Final = 1
_KINDS: Final[dict[str, Kind]] = {"stolen_photo": "photo", "logo_use": "logo"}


class PairsError(Exception):
    """The folder is no export, or of a format that is not read."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One verdict. `match` is whether the pictures show the same thing, whoever was allowed to use it.

    `picture` and `reference` are encoded bytes; the boxes are None where the listing was judged again since.
    """

    id: str
    picture: bytes
    reference: bytes
    kind: Kind
    match: bool
    verdict: Literal["infringing", "authorised", "not_a_match"]
    brand: str
    box: Box | None
    reference_box: Box | None
    confidence: float
    space: str
    said_at: str
    component: str
    split: str


def read_pairs(folder: str | Path, *, split: str = "", errors: list[RowError] | None = None) -> Iterator[Pair]:
    """The pairs of an export, of one `split` where one is named; bad rows are put into `errors`. `PairsError`."""
    root = Path(folder)
    _check(root)
    with (root / "pairs.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                if not split or row["split"] == split:
                    yield _pair(root, row)
            except (ValueError, KeyError, TypeError, OSError) as error:
                if errors is not None:
                    errors.append(RowError(str(number), f"cannot be read ({error!r}); export the verdicts again"))


def _check(root: Path) -> None:
    try:
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PairsError(
            f"{root} is no export of verdicts ({error}); make one with `brandwarden export-verdicts`"
        ) from error
    if manifest.get("format") != FORMAT:
        raise PairsError(f"{root} has format {manifest.get('format')}, this version reads {FORMAT}")


def _pair(root: Path, row: dict[str, Any]) -> Pair:
    same = ("id", "match", "verdict", "brand", "confidence", "space", "said_at", "component", "split")
    return Pair(
        picture=_picture(root, row["image_sha256"]),
        reference=_picture(root, row["reference_sha256"]),
        kind=_KINDS[row["kind"]],
        **{name: row[name] for name in same},
        box=_box(row["box"]),
        reference_box=_box(row["reference_box"]),
    )


def _box(corners: list[float] | None) -> Box | None:
    return None if corners is None else Box(*corners)


def _picture(root: Path, sha256: str) -> bytes:
    if len(sha256) != 64 or not sha256.isalnum():
        raise ValueError(f"{sha256!r} is no SHA-256")
    data = (root / "pictures" / sha256).read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"pictures/{sha256} is damaged")
    return data
