"""Builds the default model's directory: tower, heads and sidecar.

Place in the flow: `brandwarden-train build`. Meets the service only in the files it writes, which
`vision.embedders` reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.towers import EMBED_DIM, SIDE, write_tower
from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar, write_sidecar

PHOTO_DIM: Final = EMBED_DIM
LOGO_DIM: Final = 128
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


def build_model(directory: Path, *, seed: int) -> None:
    """Write a model directory whose heads are random projections: ImageNet features, nothing learned yet."""
    random = np.random.default_rng(seed)
    write_tower(directory, torch.from_numpy(_orthogonal(random, EMBED_DIM, CHANNELS[3])), seed=seed)
    write_sidecar(directory, initial_heads(random))


def initial_heads(random: np.random.Generator) -> Sidecar:
    """Heads before learning: random orthogonal projections, and every window as logo-like as any other."""
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


def descriptor_size(parts: tuple[Part, ...]) -> int:
    """Length of the pooled descriptor before projection."""
    return sum(CHANNELS[part.map] * part.grid**2 for part in parts)


def _random_projection(random: np.random.Generator, parts: tuple[Part, ...], dim: int) -> Projection:
    size = descriptor_size(parts)
    return Projection(parts, np.zeros(size, np.float32), _orthogonal(random, dim, size))


def _orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    basis, _ = np.linalg.qr(random.standard_normal((columns, rows)))
    return np.ascontiguousarray(basis.T, np.float32)
