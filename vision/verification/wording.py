"""Words as evidence for a mark: which names it goes by, and whether a line of text spells one of them.

Place in the flow: a reader (`vision.embedders.words`) finds the words of a scene, `indexes.marks` compares them with
the names of a mark's brand and weighs the result beside the mark's shape. A missing word is no evidence of anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from rapidfuzz.distance import OSA

from vision.boxes import Box

LEAST: Final = 3
"""Letters a name needs: shorter ones stand in every second shop window."""

ALIKE: Final = 0.6
"""Share of letters in common below which two words have nothing to do with each other."""

_WEIGHTS: Final = {3: 0.75, 4: 0.9}
_SURELY: Final = 0.9
_PLAIN: Final = frozenset(
    {
        *("logo", "logos", "mark", "marks", "wordmark", "emblem", "icon", "symbol", "badge", "brand", "label", "print"),
        *("black", "white", "mono", "inverted", "small", "large", "horizontal", "vertical", "the", "and", "new", "old"),
    }
)
"""Words of a title that describe a mark and do not name it."""


@dataclass(frozen=True, slots=True)
class Word:
    """A line of text as it was read: `confidence` in [0, 1] is the reader's own."""

    text: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name of the mark read in the scene. `strength` in [0, 1]; `altered` when a clear reading is another word."""

    name: str
    read: str
    strength: float
    altered: bool
    box: Box


def names_of(brand: str, title: str | None) -> tuple[str, ...]:
    """The names a mark goes by: its brand's, and its own title where that is a name and not a description."""
    named = [brand]
    words = [word for word in _split(title or "") if folded(word) not in _PLAIN]
    if 1 <= len(words) <= 2:
        named.append(" ".join(words))
    return tuple(dict.fromkeys(name for name in map(folded, named) if len(name) >= LEAST))


def spelled(names: Iterable[str], words: Sequence[Word]) -> Spelling | None:
    """The best reading of one of the (folded) `names` among the words of a scene, None when nothing comes near."""
    best: Spelling | None = None
    for name in names:
        for word in words:
            found = _compared(name, word)
            if found is not None and (best is None or found.strength > best.strength):
                best = found
    return best


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Letters and digits in lower case without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


@lru_cache(maxsize=4096)
def spellings(text: str) -> tuple[str, ...]:
    """A line as a whole, its words, and neighbouring words together, folded."""
    words = [folded(word) for word in _split(text)]
    pairs = [one + two for one, two in pairwise(words)]
    return tuple(dict.fromkeys(word for word in (folded(text), *words, *pairs) if len(word) >= LEAST))


def _compared(name: str, word: Word) -> Spelling | None:
    best = max(spellings(word.text), key=lambda read: OSA.normalized_similarity(name, read), default=None)
    if best is None:
        return None
    alike = OSA.normalized_similarity(name, best)
    if alike < ALIKE:
        return None
    strength = _WEIGHTS.get(len(name), 1.0) * ((alike - ALIKE) / (1 - ALIKE)) * min(1.0, 0.4 + 0.6 * word.confidence)
    altered = alike < 1 and word.confidence >= _SURELY and len(name) >= 5
    return Spelling(name, best, strength, altered, word.box)


def _split(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text) if word]
