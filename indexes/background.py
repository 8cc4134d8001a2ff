"""The background set of a model: vectors of ordinary pictures and of plain shapes, to compare with.

Place in the flow: stored beside a model's weights, made by `brandwarden-train background`. Search asks how much a
query resembles pictures that are nobody's (`level`), which tells a telling similarity from a common one; enrolment
asks whether a reference would be found everywhere (`why_generic`). It holds no pictures and bounds no brand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from indexes.errors import CalibrationError
from vision.embedding import KINDS, Kind, Vectors

BACKGROUND: Final = "background.safetensors"
FORMAT: Final = 1
NEAREST: Final = 3
HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Similarities that are too much for a reference: `shared` with half of the background, `plain` with one shape."""

    shared: float
    plain: float


@dataclass(frozen=True)
class Background:
    """Per kind `ordinary` vectors of pictures that are nobody's and `plain` ones of text, stripes and simple shapes.

    All float32 `[n, d]` of the space `space_id`. `version` hashes the content.
    """

    space_id: str
    ordinary: Mapping[Kind, Vectors]
    plain: Mapping[Kind, Vectors]
    limits: Mapping[Kind, Limits]
    version: str = field(init=False)

    def __post_init__(self) -> None:
        for vectors in (*self.ordinary.values(), *self.plain.values()):
            if vectors.ndim != 2 or len(vectors) < NEAREST or not np.isfinite(vectors).all():
                raise CalibrationError(f"a background set needs {NEAREST} finite vectors of each sort: make it again")
        if not {*KINDS} == {*self.ordinary} == {*self.plain} == {*self.limits}:
            raise CalibrationError("a background set needs vectors of every kind: make it again")
        for name in ("ordinary", "plain"):
            rounded = {kind: _halved(vectors) for kind, vectors in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(rounded))
        digest = hashlib.sha256(self._header().encode())
        for kind in KINDS:
            digest.update(self.ordinary[kind].tobytes() + self.plain[kind].tobytes())
        object.__setattr__(self, "version", "bg_" + digest.hexdigest()[:12])

    @classmethod
    def load(cls, path: Path) -> Background:
        """Read a background file. Raises CalibrationError, naming the file, when it cannot be used."""
        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads(file.metadata()["background"])
                tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118 - no mapping
            return cls(
                space_id=str(header["space_id"]),
                ordinary={kind: tensors[f"{kind}.ordinary"] for kind in KINDS},
                plain={kind: tensors[f"{kind}.plain"] for kind in KINDS},
                limits={kind: Limits(**header["limits"][kind]) for kind in KINDS},
            )
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from error
        except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
            raise CalibrationError(
                f"{path} is not a background set ({error!r}): make one with `brandwarden-train background`"
            ) from error

    def save(self, path: Path) -> None:
        """Write the file; vectors are kept as float16."""
        tensors = {f"{kind}.ordinary": self.ordinary[kind].astype(np.float16) for kind in KINDS}
        tensors |= {f"{kind}.plain": self.plain[kind].astype(np.float16) for kind in KINDS}
        save_file(tensors, path, metadata={"background": self._header()})

    def level(self, kind: Kind, queries: Vectors) -> NDArray[np.float32]:
        """For each query vector `[q, d]` its mean similarity to the nearest three of the background, float32 `[q]`.

        What remains of a similarity after subtracting it is comparable between queries (Douze et al., DISC21, 2021).
        """
        if not len(queries):
            return np.empty(0, np.float32)
        products = np.ascontiguousarray((self.ordinary[kind] @ np.ascontiguousarray(queries.T)).T)
        rows, total = np.arange(len(products)), np.zeros(len(products), np.float32)
        for _ in range(NEAREST):  # a quarter of the time of a partition
            nearest = products.argmax(axis=1)
            total += products[rows, nearest]
            products[rows, nearest] = -np.inf
        return np.asarray(total / NEAREST, np.float32)

    def why_generic(self, kind: Kind, vectors: Vectors) -> str | None:
        """Why a reference with these `vectors` `[n, d]` would be found everywhere, or None.

        The first vector stands for the whole picture.
        """
        limits = self.limits[kind]
        everywhere = (self.ordinary[kind] @ vectors.T).max(axis=1) >= limits.shared
        if everywhere.mean() >= HALF:
            return f"it resembles {everywhere.mean():.0%} of ordinary pictures"
        if float((self.plain[kind] @ vectors[0]).max()) >= limits.plain:
            return "it is hardly more than plain text, stripes or a simple shape"
        return None

    def _header(self) -> str:
        limits: dict[str, Any] = {
            kind: {"shared": self.limits[kind].shared, "plain": self.limits[kind].plain} for kind in KINDS
        }
        return json.dumps({"format": FORMAT, "space_id": self.space_id, "limits": limits}, sort_keys=True)


def _halved(vectors: Vectors) -> Vectors:
    """As the file keeps them, so that a set has one version before and after."""
    return np.ascontiguousarray(vectors.astype(np.float16).astype(np.float32))
