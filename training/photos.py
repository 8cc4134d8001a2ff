"""The photographs that training may see, split into a part to learn from and a held-out part to measure on.

Place in the flow: first step of learning. Reads `clothing/train` and `groceries/photos/train` below the data
directory and nothing else: the test folders are for evaluation only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vision.embedding import Pixels
from vision.images import decode, fit

FOLDERS: Final = ("clothing/train", "groceries/photos/train")
MEASURED: Final = "clothing/train"
DATA_VARIABLE: Final = "BRANDWARDEN_DATA"
DEFAULT_DATA: Final = Path("../shared/data")


@dataclass(frozen=True, slots=True)
class Split:
    """Paths to learn from and, of the measured folder alone, paths held out; both in an order free of the names."""

    learn: tuple[Path, ...]
    hold_out: tuple[Path, ...]


def data_directory() -> Path:
    """`BRANDWARDEN_DATA`, else `../shared/data`. Raises `FileNotFoundError` saying what to set."""
    directory = Path(os.environ.get(DATA_VARIABLE, DEFAULT_DATA))
    if not (directory / MEASURED).is_dir():
        raise FileNotFoundError(f"{directory} holds no {MEASURED}; point {DATA_VARIABLE} at the development data")
    return directory


def split_photos(directory: Path) -> Split:
    """Every fifth measured photo, by the hash of its name, is held out: the split survives added photos."""
    learn: list[tuple[str, Path]] = []
    hold_out: list[tuple[str, Path]] = []
    for folder in FOLDERS:
        for path in (directory / folder).rglob("*.jpg"):
            digest = hashlib.sha256(path.name.encode()).hexdigest()
            held = folder == MEASURED and int(digest, 16) % 5 == 0
            (hold_out if held else learn).append((digest, path))
    return Split(tuple(path for _, path in sorted(learn)), tuple(path for _, path in sorted(hold_out)))


def read_photos(paths: Sequence[Path], *, side: int = 480) -> list[Pixels]:
    """The photographs, each at most `side` px long."""
    return [fit(decode(path.read_bytes(), side=side).pixels, side) for path in paths]
