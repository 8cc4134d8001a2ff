"""Asks a taught text tower about pictures it was not taught: does a word bring up what it names?

Place in the flow: after `words`, in `brandwarden-train words` and `judge`. The photographs and marks are those that
`vocabulary` kept back. It fits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.fit.phrases import ALSO_CALLED, nonsense
from training.fit.vocabulary import Vocabulary
from training.fit.words import Named
from vision.embedding import Embedder, TextVectors, Vectors

FIRST: Final = 10
_STRANGE: Final = 200


def ask_words(embedder: Embedder, kept_back: Vocabulary, *, seed: int) -> dict[str, float]:
    """Shares in [0, 1] on what was kept back; none for a model whose text tower was not taught.

    "garments", "products" and "parts of their names" are what of the first ten photographs (or of all there are, where
    they are fewer) the text names, "at random" what it would be in any order. "names" is for how many marks their own
    name brings them among the first ten. "beyond the floor" is how much of it similarity floors leave, and
    "nonsense shows" the share of meaningless texts that bring up any photograph at all.
    """
    if embedder.embed_texts(()) is None:
        return {}
    photos = kept_back.photos
    groups = _texts_of(photos)
    figures: dict[str, float] = {}
    for name, texts in groups.items():
        said = _said(embedder, texts)
        table = _likest(said.photo, photos)
        true = np.array([[text in phrases for phrases in photos.phrases] for text in texts])
        figures[name] = _among_first(table, true)
        figures[f"{name}, at random"] = float(true.mean())
        figures[f"{name}, beyond the floor"] = _among_first(table, true, said.floors.get("photo", -1.0))
    figures |= _names(embedder, kept_back.marks)
    strange = _said(embedder, nonsense(np.random.default_rng(seed + 1), _STRANGE))
    shown = _likest(strange.photo, photos).max(axis=1) >= strange.floors.get("photo", -1.0)
    return figures | {"nonsense shows": float(shown.mean())}


def _texts_of(photos: Named) -> Mapping[str, Sequence[str]]:
    """Whole names of garments and of products, and what is part of a product's name."""
    whole = sorted({phrases[0] for phrases in photos.phrases})
    others = {text for words in ALSO_CALLED.values() for text in words}
    parts = {text for phrases in photos.phrases for text in phrases} - set(whole) - others
    garments = [text for text in whole if text == text.lower()]
    products = [text for text in whole if text != text.lower()]
    found = {"garments": garments, "products": products, "parts of their names": sorted(parts)}
    return {name: texts for name, texts in found.items() if texts}


def _names(embedder: Embedder, marks: Named) -> dict[str, float]:
    names = [phrases[0] for phrases in marks.phrases]
    said = _said(embedder, names)
    table = _likest(said.logo, marks)
    true = np.eye(len(names), dtype=np.bool_)
    figures = {"names": _among_first(table, true), "names, at random": min(1.0, FIRST / len(names))}
    return figures | {"names, beyond the floor": _among_first(table, true, said.floors.get("logo", -1.0))}


def _said(embedder: Embedder, texts: Sequence[str]) -> TextVectors:
    found = embedder.embed_texts(texts)
    assert found is not None  # noqa: S101 - `ask_words` looked
    return found


def _likest(said: Vectors, pictures: Named) -> NDArray[np.float32]:
    """The best similarity of each text to any vector of each picture, as a catalogue is searched."""
    products = np.einsum("td,nrd->tnr", said, pictures.vectors, optimize=True)
    return np.asarray(products.max(axis=2), np.float32)


def _among_first(table: NDArray[np.float32], true: NDArray[np.bool_], floor: float = -1.0) -> float:
    """Mean over texts of right pictures among the first ten, of those that could be there."""
    order = np.argsort(-table, axis=1, kind="stable")[:, :FIRST]
    rows = np.arange(len(table))[:, None]
    found = (true & (table >= floor))[rows, order].sum(axis=1)
    return float((found / np.minimum(FIRST, true.sum(axis=1))).mean())
