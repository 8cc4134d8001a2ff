"""What a training run is told: a TOML file as frozen values, every key checked.

Place in the flow: read first by `brandwarden-train fit`; its text travels in every checkpoint.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

LITE: Final = Path(__file__).resolve().parent / "lite.toml"


class ConfigError(ValueError):
    """A configuration that cannot be trained with; the message names the key to mend."""


@dataclass(frozen=True, slots=True)
class Data:
    """How much is read: `photos` and `marks` at most (0 is all), `words` rendered, pictures cached at `side` px."""

    photos: int = 0
    marks: int = 0
    words: int = 3000
    side: int = 384


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: `photos` with an edited copy each at a side of `photo_sides`, `marks` in three tiles of `tile` px.

    `neighbours` is the share of a batch filled with look-alikes of its first part.
    """

    photos: int = 10
    marks: int = 32
    photo_sides: tuple[int, ...] = (224, 256)
    tile: int = 160
    neighbours: float = 0.5


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates of heads and trunk, linear warm-up in steps, then cosine decay; the first blocks stay frozen."""

    heads: float = 2e-4
    trunk: float = 4e-5
    warmup: int = 30
    trunk_after: int = 20
    frozen_blocks: int = 3
    decay: float = 1e-4
    average: float = 0.98


@dataclass(frozen=True, slots=True)
class Losses:
    """Weights and temperatures of the terms; a weight of 0 leaves a term out. `memory` is in vectors."""

    photo: float = 1.0
    logo: float = 1.0
    regions: float = 1.0
    entropy: float = 3.0
    logoness: float = 0.3
    distil: float = 50.0
    photo_temperature: float = 0.05
    logo_temperature: float = 0.07
    memory: int = 2048
    teacher: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """The closed forms: how many batches and scenes they look at, and how strongly covariances are shrunk."""

    batches: int = 140
    scenes: int = 600
    photo_shrinkage: float = 0.3
    logo_shrinkage: float = 0.2


@dataclass(frozen=True, slots=True)
class Judged:
    """How many held-out photographs and marks each judgement takes."""

    photos: int = 160
    marks: int = 120


@dataclass(frozen=True, slots=True)
class Words:
    """The text tower, trained after the pictures with the image tower locked: a step reads `batch` pictures and
    `strangers` names that no photograph shows; `photos` at most are taught (0: all)."""

    steps: int = 600
    batch: int = 128
    strangers: int = 64
    rate: float = 1e-3
    width: int = 64
    layers: int = 2
    heads: int = 4
    context: int = 32
    photos: int = 0


@dataclass(frozen=True, slots=True)
class Config:
    """A whole run. `steps` is what the decay is spread over; `round` steps share their look-alikes and end in a
    checkpoint and an evaluation."""

    seed: int = 7
    steps: int = 600
    round: int = 60
    data: Data = field(default_factory=Data)
    batch: Batch = field(default_factory=Batch)
    rates: Rates = field(default_factory=Rates)
    losses: Losses = field(default_factory=Losses)
    closed: Closed = field(default_factory=Closed)
    judged: Judged = field(default_factory=Judged)
    words: Words = field(default_factory=Words)


T = TypeVar("T")


def read_config(path: Path) -> Config:
    """The configuration in a TOML file. Raises `ConfigError` naming file and key."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
    return parse_config(content)


def parse_config(content: dict[str, Any]) -> Config:
    """A configuration from tables; unknown keys, wrong types and values out of range are refused."""
    config = _fill(Config, content, "")
    _require(config.steps > 0 and config.round > 0, "steps and round must be at least 1")
    _require(config.batch.photos >= 2 and config.batch.marks >= 2, "batch.photos and batch.marks must be at least 2")
    _require(bool(config.batch.photo_sides), "batch.photo_sides must name a side")
    _require(
        all(side % 32 == 0 for side in (*config.batch.photo_sides, config.batch.tile)), "sides are multiples of 32"
    )
    _require(0 <= config.batch.neighbours < 1, "batch.neighbours must be in [0, 1)")
    _require(min(config.losses.photo_temperature, config.losses.logo_temperature) > 0, "temperatures must be above 0")
    for table in (config.data, config.rates, config.losses, config.closed, config.judged, config.words):
        for key, value in dataclasses.asdict(table).items():
            _require(isinstance(value, str) or value >= 0, f"{key} must not be negative")
    return config


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"the fit configuration is out of range: {message}")


def _fill(kind: type[T], content: dict[str, Any], prefix: str) -> T:
    defaults = kind()
    values: dict[str, Any] = {}
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key, value in content.items():
        if key not in known:
            raise ConfigError(f"the fit configuration has no key {prefix}{key}; known are {', '.join(sorted(known))}")
        values[key] = _convert(getattr(defaults, key), value, f"{prefix}{key}")
    return kind(**values)


def _convert(default: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(default):
        if not isinstance(value, dict):
            raise ConfigError(f"{name} in the fit configuration must be a table")
        return _fill(type(default), value, f"{name}.")
    if isinstance(default, tuple) and isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    if isinstance(default, float) and type(value) in (int, float):
        return float(value)
    if type(value) is not type(default):
        raise ConfigError(f"{name} in the fit configuration must be of type {type(default).__name__}, not {value!r}")
    return value
