"""Groups of pictures that look alike: homes, shelves and poses that nobody labelled.

Place in the flow: `training.evidence` names the group of each photograph by it, so that a calibration is judged on
homes it was not fitted on; `training.background` spreads its sample by it. Pure functions of unit vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vision.embedding import Vectors

ROUNDS: Final = 12
HOMES: Final = 60
"""Clusters the garment photos are cut into: a few dozen pictures each, most of one home or pose."""
PACKAGES: Final = "groceries"


def clustered(vectors: Vectors, count: int, *, seed: int) -> NDArray[np.int64]:
    """The cluster of each unit vector, int64 `[n]` in `[0, count)`: spherical k-means from a random start.

    A cluster that empties keeps its last centre. Dhillon and Modha, Machine Learning 42, 2001.
    """
    rng = np.random.default_rng(seed)
    centres = vectors[rng.permutation(len(vectors))[: min(count, len(vectors))]].astype(np.float32)
    nearest = np.zeros(len(vectors), np.int64)
    for _ in range(ROUNDS):
        nearest = np.asarray((vectors @ centres.T).argmax(axis=1), np.int64)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), centres)
    return nearest


def photo_groups(paths: Sequence[Path], whole: Vectors, *, seed: int) -> list[str]:
    """For each photo the group it belongs to: its product on a shelf, or a cluster of garment photos.

    `whole` holds one unit vector of each photo, `[n, d]`.
    """
    names = [path.parent.name if PACKAGES in path.parts else "" for path in paths]
    garments = [number for number, name in enumerate(names) if not name]
    if garments:
        for number, home in zip(garments, clustered(whole[garments], HOMES, seed=seed), strict=True):
            names[number] = f"home {home}"
    return names


def mark_groups(slugs: Sequence[str]) -> list[str]:
    """For each mark its brand: the shortest of the slugs that it begins with (`amazon` for `amazons3`)."""
    known = sorted({slug for slug in slugs if len(slug) >= 4}, key=len)
    return [next((brand for brand in known if slug.startswith(brand)), slug) for slug in slugs]
