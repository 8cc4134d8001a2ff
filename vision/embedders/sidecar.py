"""What a Brandwarden model directory holds beside open_clip's two files: how its maps become vectors.

`brandwarden.json` says which maps are read and how they are pooled, `brandwarden_heads.safetensors` holds the
matrices. Both are written by `brandwarden-train fit` and read by `vision.embedders.clip`; a model without them is
used with plain defaults. Only safetensors are read, never a pickle.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from vision.errors import ModelError

SIDECAR: Final = "brandwarden.json"
HEADS: Final = "brandwarden_heads.safetensors"
FORMAT: Final = 1
POOLING: Final = "pooling-1"
"""Named in every space id: change it when the way from maps to vectors changes for the same files."""
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """One map's share of a descriptor: map number `map` (-1 is the last one), pooled on a `grid` by `grid` raster
    with generalised mean `power` (1 is the mean; other powers need a map without negative values)."""

    map: int
    grid: int = 1
    power: float = 1.0


@dataclass(frozen=True, slots=True)
class Projection:
    """An affine projection of a pooled descriptor: `matrix` `[d, D]`, `mean` `[D]`."""

    parts: tuple[Part, ...]
    mean: Array
    matrix: Array


@dataclass(frozen=True, slots=True)
class Logoness:
    """Logistic regression on windows: weights `[shapes, D]` of the mean feature inside and around, bias `[shapes]`.

    `maps` are resampled to the raster of `cells` by `cells`; `shapes` are windows in cells (columns, rows).
    """

    maps: tuple[int, ...]
    cells: int
    shapes: tuple[tuple[int, int], ...]
    mean: Array
    scale: Array
    inside: Array
    around: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class Sidecar:
    """`side` is the square input in px, `stages` the trunk's feature maps to read before the last one, `view_side`
    the canvas in px of one view of a reference logo and `view_fill` the share of it that the mark covers. `text`
    `[logo_dim, embed_dim]` brings text features to the logo space; None where the text tower was not trained."""

    side: int
    stages: tuple[int, ...]
    view_side: int
    view_fill: float
    photo: Projection
    logo: Projection
    logoness: Logoness


def read_sidecar(directory: Path) -> Sidecar | None:
    """The sidecar of a model directory, None where there is none. Raises `ModelError` for a damaged one."""
    path = directory / SIDECAR
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise ModelError(f"{path} has format {content['format']}, this version reads {FORMAT}; fit the model again")
        return _parse(content, load_file(directory / HEADS))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(f"{path} or {HEADS} beside it is damaged ({error}); install the model again") from error


def write_sidecar(directory: Path, sidecar: Sidecar) -> None:
    """Write both files; matrices are kept as float16."""
    heads = {"photo": sidecar.photo, "logo": sidecar.logo}
    tensors = {f"{name}.{field}": getattr(head, field) for name, head in heads.items() for field in ("mean", "matrix")}
    fields = ("mean", "scale", "inside", "around", "bias")
    tensors |= {f"logoness.{field}": getattr(sidecar.logoness, field) for field in fields}
    save_file({name: np.ascontiguousarray(value, np.float16) for name, value in tensors.items()}, directory / HEADS)
    content = {
        "format": FORMAT,
        "side": sidecar.side,
        "stages": sidecar.stages,
        "view_side": sidecar.view_side,
        "view_fill": sidecar.view_fill,
        **{name: [asdict(part) for part in head.parts] for name, head in heads.items()},
        "logoness": {field: getattr(sidecar.logoness, field) for field in ("maps", "cells", "shapes")},
    }
    (directory / SIDECAR).write_text(json.dumps(content, indent=2) + "\n")


def _parse(content: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Sidecar:
    arrays = {name: np.asarray(value, np.float32) for name, value in tensors.items()}
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    windows = content["logoness"]
    return Sidecar(
        side=int(content["side"]),
        stages=tuple(int(stage) for stage in content["stages"]),
        view_side=int(content["view_side"]),
        view_fill=float(content["view_fill"]),
        photo=_projection(content["photo"], arrays, "photo"),
        logo=_projection(content["logo"], arrays, "logo"),
        logoness=Logoness(
            maps=tuple(int(number) for number in windows["maps"]),
            cells=int(windows["cells"]),
            shapes=tuple((int(width), int(height)) for width, height in windows["shapes"]),
            **{field: arrays[f"logoness.{field}"] for field in ("mean", "scale", "inside", "around", "bias")},
        ),
    )


def _projection(parts: list[dict[str, Any]], arrays: dict[str, Array], name: str) -> Projection:
    mean, matrix = arrays[f"{name}.mean"], arrays[f"{name}.matrix"]
    if matrix.ndim != 2 or mean.shape != matrix.shape[1:]:
        raise ValueError(f"the {name} head takes {mean.shape} and projects {matrix.shape}")
    return Projection(tuple(Part(**part) for part in parts), mean, matrix)
