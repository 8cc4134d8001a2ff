"""Words → references: what a brand types, matched with titles and names in SQL and, where it can, with pictures.

Place in the flow: the service's lists ask here. A model whose text tower was trained brings what has no title into the
answer; without one the text match stands alone. Both rankings are fused by reciprocal ranks (Cormack, Clarke and
Buettcher, SIGIR 2009). A brand is searched by itself, so nothing of another can show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from indexes.brands import Brand
from indexes.catalog import Catalog, Reference, ReferenceStatus
from indexes.gallery import Gallery
from vision.embedding import KINDS, Kind, TextVectors

MOST_WORDS: Final = 8
_PICTURES: Final = 20  # of a kind that a text's vector may bring in
_FLAT: Final = 60
_BY_TEXT: Final = 2.0

EmbedsTexts = Callable[[Sequence[str]], TextVectors | None]


class WordSearch:
    """Searches the references of one brand at a time. Thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def find(
        self,
        brand: Brand,
        text: str,
        *,
        kind: Kind | None = None,
        status: ReferenceStatus | None = None,
        limit: int = 50,
        embed: EmbedsTexts | None = None,
        gallery: Gallery | None = None,
    ) -> list[Reference]:
        """At most `limit` references of the brand, the best first; none for a text without a word.

        `embed` and the `gallery` of its space add what looks like the text. Only active references are looked at so.
        """
        words = text.split()[:MOST_WORDS]
        if not words:
            return []
        named = self._catalog.named(brand.id, words, kind=kind, status=status, limit=limit)
        lists = [(_BY_TEXT, named)]
        if embed is not None and gallery is not None and status in (None, "active"):
            lists += [(1.0, seen) for seen in self._looking_like(brand, text, kind, embed, gallery)]
        return _fused(lists)[:limit]

    def _looking_like(
        self, brand: Brand, text: str, kind: Kind | None, embed: EmbedsTexts, gallery: Gallery
    ) -> list[list[Reference]]:
        vectors = embed([text])
        if vectors is None:
            return []
        found = []
        for one in KINDS if kind is None else (kind,):
            asked = vectors.photo if one == "photo" else vectors.logo
            _, candidates = gallery.candidates(one, asked, _PICTURES, frozenset({brand.pk}))
            floor = vectors.floors.get(one, -1.0)
            near = [candidate.reference_pk for candidate in candidates if candidate.similarity >= floor]
            order = list(dict.fromkeys(near))
            rows = self._catalog.matchable(order, {brand.pk}) if order else {}
            found.append([rows[pk][0] for pk in order if pk in rows])
        return found


def _fused(lists: Sequence[tuple[float, Sequence[Reference]]]) -> list[Reference]:
    """References by the sum of weight / (60 + rank) over the lists."""
    scores: dict[int, float] = {}
    references: dict[int, Reference] = {}
    for weight, ranked in lists:
        for rank, reference in enumerate(ranked):
            scores[reference.pk] = scores.get(reference.pk, 0.0) + weight / (_FLAT + rank)
            references[reference.pk] = reference
    return [references[pk] for pk in sorted(scores, key=lambda pk: (-scores[pk], pk))]
