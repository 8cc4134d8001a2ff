"""Fits one kind's calibration: non-negative weights of the evidence, then a monotone curve from score to confidence.

Place in the flow: `training.calibrate` gathers labelled evidence, this fits it, `indexes.scoring` applies it. Pure
functions of arrays. The curve is a logistic of the score's log-odds over each picture's best candidate (Platt, 1999),
free to rise faster in places, and laid down as straight pieces. It is fitted on scores of pictures whose home, product
or brand the weights had not seen. `training.crossfit` judges all of it the same way.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from indexes.monotone import KindModel, Term, logistic, logit

Floats = NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]
Shape = Literal["linear", "ramps", "products"]
SHAPES: Final[tuple[Shape, ...]] = ("linear", "ramps", "products")
"""What a score may be made of: the features, also ramps over thirds of each, also ramps over products of two."""
FOLDS: Final = 5


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


SECOND_PHOTO = ("copy/paste/", "copy/collage/", "copy/feed/", "copy/covered/")


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


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture's best candidate: its log-odds before any curve, and whether it is right."""

    log_odds: float
    right: bool


def fit_kind(
    rows: Sequence[Labelled], names: Sequence[str], *, shape: Shape = "linear", ridge: float = 0.3, prior: float = 0.5
) -> KindModel:
    """A model over the features `names`, curve included; right answers make up `prior` of the pictures.

    Needs right and wrong rows of several pictures.
    """
    fresh: list[Answer] = []
    for fold in sorted({fold_of(row) for row in rows}):
        seen, held = split(rows, fold)
        if {row.right for row in seen} == {True, False}:
            fresh += answers(held, fit_weights(seen, names, shape=shape, ridge=ridge))
    model = fit_weights(rows, names, shape=shape, ridge=ridge)
    found = fresh or answers(rows, model)
    odds, truth = (np.array([getattr(one, name) for one in found], np.float64) for name in ("log_odds", "right"))
    return replace(model, curve=fit_curve(odds, truth, prior=prior), prior=prior)


def fold_of(row: Labelled) -> int:
    """The fold a row is judged in, by its group; without one by its picture."""
    return _fold(row.group or row.query)


