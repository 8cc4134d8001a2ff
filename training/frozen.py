"""A frozen set of your own as a protocol: whatever `training.readers` reads, references and questions told by split.

Place in the flow: `brandwarden-train gate --set` asks it instead of the development photographs. Items of the split
`reference` are enrolled, all others are asked. A label is the right answer: the brand for logos, the reference's name
or product for photos; a question without a label, or with one that no reference has, has nothing to be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from training.protocols import NEGATIVE, Asked, Enrolled
from training.readers import Item, RowError, SourceError, read_items
from vision.embedding import Kind

REFERENCE: Final = "reference"


@dataclass(frozen=True)
class Frozen:
    """One gallery of `reference_kind` references. `text` of an item names its brand, else its label does."""

    source: str
    reference_kind: Kind

    @property
    def name(self) -> str:
        """`frozen`."""
        return "frozen"

    @property
    def kind(self) -> Kind:
        """What is enrolled."""
        return self.reference_kind

    @cached_property
    def key(self) -> str:
        """The hash of every picture and label."""
        digest = hashlib.sha256(self.reference_kind.encode())
        for item in self._items:
            told = (item.name, item.label, item.split, item.group, item.text)
            digest.update(repr(told).encode() + hashlib.sha256(item.data).digest())
        return f"frozen/{digest.hexdigest()}"

    def __len__(self) -> int:
        return len(self._questions)

    def galleries(self) -> Mapping[str, Sequence[Enrolled]]:
        """All references, in one gallery."""
        return {"all": [Enrolled(one.name, brand_of(one), one.label, one.data) for one in self._references]}

    def question(self, number: int) -> Asked:
        """Questions with an answer come first."""
        item = self._questions[number]
        if item.label not in self._answers:
            return Asked(item.name, "", NEGATIVE, None, item.group or item.name, item.data)
        group = self._answers[item.label]
        return Asked(item.name, self.name, group, item.label, item.group or item.label, item.data)

    @cached_property
    def _items(self) -> list[Item]:
        errors: list[RowError] = []
        items = list(read_items(self.source, errors=errors))
        if errors:
            raise SourceError(f"{self.source}, row {errors[0].row}: {errors[0].problem}; a frozen set has no bad rows")
        if not any(item.split == REFERENCE for item in items):
            raise SourceError(f"{self.source} has no item of the split `{REFERENCE}`; say which pictures are enrolled")
        return items

    @cached_property
    def _references(self) -> list[Item]:
        return [item for item in self._items if item.split == REFERENCE]

    @cached_property
    def _answers(self) -> dict[str, str]:
        """The brand of each answer."""
        return {item.label: brand_of(item) for item in self._references if item.label}

    @cached_property
    def _questions(self) -> list[Item]:
        asked = [item for item in self._items if item.split != REFERENCE]
        return sorted(asked, key=lambda item: item.label not in self._answers)


def brand_of(item: Item) -> str:
    """Whose reference it is."""
    return item.text or item.label
