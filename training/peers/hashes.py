"""Perceptual hashes: PDQ (Meta, 256 bits) and pHash (64 bits), compared by the share of equal bits.

Place in the flow: a peer of `training.evaluate`. What hash-and-match systems run today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.peers import PeerMissing, Scores
from vision.embedding import Pixels

Hash = Callable[[Pixels], NDArray[np.int8]]


class HashPeer:
    """`PDQ` or `pHash`."""

    def __init__(self, name: str) -> None:
        self._hash = _pdq() if name == "PDQ" else _phash()
        self._references: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def enrol(self, pictures: Sequence[Pixels]) -> None:
        """One hash a reference."""
        self._references = self._signs(pictures)

    def scores(self, pictures: Sequence[Pixels]) -> Scores:
        """The share of equal bits, in [0, 1]."""
        asked = self._signs(pictures)
        agreeing: Scores = (asked @ self._references.T).astype(np.float64) / asked.shape[1]
        return 0.5 + 0.5 * agreeing

    def close(self) -> None:
        """Holds nothing."""

    def _signs(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        return np.stack([self._hash(pixels) for pixels in pictures]).astype(np.float32) * 2 - 1


def _pdq() -> Hash:
    try:
        import pdqhash  # noqa: PLC0415 - a package of the bench extra
    except ImportError as error:
        raise PeerMissing("PDQ needs `pip install pdqhash`") from error
    return lambda pixels: np.asarray(pdqhash.compute(pixels)[0], np.int8)


def _phash() -> Hash:
    try:
        import imagehash  # noqa: PLC0415 - a package of the bench extra
    except ImportError as error:
        raise PeerMissing("pHash needs `pip install imagehash`") from error
    return lambda pixels: np.asarray(imagehash.phash(Image.fromarray(pixels)).hash, np.int8).ravel()
