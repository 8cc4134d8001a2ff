"""Which split a verdict goes into: whole connected components, so that nothing seen in one split is met in another.

Two verdicts belong together when they share a brand, a seller, a reference or a listing picture, or when pictures of
theirs are nearly identical. A component goes into one split, by a hash of its first name: the same data gives the same
splits on every machine. Pure; the pictures are decoded by whoever calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.embedding import Pixels
from vision.images import resize

NEAR: Final = 20
"""Differing bits of 256 up to which two pictures are nearly identical: saved again, scaled or slightly cropped."""
_SIDE: Final = 16
_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the components goes into `val` and `test`; the rest is `train`."""

    val: float = 0.1
    test: float = 0.1

    def split(self, component: str) -> str:
        """The split of a component."""
        place = int.from_bytes(hashlib.sha256(component.encode()).digest()[:4]) / 2**32
        if place < self.test:
            return "test"
        return "val" if place < self.test + self.val else "train"


class Components:
    """Groups of names that were joined, directly or by way of others."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def join(self, names: Iterable[str]) -> None:
        """Put these names into one group."""
        roots = sorted({self.root(name) for name in names})
        for root in roots[1:]:
            self._parents[root] = roots[0]

    def root(self, name: str) -> str:
        """The first name, in the order of the alphabet, of the group that `name` is in."""
        self._parents.setdefault(name, name)
        while (parent := self._parents[name]) != name:
            self._parents[name] = self._parents[parent]
            name = self._parents[name]
        return name


def fingerprint(pixels: Pixels) -> NDArray[np.uint8]:
    """256 bits of a picture that small changes leave alone, uint8 `[32]`: is a cell brighter than its right neighbour?

    The difference hash of N. Krawetz (2013), of the picture and of its mirror image, whichever is smaller.
    """
    grey = resize(pixels, _SIDE + 1, _SIDE).astype(np.float32).mean(axis=2)
    own, mirrored = (np.packbits(side[:, 1:] > side[:, :-1]) for side in (grey, grey[:, ::-1]))
    return own if own.tobytes() <= mirrored.tobytes() else mirrored


def join_near(components: Components, prints: Mapping[str, NDArray[np.uint8]]) -> None:
    """Put names into one group whose pictures are nearly identical."""
    names: Sequence[str] = sorted(prints)
    if not names:
        return
    bits = np.unpackbits(np.stack([prints[name] for name in names]), axis=1).astype(np.float32)
    ones = bits.sum(axis=1)
    for start in range(0, len(names), _AT_ONCE):
        part = bits[start : start + _AT_ONCE]
        differing = ones[start : start + _AT_ONCE, None] + ones[None, :] - 2.0 * (part @ bits.T)
        for row, column in zip(*np.nonzero(differing <= NEAR), strict=True):
            if start + row < column:
                components.join((names[start + row], names[column]))


def component_id(root: str) -> str:
    """A name for a component that tells nothing of what is in it."""
    return "cmp_" + hashlib.sha256(root.encode()).hexdigest()[:16]


def named(kind: str, *parts: Hashable) -> str:
    """The name of something that joins verdicts; names of different kinds never meet."""
    return "\0".join((kind, *map(str, parts)))
