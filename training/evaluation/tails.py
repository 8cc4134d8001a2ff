"""What the negatives support: the rule of three, and a fitted tail for rates rarer than they can show.

Place in the flow: part of `training.evaluation.summary`. Ten million listings a day and a hundred false flags a day is
a rate of 1e-5; a thousand negative pictures cannot show that. The tail above the 90th percentile of the negatives'
strongest wrong answers is fitted with a generalised Pareto distribution by probability-weighted moments (Hosking and
Wallis, 1987), on the logit of the score. An extrapolation, and called one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_SHARE: Final = 0.1
_FEWEST: Final = 20
_EDGE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Tail:
    """P(logit score > x) = `share` · (1 + `shape` (x - `start`) / `scale`)^(-1 / `shape`) for x above `start`."""

    start: float
    share: float
    scale: float
    shape: float

    def rate(self, score: float) -> float:
        """The fitted share of negatives whose strongest wrong answer exceeds `score`, in [0, share]."""
        beyond = max(0.0, logit(score) - self.start)
        if abs(self.shape) < 1e-6:
            return self.share * math.exp(-beyond / self.scale)
        inner = 1.0 + self.shape * beyond / self.scale
        return self.share * inner ** (-1.0 / self.shape) if inner > 0 else 0.0

    def score(self, rate: float) -> float:
        """The score that the share `rate` of negatives is expected to exceed, in (0, 1)."""
        ratio = rate / self.share
        if ratio >= 1:
            return _expit(self.start)
        if abs(self.shape) < 1e-6:
            return _expit(self.start - self.scale * math.log(ratio))
        return _expit(self.start + self.scale / self.shape * (ratio**-self.shape - 1.0))


def fit_tail(negatives: Sequence[float]) -> Tail | None:
    """The tail of scores in (0, 1), -inf where a picture had no wrong answer; None where there are too few."""
    values = np.asarray([logit(score) for score in negatives if score > -math.inf], np.float64)
    count = round(_SHARE * len(negatives))
    if count < _FEWEST or len(values) <= count:
        return None
    ordered = np.sort(values)
    start = float(ordered[-count - 1])
    beyond = ordered[-count:] - start
    mean = float(beyond.mean())
    weights = 1.0 - (np.arange(1, count + 1) - 0.35) / count
    weighted = float((beyond * weights).mean())
    if mean <= 0 or mean <= 2 * weighted:
        return None
    shape = 2.0 - mean / (mean - 2 * weighted)
    scale = 2.0 * mean * weighted / (mean - 2 * weighted)
    return Tail(start, count / len(negatives), scale, shape)


def supported(false: int, negatives: int) -> float:
    """The largest rate that `false` of `negatives` does not speak against at 95 %: 3/n for none (rule of three)."""
    if not negatives:
        return 1.0
    if not false:
        return min(1.0, 3.0 / negatives)
    rate, spread = false / negatives, 1.96**2
    middle = rate + spread / (2 * negatives)
    reach = 1.96 * math.sqrt(rate * (1 - rate) / negatives + spread / (4 * negatives**2))
    return min(1.0, (middle + reach) / (1 + spread / negatives))


def logit(score: float) -> float:
    """ln(p / (1 - p)), finite for 0 and 1."""
    inside = min(max(score, _EDGE), 1.0 - _EDGE)
    return math.log(inside / (1.0 - inside))


def _expit(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, value))))
