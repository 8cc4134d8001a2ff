"""The pictures of the load, read from one file without an imaging library; `enlarging` makes it.

Place in the flow: under `mixture`, in the load client and wherever else the same pictures are sent.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.splicing import ROW, Roll, unroll

SHAPES: dict[str, tuple[int, int]] = {
    "plain": (800, 800),
    "copy": (800, 800),
    "large": (4000, 3008),
    "tiny": (320, 320),
    "small": (512, 512),
    "wide": (800, 608),
    "big": (1600, 1200),
}
"""Kind → width and height in pixels of what is sent; 4000 by 3008 are 12 megapixels."""
MIXED = ("tiny", "wide", "small", "wide", "big", "wide", "tiny", "small", "wide", "big", "small", "wide")
"""The sizes of a mixed load in turn; every fiftieth is large."""
SPARE = 25
"""Rows by which an entry is taller than what is sent, so windows - 1."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the JPEG of one tall picture lies in the file; `reference` names the one it is a copy of."""

    kind: str
    start: int
    length: int
    reference: str = ""


class Supply:
    """The pictures of a folder, by kind and number; the same number is the same picture, another one is another."""

    def __init__(self, folder: Path) -> None:
        document = json.loads((folder / "supply.json").read_text())
        self._entries: dict[str, list[Entry]] = {}
        for fields in document["entries"]:
            entry = Entry(**fields)
            self._entries.setdefault(entry.kind, []).append(entry)
        with (folder / "supply.bin").open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rolls: dict[int, Roll] = {}

    def picture(self, kind: str, number: int) -> tuple[bytes, str]:
        """JPEG `number` of a kind and the reference it is a copy of; past the last window they get a row shorter."""
        entries, height = self._entries[kind], SHAPES[kind][1]
        entry, turn = entries[number % len(entries)], number // len(entries)
        roll = self._rolls.get(entry.start)
        if roll is None:
            roll = self._rolls[entry.start] = unroll(self._bytes[entry.start : entry.start + entry.length])
        lap, first = divmod(turn, SPARE + 1)
        if 2 * lap * ROW > height:
            raise ValueError(f"the supply holds no {kind} picture {number}; make one of more entries")
        return roll.window(first * 7 % (SPARE + 1), height - lap * ROW), entry.reference
