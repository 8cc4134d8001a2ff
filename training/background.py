"""`brandwarden-train background`: the background set that travels with a model.

Place in the flow: after `fit` or `build`, before `calibrate`, whenever the weights changed. Training photos are
embedded as listings are, and a sample of their regions and windows is spread over all looks by clustering. The photos
used here are left out of the evidence a calibration is fitted on: a picture is no background to itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from indexes.background import BACKGROUND, Background, Limits
from training.clusters import clustered
from training.datasets import data_root, read, training_photos
from training.marks import picture_of, read_marks
from training.plain import plain_pictures
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedding import KINDS, Embedder, Kind, Pixels, Space, Vectors

SHARE: Final = 0.3
VECTORS: Final = 2000
BYTES: Final = 1_300_000
"""Of ordinary vectors, float16; a model with long vectors gets fewer."""
PLAIN: Final = 90
CLUSTERS: Final = 250
MARKS: Final = 600
RARE: Final = 0.997
"""Share of real references that a limit lets pass at least."""


def background(
    model: Annotated[str, typer.Option(help="Model to make the set for: a name or a local-dir:.")] = DEFAULT_MODEL,
    photos: Annotated[int, typer.Option(help="Photos to embed, at most.", min=50)] = 900,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 11,
) -> None:
    """Make the background set of a model, for score normalisation and for refusing references that are too generic."""
    directory = model_directory(model)
    if directory is None:
        raise typer.BadParameter(f"{model} has no directory of its own")
    made = make_background(load_embedder(model, threads=1), training_photos(data_root()), photos=photos, seed=seed)
    made.save(directory / BACKGROUND)
    typer.echo(f"wrote {directory / BACKGROUND} ({made.version})")
    for kind in KINDS:
        typer.echo(f"{kind}: {len(made.ordinary[kind])} vectors, {made.limits[kind]}")


def background_of(model: str, space: Space) -> Background | None:
    """The background set beside a model, where there is one of its space."""
    directory = model_directory(model)
    path = directory / BACKGROUND if directory else None
    made = Background.load(path) if path is not None and path.is_file() else None
    return made if made is not None and made.space_id == space.id else None


def is_background(path: Path) -> bool:
    """Whether a photo belongs to the background; settled by its name, the same for every model."""
    return hashlib.sha256(path.name.encode()).digest()[0] < 256 * SHARE


def make_background(embedder: Embedder, paths: Sequence[Path], *, photos: int, seed: int) -> Background:
    """The background set in the embedder's space, from those of `paths` that belong to it."""
    rng = np.random.default_rng(seed)
    chosen = [path for path in paths if is_background(path)]
    chosen = [chosen[number] for number in rng.permutation(len(chosen))[:photos]]
    regions: dict[Kind, list[Vectors]] = {"photo": [], "logo": []}
    for path in chosen:
        embedding = embedder.embed_queries([embedder.prepare(read(path))])[0]
        for kind in KINDS:
            regions[kind].append(embedding.of(kind).vectors)
    count = min(VECTORS, BYTES // (2 * (embedder.space.photo_dim + embedder.space.logo_dim)))
    ordinary = {kind: spread(np.concatenate(regions[kind]), count, seed=seed) for kind in KINDS}
    plain, fresh = (_plain(embedder, np.random.default_rng((seed, number))) for number in (1, 2))
    real: dict[Kind, list[Vectors]] = {"photo": regions["photo"], "logo": list(_marks(embedder, seed))}
    limits = {kind: limits_of(ordinary[kind], plain[kind], fresh[kind], real[kind]) for kind in KINDS}
    return Background(embedder.space.id, ordinary, plain, limits)


def spread(vectors: Vectors, count: int, *, seed: int) -> Vectors:
    """`count` of the vectors, as evenly from all clusters as these allow."""
    if len(vectors) <= count:
        return vectors
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(vectors))
    home = clustered(vectors, CLUSTERS, seed=seed)[order]
    sizes = np.bincount(home, minlength=CLUSTERS)
    turn = np.empty(len(vectors), np.int64)
    for cluster in range(CLUSTERS):
        turn[home == cluster] = np.arange(sizes[cluster])
    return vectors[order[np.argsort(turn, kind="stable")[:count]]]


def limits_of(ordinary: Vectors, plain: Vectors, fresh: Vectors, real: Sequence[Vectors]) -> Limits:
    """Limits that nearly all `real` references keep and most `fresh` plain pictures break.

    `shared` is what one in a hundred pairs of ordinary pictures reach. `plain` lies halfway between what real
    references and fresh plain pictures reach, or above the real ones where the two cannot be told apart.
    """
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(ordinary), size=(2, 20_000))
    chance = (ordinary[pairs[0]] * ordinary[pairs[1]]).sum(axis=1)[pairs[0] != pairs[1]]
    reached = np.quantile([float((plain @ vectors[0]).max()) for vectors in real], RARE)
    common = np.quantile((fresh @ plain.T).max(axis=1), 0.1)
    return Limits(
        shared=round(float(np.quantile(chance, 0.99)), 3),
        plain=round(float(min(0.999, max(reached, (reached + common) / 2))), 3),
    )


def _plain(embedder: Embedder, rng: np.random.Generator) -> dict[Kind, Vectors]:
    """The whole of each plain picture in both spaces."""
    pictures = list(plain_pictures(PLAIN, rng))
    return {
        "photo": np.stack([embedder.embed_photos([embedder.prepare(one)])[0].vectors[0] for one in pictures]),
        "logo": np.stack([embedder.embed_logos([one])[0].vectors[0] for one in pictures]),
    }


def _marks(embedder: Embedder, seed: int) -> Iterator[Vectors]:
    for mark in read_marks(MARKS, seed=seed + 1):
        drawn: Pixels = picture_of(mark, ink=(0, 0, 0), ground=(255, 255, 255), margin=0.1)
        yield embedder.embed_logos([drawn])[0].vectors
