"""Fits one kind's calibration: non-negative feature weights, then a monotone curve from score to confidence.

Place in the flow: `training.calibrate` gathers labelled evidence, this fits it, `indexes.scoring` applies it. Pure
functions of arrays. The curve is isotonic regression (pool adjacent violators; Barlow et al., 1972) on pictures that
the weights were not fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from indexes.scoring import KindModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Evidence of one candidate: its features, whether it is right, and the picture it was asked for."""

    features: Mapping[str, float]
    right: bool
    query: str


def fit_kind(rows: Sequence[Labelled], names: Sequence[str], *, ridge: float = 0.3) -> KindModel:
    """A model over the features `names`, curve included. Needs right and wrong rows of several pictures."""
    weights, bias = fit_weights(rows, names, ridge=ridge)
    flat = KindModel(weights, bias, ((0.0, 0.0), (1.0, 1.0)))
    scores: dict[str, tuple[float, bool]] = {}
    for row in rows:
        score = flat.score(row.features)
        if row.query not in scores or score > scores[row.query][0]:
            scores[row.query] = score, row.right
    best = np.array(list(scores.values()), np.float64).reshape(-1, 2)
    return KindModel(weights, bias, fit_curve(best[:, 0], best[:, 1]))


def fit_weights(rows: Sequence[Labelled], names: Sequence[str], *, ridge: float) -> tuple[dict[str, float], float]:
    """Logistic regression with weights held at or above zero; right and wrong rows weigh the same in all."""
    design = np.array([[row.features.get(name, 0.0) for name in names] for row in rows], np.float64)
    truth = np.array([row.right for row in rows], np.float64)
    mass = np.where(truth > 0, 0.5 / max(1.0, truth.sum()), 0.5 / max(1.0, (1 - truth).sum()))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        total = design @ parameters[:-1] + parameters[-1]
        value = float((mass * (np.logaddexp(0, total) - truth * total)).sum())
        error = mass * (1 / (1 + np.exp(-total)) - truth)
        slope = np.append(design.T @ error + 2e-3 * ridge * parameters[:-1], error.sum())
        return value + 1e-3 * ridge * float((parameters[:-1] ** 2).sum()), slope

    bounds = [(0.0, None)] * len(names) + [(None, None)]
    found = minimize(loss, np.append(np.ones(len(names)), -3.0), jac=True, method="L-BFGS-B", bounds=bounds)
    weights = {name: round(float(value), 4) for name, value in zip(names, found.x[:-1], strict=True) if value > 1e-4}
    return weights, round(float(found.x[-1]), 4)


def fit_curve(scores: Floats, truth: Floats, *, prior: float = 0.5) -> tuple[tuple[float, float], ...]:
    """Monotone knots (score, confidence) from (0, 0) on.

    The pictures are weighed so that right answers make up `prior`. Every level keeps the doubt its number of
    pictures leaves: n pictures without an error count as one error in n + 2.
    """
    positives = max(1.0, float(truth.sum()))
    negatives = max(1.0, float((1 - truth).sum()))
    weight = np.where(truth > 0, prior / positives, (1 - prior) / negatives) * len(truth)
    levels = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(scores, truth, sample_weight=weight)
    knots = [(0.0, 0.0)]
    for level in np.unique(levels):
        members = np.sort(scores[levels == level])
        doubted = (level * len(members) + 0.5) / (len(members) + 1)
        low, high = np.quantile(members, [0.1, 0.9]) if level > 0 else (members[0], members[-1])
        knots += [(float(low), doubted if level > 0 else 0.0), (float(high), doubted)]
    return _monotone([*knots, (1.0, knots[-1][1])])


def _monotone(knots: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Knots with rising scores and confidences that do not fall, rounded."""
    kept: list[tuple[float, float]] = []
    for score, confidence in sorted((round(x, 5), round(y, 5)) for x, y in knots):
        if kept and score <= kept[-1][0]:
            kept[-1] = kept[-1][0], max(kept[-1][1], confidence)
        else:
            kept.append((score, max(confidence, kept[-1][1] if kept else 0.0)))
    return tuple(kept)
