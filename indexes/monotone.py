"""A monotone model of one kind's evidence: ramps over features, weighed and added, then a curve to a confidence.

Place in the flow: `indexes.scoring` holds one of these for each kind and applies it; `training.fitting` makes them.
Stronger evidence never lowers a score: every weight is at least zero, every curve rises. Pure numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from indexes.errors import CalibrationError

NO_GATE: Final = -2.0
"""An excess that every candidate reaches."""


def logistic(log_odds: float) -> float:
    """The probability of `log_odds`, which are cut at 60."""
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, log_odds))))


def logit(probability: float) -> float:
    """The log-odds of a probability between 0 and 1, which it must not reach."""
    return math.log(probability) - math.log1p(-probability)


_LEAST: Final = 1e-9  # a score of 0 has no log-odds


@dataclass(frozen=True, slots=True)
class Term:
    """`weight` times how far the product of the features `of` has come on its way from `low` to `high`, in [0, 1]."""

    of: tuple[str, ...]
    weight: float
    low: float = 0.0
    high: float = 1.0

    def value(self, features: Mapping[str, float]) -> float:
        """What the term adds to the log-odds; a missing feature counts as 0."""
        product = math.prod(max(0.0, features.get(name, 0.0)) for name in self.of)
        return self.weight * min(1.0, max(0.0, (product - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets a candidate pass to the next tier where the non-negative `weights` and `terms` and the `bias` reach 0."""

    weights: Mapping[str, float]
    bias: float
    terms: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        _check(self.weights, self.terms, [self.bias])

    def passes(self, features: Mapping[str, float]) -> bool:
        """Whether a candidate with these features is worth more; a missing feature counts as 0."""
        return _log_odds(self.weights, self.terms, self.bias, features) >= 0

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"weights": dict(self.weights), "terms": _terms_as_json(self.terms), "bias": self.bias}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Gate:
        """The gate that `as_json` wrote; the built-in errors of whatever is missing or of another type."""
        return cls(_weights_from_json(content), float(content["bias"]), _terms_from_json(content))


def _check(weights: Mapping[str, float], terms: tuple[Term, ...], numbers: Sequence[float]) -> None:
    """Raises CalibrationError where a number is not finite, a weight negative or a term does not rise."""
    every = [*numbers, *weights.values(), *(one for term in terms for one in (term.low, term.high, term.weight))]
    if not all(math.isfinite(number) for number in every):
        raise CalibrationError("a calibration holds a number that is not finite: fit it again")
    if any(weight < 0 for weight in (*weights.values(), *(term.weight for term in terms))):
        raise CalibrationError("a calibration has a negative weight, so it would not be monotone: fit it again")
    if any(term.low >= term.high or not term.of for term in terms):
        raise CalibrationError("a calibration's term must rise over a range: fit it again")


def _log_odds(
    weights: Mapping[str, float], terms: tuple[Term, ...], bias: float, features: Mapping[str, float]
) -> float:
    total = bias + sum(weight * features.get(name, 0.0) for name, weight in weights.items())
    return total + sum(term.value(features) for term in terms)


def _terms_as_json(terms: tuple[Term, ...]) -> list[dict[str, Any]]:
    return [{"of": list(term.of), "from": term.low, "to": term.high, "weight": term.weight} for term in terms]


def _terms_from_json(content: Mapping[str, Any]) -> tuple[Term, ...]:
    return tuple(
        Term(tuple(map(str, term["of"])), float(term["weight"]), float(term["from"]), float(term["to"]))
        for term in content.get("terms", ())
    )


def _weights_from_json(content: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(weight) for name, weight in content["weights"].items()}


