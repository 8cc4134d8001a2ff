"""What the text tower learns from and is asked: photographs and marks as vectors, some of them kept back.

Place in the flow: between an embedder and `words`, which teaches, and `naming`, which asks. Vectors take minutes and
are kept in the cache, by space and by pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from training.fit.config import Config
from training.fit.drawings import open_marks
from training.fit.phrases import is_kept_back, phrases_of
from training.fit.words import Named, embed_marks, embed_photos
from training.marks import Mark, read_marks
from training.photos import read_photos, split_photos
from vision.embedding import Embedder, Vectors

HELD_OUT_MARKS: Final = 300
_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Photographs and marks with their words."""

    photos: Named
    marks: Named


def read_taught(embedder: Embedder, config: Config, data: Path, cache: Path) -> Vocabulary:
    """What words are taught on: training photographs, `config.words.photos` at most, and the marks of `config`."""
    paths = [path for path in split_photos(data).learn if not is_kept_back(path)][: config.words.photos or None]
    marks = open_marks(cache, config.data.marks, config.data.words, seed=config.seed, held_out=HELD_OUT_MARKS)
    kept = _Kept(cache, embedder)
    return Vocabulary(kept.photos(paths), kept.marks(marks, config.seed))


def read_kept_back(embedder: Embedder, config: Config, data: Path, cache: Path) -> Vocabulary:
    """What words are asked of: other photographs of the training folders, as many at most, and 300 other marks."""
    split = split_photos(data)
    paths = [path for path in (*split.learn, *split.hold_out) if is_kept_back(path)][: config.words.photos or None]
    kept = _Kept(cache, embedder)
    return Vocabulary(kept.photos(paths), kept.marks(read_marks(HELD_OUT_MARKS, seed=config.seed), config.seed))


class _Kept:
    """Vectors of one model, made once."""

    def __init__(self, cache: Path, embedder: Embedder) -> None:
        self._cache, self._embedder = cache, embedder

    def photos(self, paths: Sequence[Path]) -> Named:
        """Photographs under the words of their folders."""
        parts = (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))
        make = lambda: np.concatenate([embed_photos(self._embedder, read_photos(part)) for part in parts])  # noqa: E731
        return Named([phrases_of(path.parent.name) for path in paths], self._once([str(path) for path in paths], make))

    def marks(self, marks: Sequence[Mark], seed: int) -> Named:
        """Marks under their names; `seed` decides on colours."""
        names = [mark.name for mark in marks]
        make = lambda: embed_marks(self._embedder, marks, np.random.default_rng(seed))  # noqa: E731
        return Named([(name,) for name in names], self._once([f"marks {seed}", *names], make))

    def _once(self, key: Sequence[str], make: Callable[[], Vectors]) -> Vectors:
        digest = hashlib.sha256("\n".join((self._embedder.space.id, *key)).encode()).hexdigest()[:16]
        path = self._cache / f"words-{digest}.npy"
        if not path.is_file():
            self._cache.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"partial-{path.name}")
            np.save(partial, make())
            partial.replace(path)
        found: Vectors = np.load(path, allow_pickle=False)
        return found
