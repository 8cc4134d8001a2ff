"""Retrieval metrics as pure functions. Higher scores are stronger; ties count against the method.

Definitions as in the image similarity challenge (Douze et al., DISC21, arXiv:2106.09672).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """One proposed pair: its score, and whether it is right."""

    score: float
    right: bool


def micro_ap(predictions: Iterable[Prediction], positives: int) -> float:
    """Micro average precision of all pairs ranked together, where `positives` right pairs exist.

    Of equal scores the wrong ones rank first. 0 when there is nothing to find.
    """
    total, hits = 0.0, 0
    for rank, prediction in enumerate(_ranked(predictions), start=1):
        if prediction.right:
            hits += 1
            total += hits / rank
    return total / positives if positives else 0.0


def recall_at_p90(predictions: Iterable[Prediction], positives: int, precision: float = 0.9) -> float:
    """The largest recall at any score cut whose precision is at least `precision`.

    A cut takes all predictions of one score or none of them.
    """
    ranked = _ranked(predictions)
    best, hits = 0.0, 0
    for rank, prediction in enumerate(ranked, start=1):
        hits += prediction.right
        last_of_its_score = rank == len(ranked) or ranked[rank].score != prediction.score
        if last_of_its_score and positives and hits / rank >= precision:
            best = max(best, hits / positives)
    return best


def recall_at_fpr(positives: Sequence[float], negatives: Sequence[float], rate: float) -> float:
    """Share of `positives` that score above all but the `rate` share of `negatives`.

    `positives` are the scores of right answers (-inf for one that was not found), `negatives` each wrong picture's
    best score. A positive that equals the cut does not count. 0 when there are no positives.
    """
    if not positives:
        return 0.0
    allowed = int(rate * len(negatives) + 1e-9)
    ranked = sorted(negatives, reverse=True)
    cut = ranked[allowed] if allowed < len(ranked) else -np.inf
    return sum(score > cut for score in positives) / len(positives)


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 15) -> float:
    """Expected calibration error over `bins` of equal mass. 0 for no data."""
    if not confidences:
        return 0.0
    order = np.argsort(np.asarray(confidences), kind="stable")
    values = np.asarray(confidences, np.float64)[order]
    truth: NDArray[np.float64] = np.asarray(right, np.float64)[order]
    parts = [part for part in np.array_split(np.arange(len(values)), bins) if len(part)]
    return float(sum(len(part) * abs(values[part].mean() - truth[part].mean()) for part in parts) / len(values))


def _ranked(predictions: Iterable[Prediction]) -> list[Prediction]:
    return sorted(predictions, key=lambda prediction: (-prediction.score, prediction.right))
