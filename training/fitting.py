"""Fits one kind's calibration: non-negative feature weights, then a monotone curve from score to confidence.

Place in the flow: `training.calibrate` gathers labelled evidence, this fits it, `indexes.scoring` applies it. Pure
functions of arrays. The curve is Platt's logistic of the score's log-odds over each picture's best candidate, laid
down as straight pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from indexes.scoring import KindModel

Floats = NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Evidence of one candidate: its features, whether it is right, and the picture it was asked for.

    `group` is what that picture was made of (a home, a product, a brand) and `other` the group of the candidate: no
    group may be fitted on and judged by at once. Empty where nobody knows.
    """

    features: Mapping[str, float]
    right: bool
    query: str
    group: str = ""
    other: str = ""


SECOND_PHOTO = ("copy/paste/", "copy/collage/")


def without_twins(rows: Sequence[Labelled]) -> list[Labelled]:
    """The rows without wrong pairs that may well be right.

    Photo sets hold some pictures twice: where all blocks agree closely it is the same photograph under another name,
    and so are the edits of such a photo. Pastes and collages hold a second photo, which may be such a twin.
    """
    same = {row.query.rpartition("/")[2] for row in rows if row.query.startswith("other/plain/") and _twin(row)}
    return [
        row
        for row in rows
        if row.right
        or not (
            _twin(row)
            or row.query.startswith(SECOND_PHOTO)
            or (row.query.startswith("other/") and row.query.rpartition("/")[2] in same)
        )
    ]


def _twin(row: Labelled) -> bool:
    return not row.right and min(row.features.get(name, 0.0) for name in ("agreeing", "close", "whole", "layout")) > 0.9


def fit_kind(rows: Sequence[Labelled], names: Sequence[str], *, ridge: float = 0.3, prior: float = 0.5) -> KindModel:
    """A model over the features `names`, curve included; right answers make up `prior` of the pictures.

    Needs right and wrong rows of several pictures.
    """
    weights, bias = fit_weights(rows, names, ridge=ridge)
    flat = KindModel(weights, bias, ((0.0, 0.0), (1.0, 1.0)))
    scores: dict[str, tuple[float, bool]] = {}
    for row in rows:
        score = flat.score(row.features)
        if row.query not in scores or score > scores[row.query][0]:
            scores[row.query] = score, row.right
    best = np.array(list(scores.values()), np.float64).reshape(-1, 2)
    return KindModel(weights, bias, fit_curve(best[:, 0], best[:, 1], prior=prior))


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


def fit_curve(scores: Floats, truth: Floats, *, prior: float = 0.5) -> Curve:
    """Monotone knots (score, confidence) from (0, 0) to (1, nearly 1).

    The pictures are weighed so that right answers make up `prior`; the targets keep the doubt that a limited number
    of pictures leaves (Platt, 1999), and so does the last knot.
    """
    odds = _log_odds(scores)
    positives, negatives = float(truth.sum()), float((1 - truth).sum())
    target = np.where(truth > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    mass = np.where(truth > 0, prior / max(1.0, positives), (1 - prior) / max(1.0, negatives))

    def loss(line: Floats) -> float:
        total = np.exp(line[0]) * odds + line[1]
        return float((mass * (np.logaddexp(0, total) - target * total)).sum())

    slope, shift = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    knots = 1 / (1 + np.exp(-np.linspace(-8, 8, 33)))
    levels = 1 / (1 + np.exp(-(np.exp(slope) * _log_odds(knots) + shift)))
    best = (positives + 0.5) / (positives + 1)
    inner = [(round(float(x), 5), round(min(float(y), best), 5)) for x, y in zip(knots, levels, strict=True)]
    return ((0.0, 0.0), *inner, (1.0, round(best, 5)))


def _log_odds(scores: Floats) -> Floats:
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)), np.float64)
