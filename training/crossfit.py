"""How well a calibration does on homes, products and brands it was not fitted on, and which shape does best.

Place in the flow: `training.calibrate` asks before it fits on everything. Folds are cut by group; what is judged in a
fold was met by the fit in no role. A model is judged at the share of right answers there is among the pictures, moved
there from the one it was fitted for, so that the move is judged as well. Fits by `training.fitting`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexes.monotone import logistic
from training.evaluation.tails import fit_tail, supported
from training.fitting import SHAPES, Answer, Labelled, Shape, answers, fit_kind, fold_of, split
from training.metrics import calibration_error

FLAGGED = 0.5
_BETTER = 0.99
"""A richer shape has to be at least a hundredth better to be worth its terms."""


@dataclass(frozen=True, slots=True)
class CrossFit:
    """Best candidates of held-out pictures: confidences at the prevalence and at the fitted prior, what they are."""

    shape: Shape
    confidences: tuple[float, ...]
    plain: tuple[float, ...]
    right: tuple[bool, ...]

    @property
    def log_loss(self) -> float:
        """Mean surprise in nats; lower is better."""
        sure = [one if hit else 1 - one for one, hit in zip(self.confidences, self.right, strict=True)]
        return -float(np.mean(np.log(np.maximum(sure, 1e-6)))) if sure else math.inf

    def notes(self) -> dict[str, Any]:
        """For people: calibration error, and what the wrong answers support."""
        wrong = [one for one, hit in zip(self.plain, self.right, strict=True) if not hit]
        flagged, tail = sum(one >= FLAGGED for one in wrong), fit_tail(wrong)
        return {
            "shape": self.shape,
            "pictures": len(self.right),
            "share_right": round(float(np.mean(self.right)), 3),
            "calibration_error": round(calibration_error(self.confidences, self.right), 4),
            "log_loss": round(self.log_loss, 4),
            "wrong": len(wrong),
            "wrong_flagged": flagged,
            "wrong_flagged_at_most": round(supported(flagged, len(wrong)), 5),
            "wrong_flagged_by_fitted_tail": None if tail is None else round(tail.rate(FLAGGED), 6),
        }


def best_shape(rows: Sequence[Labelled], names: Sequence[str], *, prior: float) -> tuple[CrossFit, list[CrossFit]]:
    """The shape with the lowest log loss on held-out groups, the simplest of nearly equal ones; and all of them."""
    tried = [cross_fit(rows, names, shape, prior=prior) for shape in SHAPES]
    best = tried[0]
    for one in tried[1:]:
        if one.log_loss < _BETTER * best.log_loss:
            best = one
    return best, tried


def cross_fit(rows: Sequence[Labelled], names: Sequence[str], shape: Shape, *, prior: float) -> CrossFit:
    """Every picture judged by a model that met neither its group nor, as a reference, anything of its fold."""
    shifted: list[float] = []
    plain: list[float] = []
    right: list[bool] = []
    everyone = [answer.right for answer in _first(rows)]
    prevalence = min(0.99, max(0.01, float(np.mean(everyone)))) if everyone else prior
    for fold in sorted({fold_of(row) for row in rows}):
        seen, held = split(rows, fold)
        if {row.right for row in seen} != {True, False}:
            continue
        model = fit_kind(seen, names, shape=shape, prior=prior)
        for answer in answers(held, model):
            score = logistic(answer.log_odds)
            shifted.append(model.confidence(score, prevalence))
            plain.append(model.confidence(score))
            right.append(answer.right)
    return CrossFit(shape, tuple(shifted), tuple(plain), tuple(right))


def _first(rows: Sequence[Labelled]) -> list[Answer]:
    """One answer a picture, right where any of its candidates is."""
    found: dict[str, bool] = {}
    for row in rows:
        found[row.query] = found.get(row.query, False) or row.right
    return [Answer(0.0, right) for right in found.values()]