def _fold(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % FOLDS


def split(rows: Sequence[Labelled], fold: int) -> tuple[list[Labelled], list[Labelled]]:
    """What may be fitted on when `fold` is judged, and the rows of the fold: no group of it is seen in either role."""
    seen = [row for row in rows if fold_of(row) != fold and not (row.other and _fold(row.other) == fold)]
    return seen, [row for row in rows if fold_of(row) == fold]


def answers(rows: Sequence[Labelled], model: KindModel) -> list[Answer]:
    """The best candidate of each picture."""
    best: dict[str, Answer] = {}
    for row in rows:
        odds = model.log_odds(row.features)
        if row.query not in best or odds > best[row.query].log_odds:
            best[row.query] = Answer(odds, row.right)
    return list(best.values())


def fit_weights(
    rows: Sequence[Labelled], names: Sequence[str], *, shape: Shape = "linear", ridge: float = 0.3
) -> KindModel:
    """Logistic regression with weights held at or above zero; right and wrong rows weigh the same in all."""
    values = {name: np.array([row.features.get(name, 0.0) for row in rows], np.float64) for name in names}
    terms = _terms(values, shape)
    design = np.stack([*values.values(), *(_ramp(term, values) for term in terms)], axis=1)
    truth = np.array([row.right for row in rows], np.float64)
    mass = np.where(truth > 0, 0.5 / max(1.0, truth.sum()), 0.5 / max(1.0, (1 - truth).sum()))
    found = _rising(design, truth, mass, 1e-3 * ridge)
    weights = {name: round(float(value), 4) for name, value in zip(names, found, strict=False) if value > 1e-4}
    kept = zip(terms, found[len(names) : -1], strict=True)
    return KindModel(
        weights=weights,
        bias=round(float(found[-1]), 4),
        curve=((0.0, 0.0), (1.0, 1.0)),
        terms=tuple(replace(term, weight=round(float(value), 4)) for term, value in kept if value > 1e-3),
    )


def _terms(values: Mapping[str, Floats], shape: Shape) -> list[Term]:
    """Ramps over thirds of the values that right and wrong candidates have."""
    if shape == "linear":
        return []
    sets: list[tuple[str, ...]] = [(name,) for name in values]
    if shape == "products":
        sets += list(combinations(values, 2))
    terms = []
    for of in sets:
        knots = np.unique(np.round([0.0, *np.quantile(_ramp(Term(of, 1.0), values), (0.33, 0.67)), 1.0], 3))
        terms += [Term(of, 1.0, float(low), float(high)) for low, high in pairwise(knots) if high - low > 0.02]
    return terms


def _ramp(term: Term, values: Mapping[str, Floats]) -> Floats:
    """`Term.value` of many rows at once, for a weight of 1."""
    product = np.prod([np.maximum(values[name], 0.0) for name in term.of], axis=0)
    return np.asarray(np.clip((product - term.low) / (term.high - term.low), 0, 1), np.float64)


def _rising(design: Floats, truth: Floats, mass: Floats, ridge: float, slopes: Sequence[float] = ()) -> Floats:
    """Weights at or above `slopes` (zero where not given) and a bias, by weighted logistic regression."""
    count = design.shape[1]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        total = design @ parameters[:-1] + parameters[-1]
        value = float((mass * (np.logaddexp(0, total) - truth * total)).sum())
        error = mass * (1 / (1 + np.exp(-np.clip(total, -60, 60))) - truth)
        slope = np.append(design.T @ error + 2 * ridge * parameters[:-1], error.sum())
        return value + ridge * float((parameters[:-1] ** 2).sum()), slope

    lowest = [*slopes, *[0.0] * (count - len(slopes))]
    bounds = [(low, None) for low in lowest] + [(None, None)]
    start = np.append(np.full(count, 1.0 / max(1, count)), 0.0)
    start[:-1] = np.maximum(start[:-1], lowest)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 400})
    return np.asarray(found.x, np.float64)


def fit_curve(log_odds: Floats, truth: Floats, *, prior: float = 0.5) -> Curve:
    """Monotone knots (score, confidence) from (0, 0) to (1, nearly 1), of scores given by their log-odds.

    Fitted as if every second picture had a right answer, then moved to `prior`; the targets keep the doubt that a
    limited number of pictures leaves. So does the highest confidence: of either sort half an answer more may be on the
    other side. What the wrong answers support at 95 %, 3 / n, stands in the notes (`training.crossfit`).
    """
    positives, negatives = float(truth.sum()), float((1 - truth).sum())
    target = np.where(truth > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    mass = np.where(truth > 0, 0.5 / max(1.0, positives), 0.5 / max(1.0, negatives))
    bends = np.unique(np.quantile(log_odds, (0.1, 0.3, 0.5, 0.7, 0.9)).round(2))
    fitted = _rising(_bent(log_odds, bends), target, mass, 1e-4, slopes=(0.05,))
    scores = np.linspace(-10, 10, 41)
    levels = _bent(scores, bends) @ fitted[:-1] + fitted[-1]
    highest = math.log(2 * min(positives, negatives) + 1)
    moved = [logistic(min(float(level), highest) + logit(prior)) for level in levels]
    inner = [(round(logistic(float(x)), 6), round(y, 6)) for x, y in zip(scores, moved, strict=True)]
    return ((0.0, 0.0), *inner, (1.0, round(max(moved), 6)))


def _bent(log_odds: Floats, bends: Floats) -> Floats:
    """The log-odds themselves and how far they have come between each two bends."""
    between = [np.clip((log_odds - low) / (high - low), 0, 1) for low, high in pairwise(bends)]
    return np.stack([log_odds, *between], axis=1)
