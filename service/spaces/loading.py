"""A model made ready to judge: its embedder tried out, its calibration, its index and the search over it.

A model that cannot be used is refused here, before anything of the running service is touched: unknown names, damaged
files, pickles and towers without a dense map by `vision.embedders`, and numbers that make no sense by a trial.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from indexes.background import BACKGROUND, Background
from indexes.errors import CalibrationError
from indexes.gallery import Gallery
from indexes.scoring import Calibration
from service.errors import ServiceError
from service.pipeline import Engine
from service.pipeline.canary import canary_picture
from service.spaces.records import Identity
from vision.embedders import calibration_path, model_directory
from vision.embedding import MAX_QUERY_LOGO_VECTORS, MAX_REFERENCE_VECTORS, Embedder, Kind, Regions
from vision.embedding import Space as VectorSpace
from vision.errors import ModelError, VisionError
from vision.images import decode

_LOG = logging.getLogger("brandwarden.spaces")
_LARGEST_DIM = 8192

Loads: TypeAlias = Callable[[str], Embedder]
"""Loads the model of a name, as the `model` setting takes it; raises `vision.errors.ModelError`."""


class ModelRefused(ServiceError):
    """A model that cannot be used; nothing of the running service has changed."""

    status, slug, title = 422, "model-refused", "Model refused"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSpace:
    """One model in this process with its index and search, ready to judge."""

    model: Model
    gallery: Gallery
    engine: Engine

    @property
    def id(self) -> str:
        """The id of its space."""
        return self.model.space.id


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was tried out, with its calibration and its background set; it has no index yet."""

    name: str
    embedder: Embedder
    calibration: Calibration
    background: Background | None

    @property
    def space(self) -> VectorSpace:
        """Its space."""
        return self.embedder.space

    @property
    def background_of_calibration(self) -> Background | None:
        """The background set, where it is the one the calibration was fitted with."""
        background = self.background
        return background if background is not None and background.version == self.calibration.background else None

    @property
    def identity(self) -> Identity:
        """What its row says."""
        space = self.space
        return Identity(
            id=space.id,
            model=self.name,
            photo_dim=space.photo_dim,
            logo_dim=space.logo_dim,
            calibration=self.calibration.version,
            calibrated=self.calibration.calibrated,
        )


def load_model(name: str, load: Loads, expected: Mapping[Kind, float | None]) -> Model:
    """Load a model and try it on a picture, its confidences moved to the `expected` shares. Raises `ModelRefused`."""
    try:
        embedder = load(name)
        try_out(embedder)
        engine = embedder.engine
        _LOG.info("the model %s runs on %s at %s: %s", name, engine.name, engine.precision, engine.why)
        calibration = load_calibration(name, embedder.space).expecting(expected)
        return Model(name, embedder, calibration, load_background(name, embedder.space))
    except (VisionError, CalibrationError) as error:
        raise ModelRefused(f"The model {name} cannot be used: {error}.", model=name) from error
    except Exception as error:  # engines raise anything for shapes that do not fit
        _LOG.exception("the model %s failed on a picture", name)
        raise ModelRefused(
            f"The model {name} was loaded and fails on a picture ({error}): its weights do not fit its configuration.",
            model=name,
        ) from error


def try_out(embedder: Embedder) -> None:
    """Embed a picture in every way there is; `ModelError` for vectors that no index takes."""
    pixels = decode(canary_picture()).pixels
    prepared = [embedder.prepare(pixels)]
    (query,) = embedder.embed_queries(prepared)
    space = embedder.space
    _check("photo regions", query.photo, space.photo_dim, MAX_REFERENCE_VECTORS)
    _check("logo windows", query.logo, space.logo_dim, MAX_QUERY_LOGO_VECTORS)
    _check("reference photos", embedder.embed_photos(prepared)[0], space.photo_dim, MAX_REFERENCE_VECTORS)
    _check("reference logos", embedder.embed_logos([pixels])[0], space.logo_dim, MAX_REFERENCE_VECTORS)


def load_background(model: str, space: VectorSpace) -> Background | None:
    """The background set that travels with `model`, where there is one of this very space."""
    directory = model_directory(model)
    path = directory / BACKGROUND if directory else None
    if path is None or not path.is_file():
        return None
    background = Background.load(path)
    if background.space_id == space.id:
        return background
    _LOG.warning("the background set of %s was made in space %s, not %s", model, background.space_id, space.id)
    return None


def load_calibration(model: str, space: VectorSpace) -> Calibration:
    """The calibration that travels with `model`; without one that fits `space`, nothing goes beyond a review."""
    path = calibration_path(model)
    if path is None:
        return Calibration.uncalibrated()
    calibration = Calibration.load(path)
    if calibration.fits(space.id):
        return calibration.within(space.id)
    _LOG.warning("the calibration of %s was fitted with space %s, not %s", model, calibration.space_id, space.id)
    return Calibration.uncalibrated()


def _check(what: str, regions: Regions, dim: int, most: int) -> None:
    vectors = regions.vectors
    if vectors.ndim != 2 or vectors.shape[1] != dim or not 1 <= dim <= _LARGEST_DIM:
        raise ModelError(f"its {what} have the shape {vectors.shape} where its space says {dim} numbers a vector")
    if not 1 <= len(vectors) <= most or len(regions.boxes) != len(vectors):
        raise ModelError(f"it gives {len(vectors)} {what} where 1 to {most} are wanted")
    if not np.isfinite(vectors).all() or not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-2):
        raise ModelError(
            f"its {what} hold numbers that are not finite, or vectors of no length: its weights are damaged"
        )