@dataclass(frozen=True, slots=True)
class KindModel:
    """Non-negative `weights` and `terms` over the features and a `bias` give a score; `curve` is monotone knots.

    A knot is (score, confidence). `prior` is the share of right answers the curve was fitted for. `floor` is the
    similarity below which a candidate was never a match, -1 where that was not measured; `gate` is the same of the
    similarity's excess over the background's, and `lead` the excess that the first of a picture's candidates has to
    reach: where none does, none was a match. `glance` is what a first look at the pixels has to show.
    """

    weights: Mapping[str, float]
    bias: float
    curve: tuple[tuple[float, float], ...]
    floor: float = -1.0
    terms: tuple[Term, ...] = ()
    prior: float = 0.5
    gate: float = NO_GATE
    lead: float = NO_GATE
    glance: Gate | None = None

    def __post_init__(self) -> None:
        knots = [value for knot in self.curve for value in knot]
        _check(self.weights, self.terms, [self.bias, self.floor, self.gate, self.lead, *knots])
        if not 0 < self.prior < 1:
            raise CalibrationError("a calibration's prior must lie between 0 and 1: fit it again")
        if len(self.curve) < 2 or any(a[0] >= b[0] or a[1] > b[1] for a, b in pairwise(self.curve)):
            raise CalibrationError("a calibration's curve must rise in score and not fall in confidence: fit it again")
        if self.curve[0][1] < 0 or self.curve[-1][1] > 1:
            raise CalibrationError("a calibration's confidences must lie in [0, 1]: fit it again")

    def log_odds(self, features: Mapping[str, float]) -> float:
        """The weighted sum before the logistic; a missing feature counts as 0."""
        return _log_odds(self.weights, self.terms, self.bias, features)

    def highest(self, share: float) -> float:
        """The log-odds at which confidence reaches `share` (below 1) of the most that the curve gives."""
        goal = share * self.curve[-1][1]
        score = _LEAST
        for (x0, y0), (x1, y1) in pairwise(self.curve):
            if y0 <= goal < y1:
                score = x0 + (x1 - x0) * (goal - y0) / (y1 - y0)
        return logit(max(score, _LEAST))

    def score(self, features: Mapping[str, float]) -> float:
        """Logistic of `log_odds`."""
        return logistic(self.log_odds(features))

    def confidence(self, score: float, prior: float | None = None) -> float:
        """Piecewise-linear between the knots, flat outside them; for another `prior` moved in log-odds.

        Saerens, Latinne and Decaestecker, Neural Computation 14, 2002.
        """
        fitted = self._fitted(score)
        if prior is None or not 0 < fitted < 1:
            return fitted
        return logistic(logit(fitted) + logit(prior) - logit(self.prior))

    def _fitted(self, score: float) -> float:
        place = bisect_right(self.curve, (score, math.inf))
        if place == 0:
            return self.curve[0][1]
        if place == len(self.curve):
            return self.curve[-1][1]
        (x0, y0), (x1, y1) = self.curve[place - 1], self.curve[place]
        return y0 + (y1 - y0) * (score - x0) / (x1 - x0)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        content = {
            "weights": dict(self.weights),
            "terms": _terms_as_json(self.terms),
            "bias": self.bias,
            "prior": self.prior,
            "curve": [list(knot) for knot in self.curve],
            "floor": self.floor,
            "gate": self.gate,
        }
        content |= {} if self.lead == NO_GATE else {"lead": self.lead}
        return content | ({} if self.glance is None else {"glance": self.glance.as_json()})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> KindModel:
        """The model that `as_json` wrote; the built-in errors of whatever is missing or of another type."""
        return cls(
            weights=_weights_from_json(content),
            bias=float(content["bias"]),
            curve=tuple((float(x), float(y)) for x, y in content["curve"]),
            floor=float(content.get("floor", -1.0)),
            terms=_terms_from_json(content),
            prior=float(content.get("prior", 0.5)),
            gate=float(content.get("gate", NO_GATE)),
            lead=float(content.get("lead", NO_GATE)),
            glance=Gate.from_json(content["glance"]) if "glance" in content else None,
        )
