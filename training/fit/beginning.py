"""The model a fit begins from: public ImageNet weights, a small untrained text tower, heads that say nothing yet.

Place in the flow: first step of `brandwarden-train fit` unless it is given a model to go on from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.fit.config import Words
from training.towers import EMBED_DIM, SIDE, write_tower
from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar, write_sidecar

PHOTO_DIM: Final = EMBED_DIM
LOGO_DIM: Final = 192
STAGES: Final = (2, 3, 4)
CHANNELS: Final = (40, 112, 320, 1280)
"""Channels of the maps: three stages at strides 8, 16 and 32, and the last map before pooling."""

PHOTO_PARTS: Final = (Part(3, 1, 3.0), Part(2), Part(1))
LOGO_PARTS: Final = (Part(0, 3), Part(1, 3), Part(2))
WINDOW_MAPS: Final = (0, 1, 2)
CELLS: Final = SIDE // 16
SHAPES: Final = (
    *((2, 1), (1, 2), (2, 2), (3, 2), (3, 3), (4, 2), (2, 4), (4, 4), (5, 3), (6, 2), (5, 5), (6, 3), (3, 6)),
    *((7, 5), (7, 7), (8, 4), (10, 3), (10, 6), (6, 10), (10, 10), (14, 7), (14, 14)),
)


def begin(directory: Path, words: Words, *, seed: int) -> None:
    """Write the model directory with random projections; every window is as logo-like as any other."""
    random = np.random.default_rng(seed)
    write_tower(directory, torch.from_numpy(orthogonal(random, EMBED_DIM, CHANNELS[3])), words, seed=seed)
    write_sidecar(directory, initial_heads(random))


def initial_heads(random: np.random.Generator) -> Sidecar:
    """Heads before learning."""
    width = sum(CHANNELS[number] for number in WINDOW_MAPS)
    zeros = np.zeros((len(SHAPES), width), np.float32)
    logoness = Logoness(
        WINDOW_MAPS,
        CELLS,
        SHAPES,
        mean=zeros[0],
        scale=zeros[0] + 1,
        inside=zeros,
        around=zeros,
        bias=zeros[:, 0],
    )
    return Sidecar(
        side=SIDE,
        stages=STAGES,
        view_side=160,
        view_fill=0.6,
        photo=_random_projection(random, PHOTO_PARTS, PHOTO_DIM),
        logo=_random_projection(random, LOGO_PARTS, LOGO_DIM),
        logoness=logoness,
    )


def _random_projection(random: np.random.Generator, parts: tuple[Part, ...], dim: int) -> Projection:
    size = sum(CHANNELS[part.map] * part.grid**2 for part in parts)
    return Projection(parts, np.zeros(size, np.float32), orthogonal(random, dim, size))


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """A random `[rows, columns]` matrix with orthonormal rows."""
    basis, _ = np.linalg.qr(random.standard_normal((columns, rows)))
    return np.ascontiguousarray(basis.T, np.float32)
