"""What every reader gives: one labelled picture, or the reason why a row has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Item:
    """One picture as it is stored, and what is known of it; an empty string is "not told".

    `group` binds pictures that must stay in one split: shots of one product, edits of one photo. `text` is words for
    the picture, such as a brand and a title.
    """

    name: str
    data: bytes
    label: str = ""
    split: str = ""
    group: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that gives no picture: its number (from 1) or its name, and what is wrong with it."""

    row: str
    problem: str


Row: TypeAlias = Item | RowError


class Reader(Protocol):
    """A source of labelled pictures. Reading twice gives the same rows in the same order."""

    def rows(self) -> Iterator[Row]:
        """Every row, those without a picture too."""
        ...
