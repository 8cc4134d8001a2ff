"""Evidence → score → confidence: one monotone model per kind, stored as JSON beside the embedder it was fitted with.

Place in the flow: `indexes.search` adds `similarity` to the features of a verified candidate and asks `judge`.
`score` ranks, `confidence` is the calibrated probability that the match is real. Thresholds live in policies, not
here. Fitting lives in `training.calibrate`.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from indexes.errors import CalibrationError
from vision.embedding import KINDS, Kind

ANY_SPACE: Final = "any"
UNCALIBRATED_CAP: Final = 0.75
"""Confidence without a calibration never exceeds this, so it can recommend a review and nothing stronger."""

_NEUTRAL: Final = {
    "photo": {"agreement": 7.0, "central": 5.0},
    "logo": {"own_shape": 12.0},
}
_NEUTRAL_BIAS: Final = {"photo": -7.0, "logo": -4.0}


@dataclass(frozen=True, slots=True)
class Judgement:
    """`score` in (0, 1) ranks matches of a kind; `confidence` in [0, 1] is monotone in it."""

    score: float
    confidence: float


@dataclass(frozen=True, slots=True)
class KindModel:
    """Non-negative `weights` per feature and a `bias` give a score; `curve` is monotone (score, confidence) knots.

    `floor` is the similarity below which a candidate was never a match; -1 where that was not measured.
    """

    weights: Mapping[str, float]
    bias: float
    curve: tuple[tuple[float, float], ...]
    floor: float = -1.0

    def __post_init__(self) -> None:
        numbers = [self.bias, self.floor, *self.weights.values(), *(value for knot in self.curve for value in knot)]
        if not all(math.isfinite(number) for number in numbers):
            raise CalibrationError("a calibration holds a number that is not finite: fit it again")
        if any(weight < 0 for weight in self.weights.values()):
            raise CalibrationError("a calibration has a negative weight, so it would not be monotone: fit it again")
        if len(self.curve) < 2 or any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(self.curve)):
            raise CalibrationError("a calibration's curve must rise in score and not fall in confidence: fit it again")
        if self.curve[0][1] < 0 or self.curve[-1][1] > 1:
            raise CalibrationError("a calibration's confidences must lie in [0, 1]: fit it again")

    def score(self, features: Mapping[str, float]) -> float:
        """Logistic of the weighted sum; a missing feature counts as 0."""
        total = self.bias + sum(weight * features.get(name, 0.0) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))

    def confidence(self, score: float) -> float:
        """Piecewise-linear between the knots, flat outside them."""
        place = bisect_right(self.curve, (score, math.inf))
        if place == 0:
            return self.curve[0][1]
        if place == len(self.curve):
            return self.curve[-1][1]
        (x0, y0), (x1, y1) = self.curve[place - 1], self.curve[place]
        return y0 + (y1 - y0) * (score - x0) / (x1 - x0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One model per kind. `version` hashes the content; `space_id` is the space it was fitted with, or `any`.

    Pixels alone can be weighed in any space; floors of similarity hold in `floor_space` only (empty: no floors).
    """

    kinds: Mapping[Kind, KindModel]
    space_id: str
    calibrated: bool
    floor_space: str = ""
    version: str = field(init=False)

    def __post_init__(self) -> None:
        if set(self.kinds) != set(KINDS):
            raise CalibrationError(f"a calibration needs a model for each of {', '.join(KINDS)}: fit it again")
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))
        content = json.dumps(self.as_json(), sort_keys=True).encode()
        object.__setattr__(self, "version", "cal_" + hashlib.sha256(content).hexdigest()[:12])

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file. Raises CalibrationError, naming the file, when it cannot be used."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                kinds={kind: _model(content["kinds"][kind]) for kind in KINDS},
                space_id=str(content["space_id"]),
                calibrated=True,
                floor_space=str(content.get("floor_space", "")),
            )
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from error
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise CalibrationError(
                f"{path} is not a calibration ({error!r}): fit one with `brandwarden-train calibrate`"
            ) from error

    @classmethod
    def uncalibrated(cls) -> Calibration:
        """Neutral weights for a space without a calibration: it ranks, and its confidence is capped."""
        curve = ((0.0, 0.0), (1.0, UNCALIBRATED_CAP))
        kinds = {kind: KindModel(_NEUTRAL[kind], _NEUTRAL_BIAS[kind], curve) for kind in KINDS}
        return cls(kinds=kinds, space_id=ANY_SPACE, calibrated=False)

    def fits(self, space_id: str) -> bool:
        """Whether it was fitted with this space, or with any."""
        return self.space_id in (ANY_SPACE, space_id)

    def within(self, space_id: str) -> Calibration:
        """The same calibration for use in a space: without floors unless they were measured in it."""
        if self.floor_space == space_id:
            return self
        kinds = {kind: replace(model, floor=-1.0) for kind, model in self.kinds.items()}
        return replace(self, kinds=kinds, floor_space="")

    def judge(self, kind: Kind, features: Mapping[str, float]) -> Judgement:
        """Score and confidence of one match of `kind`."""
        model = self.kinds[kind]
        score = model.score(features)
        return Judgement(score=score, confidence=model.confidence(score))

    def floor(self, kind: Kind) -> float:
        """Similarity (inner product) below which a candidate of `kind` is not worth verifying; -1 for none."""
        return self.kinds[kind].floor

    def as_json(self) -> dict[str, Any]:
        """What `save` writes, without the version."""
        return {
            "format": 1,
            "space_id": self.space_id,
            "floor_space": self.floor_space,
            "kinds": {
                kind: {
                    "weights": dict(model.weights),
                    "bias": model.bias,
                    "curve": [list(knot) for knot in model.curve],
                    "floor": model.floor,
                }
                for kind, model in self.kinds.items()
            },
        }

    def save(self, path: Path, notes: Mapping[str, Any] | None = None) -> None:
        """Write the file, with `notes` (what it was fitted on) that do not count towards the version."""
        content = {"version": self.version, **self.as_json(), "notes": dict(notes or {})}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _model(content: Mapping[str, Any]) -> KindModel:
    return KindModel(
        weights={str(name): float(weight) for name, weight in content["weights"].items()},
        bias=float(content["bias"]),
        curve=tuple((float(x), float(y)) for x, y in content["curve"]),
        floor=float(content.get("floor", -1.0)),
    )
