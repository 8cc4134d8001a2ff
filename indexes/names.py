"""Names of marks: which logo references a word read in a picture may stand for.

Place in the flow: `indexes.marks` reads words and asks here; what comes back is verified like any other candidate.
The list is made from SQL and renewed when the catalogue has changed, at most every few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from indexes.catalog import Catalog
from vision.verification.wording import Word, names_of, spellings

_RENEWED: Final = 5.0
_ALIKE: Final = 0.74
_EACH: Final = 8  # references kept of one name: the rest of a brand's marks is found by its vectors
_SURE: Final = 0.5


class Names:
    """The names of all logo references. Thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._known: dict[str, list[tuple[int, int]]] = {}
        self._generation = -1
        self._renewed = 0.0

    def meant(self, words: Sequence[Word], generation: int, brand_pks: frozenset[int] | None, most: int) -> list[int]:
        """Primary keys of at most `most` references whose name is like one of the words, the likest first."""
        known = self._at(generation)
        alike: dict[int, float] = {}
        for word in words:
            if word.confidence < _SURE:
                continue
            for spelling in spellings(word.text):
                found = process.extract(
                    spelling, known.keys(), scorer=OSA.normalized_similarity, score_cutoff=_ALIKE, limit=3
                )
                for name, similarity, _ in found:
                    for pk, brand_pk in known[name]:
                        if brand_pks is None or brand_pk in brand_pks:
                            alike[pk] = max(alike.get(pk, 0.0), similarity)
        return sorted(alike, key=lambda pk: (-alike[pk], pk))[:most]

    def any(self, generation: int) -> bool:
        """Whether there is a name to look for."""
        return bool(self._at(generation))

    def _at(self, generation: int) -> dict[str, list[tuple[int, int]]]:
        with self._lock:
            stale = generation != self._generation
            if stale and (self._generation < 0 or time.monotonic() - self._renewed > _RENEWED):
                self._known = self._read()
                self._generation, self._renewed = generation, time.monotonic()
            return self._known

    def _read(self) -> dict[str, list[tuple[int, int]]]:
        known: dict[str, list[tuple[int, int]]] = {}
        for pk, brand_pk, brand, title in self._catalog.titles("logo"):
            for name in names_of(brand, title):
                own = known.setdefault(name, [])
                if len(own) < _EACH:
                    own.append((pk, brand_pk))
        return known
