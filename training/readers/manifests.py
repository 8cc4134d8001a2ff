"""What a source held when it was read: counts, errors, and one hash over every picture and every label.

A training run stores the hash with its checkpoint, so that "the same data" can be told from "nearly the same data".
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.readers.items import Item, RowError
from training.readers.opening import checked_rows, open_reader


@dataclass(frozen=True, slots=True)
class Manifest:
    """`sha256` does not depend on the order of the rows or on where the source lies. Counts are by value."""

    source: str
    items: int
    labels: dict[str, int]
    splits: dict[str, int]
    groups: int
    errors: tuple[RowError, ...]
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """For a file beside a model."""
        told = {"source": self.source, "items": self.items, "labels": self.labels, "splits": self.splits}
        errors = [{"row": error.row, "problem": error.problem} for error in self.errors]
        return {**told, "groups": self.groups, "errors": errors, "sha256": self.sha256}


class Tally:
    """Counts items while they pass by; `manifest` at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._labels: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()
        self._groups: set[str] = set()

    def add(self, item: Item) -> None:
        """Count one."""
        picture = hashlib.sha256(item.data).hexdigest()
        self._lines.append(json.dumps([item.name, picture, item.label, item.split, item.group, item.text]))
        self._labels[item.label] += 1
        self._splits[item.split] += 1
        self._groups |= {item.group} - {""}

    def manifest(self, source: str | Path, errors: list[RowError]) -> Manifest:
        """What has passed by."""
        content = "\n".join(sorted(self._lines)).encode()
        return Manifest(
            source=str(source),
            items=len(self._lines),
            labels=dict(sorted(self._labels.items())),
            splits=dict(sorted(self._splits.items())),
            groups=len(self._groups),
            errors=tuple(errors),
            sha256=hashlib.sha256(content).hexdigest(),
        )


def take_manifest(source: str | Path) -> Manifest:
    """Read a whole source and tell what it holds."""
    tally, errors = Tally(), list[RowError]()
    for row in checked_rows(open_reader(source)):
        if isinstance(row, RowError):
            errors.append(row)
        else:
            tally.add(row)
    return tally.manifest(source, errors)
