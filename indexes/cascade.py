"""How much verification a picture gets: the most similar first, and an end when nothing can change any more.

Place in the flow: `indexes.search` has candidates by falling similarity and asks here which of them to verify. A
listing is spent `ECONOMICAL` on; somebody who asks for the best ten is answered with ten. Looks at no pixels.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from math import inf
from typing import Final

from indexes.gallery import Candidate
from vision.embedding import MAX_QUERY_LOGO_VECTORS

_WINDOWS: Final = 2  # places of a picture in which one mark is looked for
LOGO_LIKE: Final = 0.995
"""Logoness of a picture's best window from which a listing's picture is searched closely for marks: 99 of 100
photographs that show a mark have it, and still three of four garments that show none."""

_CERTAIN: Final = 0.95
_CLEARLY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Effort:
    """What may be spent on one picture.

    `references` are asked of the index, `photos` verified, `tries` (mark, place) pairs glimpsed at and `settled` of
    them looked at closely. `lined_up` marks, of those that stand `above` the background or whose name was read, are
    compared by local features with the whole picture; the `windows` most logo-like windows and `likened` places are
    embedded again. With `stops` a certain match ends the search among clearly weaker candidates.
    """

    references: int
    photos: int
    tries: int
    settled: int
    lined_up: int
    above: float
    windows: int
    likened: int
    stops: bool


ECONOMICAL: Final = Effort(
    references=8, photos=8, tries=8, settled=3, lined_up=24, above=-0.1, windows=2, likened=1, stops=True
)
"""The right photograph is among the first eight for 99 of 100 copies in three mild edits, among the first four for 96;
the right mark is among the first eight places for 9 of 10. Of 236 marks found surely in 348 photographs none is lost
with two windows and one place instead of eight and six, and none where only marks are lined up whose window resembles
them more than the background less 0.1: what lines up beyond are mostly chance likenesses."""


def thorough(references: int) -> Effort:
    """All of the first `references`, whatever is found."""
    places = _WINDOWS * references
    lined_up, windows = max(24, references), MAX_QUERY_LOGO_VECTORS
    return Effort(references, references, places, places, lined_up, -inf, windows, likened=places, stops=False)


class Settled:
    """Whether a certain match makes the rest not worth looking at. `rank` is what candidates are ordered by."""

    def __init__(self, effort: Effort) -> None:
        self._stops = effort.stops
        self._rank: float | None = None

    def note(self, confidence: float, rank: float) -> None:
        """A match was found."""
        if self._rank is None and confidence >= _CERTAIN:
            self._rank = rank

    def without(self, rank: float) -> bool:
        """Whether a candidate of this rank, and every later one, can be left out."""
        return self._stops and self._rank is not None and rank < self._rank - _CLEARLY


def known(candidates: list[Candidate], rows: Container[int]) -> list[Candidate]:
    """The candidates that SQL knows, in their order."""
    return [candidate for candidate in candidates if candidate.reference_pk in rows]


def first_places(candidates: list[Candidate]) -> list[Candidate]:
    """The most similar place of each reference, in their order."""
    first: dict[int, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.reference_pk, candidate)
    return list(first.values())


def places(candidates: list[Candidate], effort: Effort) -> list[Candidate]:
    """The (mark, place) pairs to glimpse at: at most two places of a mark, of the most similar marks."""
    taken: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        own = taken.setdefault(candidate.reference_pk, [])
        if len(own) < _WINDOWS and (own or sum(map(bool, taken.values())) < effort.references):
            own.append(candidate)
    chosen = [candidate for own in taken.values() for candidate in own]
    return sorted(chosen, key=lambda candidate: -candidate.similarity)[: effort.tries]
