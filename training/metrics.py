"""Retrieval metrics as pure functions. Higher scores are stronger; ties count against the method.

Definitions as in the image similarity challenge (Douze et al., DISC21, arXiv:2106.09672). They know no protocol:
`training.evaluation.summary` decides what is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One proposed pair: its score, and whether it is right."""

    score: float
    right: bool


def micro_ap(predictions: Iterable[Prediction], positives: int) -> float:
    """Micro average precision of all pairs ranked together, where `positives` right pairs exist.

    Of equal scores the wrong ones rank first. 0 when there is nothing to find.
    """
    _, right = _ranked(predictions)
    if not positives:
        return 0.0
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(precision[right].sum() / positives)


def mean_ap(ranks: Iterable[int | None]) -> float:
    """Mean over queries of 1 / rank of the one right answer; None where it was not found. 0 for no queries."""
    values = [0.0 if rank is None else 1.0 / rank for rank in ranks]
    return sum(values) / len(values) if values else 0.0


def recall_at_p90(predictions: Iterable[Prediction], positives: int, precision: float = 0.9) -> float:
    """The largest recall at any score cut whose precision is at least `precision`.

    A cut takes all predictions of one score or none of them.
    """
    curve = precision_recall(predictions, positives)
    good = [recall for recall, exactness in curve if exactness >= precision]
    return max(good, default=0.0)


def precision_recall(predictions: Iterable[Prediction], positives: int) -> list[tuple[float, float]]:
    """(recall, precision) at every score cut, the strictest first; empty when there is nothing to find."""
    scores, right = _ranked(predictions)
    if not positives or not len(scores):
        return []
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    hits = np.cumsum(right)[ends]
    return [(float(hit / positives), float(hit / (end + 1))) for hit, end in zip(hits, ends, strict=True)]


def cut_at_fpr(negatives: Sequence[float], rate: float) -> float:
    """The score that at most the `rate` share of `negatives` exceeds; -inf where all of them may."""
    allowed = int(rate * len(negatives) + 1e-9)
    if allowed >= len(negatives):
        return -np.inf
    return float(np.sort(np.asarray(negatives, np.float64))[len(negatives) - 1 - allowed])


def recall_at_fpr(positives: Sequence[float], negatives: Sequence[float], rate: float) -> float:
    """Share of `positives` that score above all but the `rate` share of `negatives`.

    `positives` are the scores of right answers (-inf for one that was not found), `negatives` each wrong picture's
    best score. A positive that equals the cut does not count. 0 when there are no positives.
    """
    if not len(positives):
        return 0.0
    return float((np.asarray(positives, np.float64) > cut_at_fpr(negatives, rate)).mean())


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram: how many, their mean confidence, and the share that was right."""

    count: int
    confidence: float
    right: float


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int = 15) -> list[Bin]:
    """`bins` of equal mass by rising confidence; fewer where there are fewer values."""
    order = np.argsort(np.asarray(confidences, np.float64), kind="stable")
    values = np.asarray(confidences, np.float64)[order]
    truth: Numbers = np.asarray(right, np.float64)[order]
    parts = [part for part in np.array_split(np.arange(len(values)), bins) if len(part)]
    return [Bin(len(part), float(values[part].mean()), float(truth[part].mean())) for part in parts]


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 15) -> float:
    """Expected calibration error over `bins` of equal mass. 0 for no data."""
    found = reliability(confidences, right, bins)
    total = sum(one.count for one in found)
    return sum(one.count * abs(one.confidence - one.right) for one in found) / total if total else 0.0


def _ranked(predictions: Iterable[Prediction]) -> tuple[Numbers, NDArray[np.bool_]]:
    pairs = [(one.score, one.right) for one in predictions]
    scores: Numbers = np.asarray([score for score, _ in pairs], np.float64)
    right = np.asarray([hit for _, hit in pairs], np.bool_)
    order = np.lexsort((right, -scores))
    return scores[order], right[order]
