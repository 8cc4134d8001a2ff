"""Builds the default model's directory: tower, heads and sidecar.

Place in the flow: `brandwarden-train build`. Meets the service only in the files it writes, which
`vision.embedders` reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.heads import Effort, learn_logo, learn_photo
from training.marks import Mark, read_marks
from training.measure import Recall, measure_copies, measure_logos
from training.photos import data_directory, read_photos, split_photos
from training.towers import EMBED_DIM, SIDE, write_tower
from vision.embedders.checkpoint import load_checkpoint
from vision.embedders.clip import ClipEmbedder
from vision.embedders.sidecar import Logoness, Part, Projection, Sidecar, read_sidecar, write_sidecar
from vision.embedding import Pixels
from vision.errors import ModelError

PHOTO_DIM: Final = EMBED_DIM
LOGO_DIM: Final = 128
HELD_OUT_MARKS: Final = 300
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


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model retrieves on held-out pictures: copies by family, pasted marks, and marks with a window on them."""

    copies: dict[str, Recall]
    logos: Recall
    windows: float


def build_model(directory: Path, *, seed: int, effort: Effort, say: Callable[[str], None]) -> None:
    """Write the model directory with learned heads; without a photo to learn from, with random ones.

    Reads the development data (`training.photos.data_directory`); `say` is told of every step.
    """
    random = np.random.default_rng(seed)
    projection = orthogonal(random, EMBED_DIM, CHANNELS[3])
    write_tower(directory, torch.from_numpy(projection), seed=seed)
    write_sidecar(directory, initial_heads(random))
    if effort.photos == 0:
        say("random heads: nothing learned")
        return
    photos = read_photos(split_photos(data_directory()).learn[: effort.photos])
    marks = read_marks(HELD_OUT_MARKS + effort.marks, seed=seed)[HELD_OUT_MARKS:]
    say(f"learning from {len(photos)} photos and {len(marks)} marks")
    write_sidecar(directory, learn_heads(directory, photos, marks, random, effort))


def learn_heads(
    directory: Path, photos: list[Pixels], marks: list[Mark], random: np.random.Generator, effort: Effort
) -> Sidecar:
    """All three heads on the tower in `directory`."""
    embedder, initial = _load(directory), read_sidecar(directory)
    if initial is None:
        raise ModelError(f"{directory} has no sidecar; build writes one before it learns")
    photo = learn_photo(embedder, initial, photos, random, effort)
    return learn_logo(embedder, dataclasses.replace(initial, photo=photo), photos, marks, random=random, effort=effort)


def measure(directory: Path, *, seed: int) -> Measured:
    """Retrieval of the model in `directory` on the held-out photos and marks that a build of `seed` never saw."""
    embedder = _load(directory)
    photos = read_photos(split_photos(data_directory()).hold_out)
    logos, windows = measure_logos(embedder, photos, read_marks(HELD_OUT_MARKS, seed=seed), seed=seed)
    return Measured(measure_copies(embedder, photos, seed=seed), logos, windows)


def _load(directory: Path) -> ClipEmbedder:
    return ClipEmbedder(load_checkpoint(f"local-dir:{directory}", device="cpu", precision="auto"), directory.name)


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
    return Projection(parts, np.zeros(size, np.float32), orthogonal(random, dim, size))


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """A random `[rows, columns]` matrix with orthonormal rows."""
    basis, _ = np.linalg.qr(random.standard_normal((columns, rows)))
    return np.ascontiguousarray(basis.T, np.float32)
