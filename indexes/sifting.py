"""Which candidates are worth verifying: those more similar than pictures that are nobody's are.

Place in the flow: `indexes.search` has candidates of a picture and the model's background set, and spares here the
verification of what is similar only because everything of its sort is. Looks at no pixels and no rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from indexes.background import Background
from indexes.gallery import Candidate
from vision.embedding import Kind, Vectors


def normalised(
    background: Background | None, kind: Kind, vectors: Vectors, found: Iterable[Candidate]
) -> list[Candidate]:
    """The candidates with their `excess`: similarity less the query vector's to its nearest background pictures.

    Without a background set they stay as they are.
    """
    if background is None:
        return list(found)
    levels = background.level(kind, vectors).tolist()
    return [replace(candidate, excess=candidate.similarity - levels[candidate.query]) for candidate in found]


def sifted(found: Iterable[Candidate], *, floor: float, gate: float, lead: float) -> list[Candidate]:
    """Those whose similarity reaches `floor` and whose excess reaches `gate`; none where none reaches `lead`."""
    kept = [candidate for candidate in found if candidate.similarity >= floor and candidate.excess >= gate]
    return kept if any(candidate.excess >= lead for candidate in kept) else []
