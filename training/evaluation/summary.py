"""The figures of one protocol in one gallery, from its outcomes.

Place in the flow: outcomes → **summary** → `training.evaluation.report` and the gate before a model is promoted. A
picture's best wrong answer counts, of equal scores the wrong one stands first, and nothing is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from indexes.clock import TIERS
from training.evaluation.intervals import DRAWS, intervals
from training.evaluation.outcomes import Outcome, Outcomes
from training.evaluation.shares import moved, told_share
from training.evaluation.tails import fit_tail, supported
from training.metrics import (
    Prediction,
    calibration_error,
    mean_ap,
    micro_ap,
    recall_at_fpr,
    recall_at_p90,
)
from training.protocols import PACKAGE

FLAGGED: Final = 0.5
RATES: Final = {"recall_at_fpr_1%": 0.01, "recall_at_fpr_0.1%": 0.001, "recall_at_fpr_5%": 0.05}
_RARE: Final = (1e-3, 1e-4, 1e-5)


def summary(
    outcomes: Outcomes, *, draws: int = DRAWS, group_draws: int | None = None, prior: float | None = None
) -> dict[str, Any]:
    """Every figure; `draws` resamples for the intervals, 0 for none; `group_draws` for groups (default: half).

    `prior` is the share of right answers the confidences were fitted for, None where there is no calibration.

    Keys: the counts, `figures` (all queries), `intervals` (by figure), `groups` (figures by family or logo size),
    `confidences` (what a policy sees), `negatives_support`, `milliseconds` by tier.
    """
    items = outcomes.items
    positives, negatives = outcomes.positives, outcomes.negatives
    names = sorted({one.group for one in positives}, key=_by_size)
    few = draws // 2 if group_draws is None else group_draws
    groups = {name: [one for one in positives if one.group == name] for name in names}
    return {
        "positives": len(positives),
        "negatives": len(negatives),
        "figures": rounded(figures(items)),
        "intervals": _intervals(items, figures, draws),
        "groups": {
            name: {"queries": len(ones), **rounded(figures([*ones, *negatives])), **_flagged_and_boxes(ones)}
            for name, ones in groups.items()
        },
        "group_intervals": {name: _intervals([*ones, *negatives], _main_recall, few) for name, ones in groups.items()},
        "confidences": confidences(outcomes, prior),
        "boxes": _flagged_and_boxes(positives),
        "negatives_support": negatives_support(outcomes),
        "milliseconds": milliseconds(items),
    }


def figures(items: Sequence[Outcome]) -> dict[str, float]:
    """The ranking figures of some outcomes, by name."""
    positives = [one for one in items if not one.negative]
    found = [score_of(one.right) for one in positives]
    foreign = [score_of(one.wrong) for one in items if one.negative]
    pairs = predictions(items)
    return {
        "micro_ap": micro_ap(pairs, len(positives)),
        "recall_at_p90": recall_at_p90(pairs, len(positives)),
        **{name: recall_at_fpr(found, foreign, rate) for name, rate in RATES.items()},
        "mean_ap": mean_ap(one.rank for one in positives),
    }


def predictions(items: Sequence[Outcome]) -> list[Prediction]:
    """The pairs that are ranked together: each picture's best right and best wrong answer."""
    right = [Prediction(one.right.score, right=True) for one in items if one.right is not None]
    return right + [Prediction(one.wrong.score, right=False) for one in items if one.wrong is not None]


def tops(items: Sequence[Outcome]) -> tuple[list[float], list[bool]]:
    """Confidence of each query's top answer and whether it was right; queries without an answer are left out."""
    found: list[tuple[float, bool]] = []
    for one in items:
        if one.right is not None and score_of(one.right) > score_of(one.wrong):
            found.append((one.right.confidence, True))
        elif one.wrong is not None:
            found.append((one.wrong.confidence, False))
    return [confidence for confidence, _ in found], [right for _, right in found]


def confidences(outcomes: Outcomes, prior: float | None = None) -> dict[str, Any]:
    """What calibrated confidence says: shares flagged, right and wrong, and the calibration error.

    With the `prior` they were fitted for also the share they tell (`told_share`), and their error moved there.
    """
    values, right = tops(outcomes.items)
    share = None if prior is None else told_share(values, prior)
    silent = len(outcomes.items) - len(values)
    packages = [one for one in outcomes.negatives if one.source == PACKAGE]
    false = [one for one in outcomes.negatives if flagged(one.wrong is not None and one.wrong.confidence)]
    return {
        "recall_flagged": _share([one.right is not None and one.right.confidence for one in outcomes.positives]),
        "false_flag_share": _share([one.wrong is not None and one.wrong.confidence for one in outcomes.negatives]),
        "packages": len(packages),
        "package_flagged_share": _share([one.wrong is not None and one.wrong.confidence for one in packages]),
        "false_flags": sorted(f"{one.name} as {one.wrong.reference if one.wrong else ''}" for one in false),
        "ece": round(calibration_error(values, right), 4),
        "ece_with_silent": round(calibration_error([*values, *[0.0] * silent], [*right, *[False] * silent]), 4),
        "without_answer": silent,
        "told_share": None if share is None else round(share, 4),
        "ece_at_told_share": _error_at(values, right, prior, share),
    }


def _error_at(values: Sequence[float], right: Sequence[bool], prior: float | None, share: float | None) -> float | None:
    if prior is None or share is None:
        return None
    return round(calibration_error(moved(values, prior, share), right), 4)


def negatives_support(outcomes: Outcomes) -> dict[str, Any]:
    """What rates the negatives can show, and a fitted tail for the rarer ones."""
    negatives = outcomes.negatives
    scores = [score_of(one.wrong) for one in negatives]
    false = [one for one in negatives if flagged(one.wrong is not None and one.wrong.confidence)]
    lowest = min((one.score for item in outcomes.items for one in (item.right, item.wrong)
                  if one is not None and flagged(one.confidence)), default=None)  # fmt: skip
    said: dict[str, Any] = {
        "negatives": len(negatives),
        "flagged": len(false),
        "rate_at_most": round(supported(len(false), len(negatives)), 6),
    }
    tail = fit_tail(scores)
    if tail is not None:
        found = [score_of(one.right) for one in outcomes.positives]
        said["tail"] = {
            "shape": round(tail.shape, 3),
            "flagged_rate": None if lowest is None else float(f"{tail.rate(lowest):.2g}"),
            "recall_at_rate": {
                f"{rate:g}": round(sum(score > tail.score(rate) for score in found) / max(1, len(found)), 4)
                for rate in _RARE
            },
        }
    return said


def milliseconds(items: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Mean and median milliseconds of each tier, of `all` of them, and of the processor (`cpu`)."""
    tiers = [tier for tier in _TIERS if any(tier in one.seconds for one in items)]
    columns = {tier: [one.seconds.get(tier, 0.0) for one in items] for tier in tiers}
    columns["all"] = [sum(one.seconds.get(tier, 0.0) for tier in tiers) for one in items]
    if any("cpu" in one.seconds for one in items):
        columns["cpu"] = [one.seconds.get("cpu", 0.0) for one in items]
    return {name: _spent(values) for name, values in columns.items()}


_TIERS: Final = ("decode", "embed", *TIERS, "ask")


def _spent(seconds: Sequence[float]) -> dict[str, float]:
    middle = sorted(seconds)[len(seconds) // 2] if seconds else 0.0
    return {"mean": round(1000 * sum(seconds) / max(1, len(seconds)), 2), "median": round(1000 * middle, 2)}


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Figures to four digits."""
    return {name: round(value, 4) for name, value in values.items()}


def score_of(answer: Any) -> float:
    """An answer's score, -inf for none."""
    return -math.inf if answer is None else float(answer.score)


def flagged(confidence: float) -> bool:
    """Whether a policy with the usual threshold would act."""
    return confidence >= FLAGGED


def _main_recall(items: Sequence[Outcome]) -> dict[str, float]:
    found = [score_of(one.right) for one in items if not one.negative]
    foreign = [score_of(one.wrong) for one in items if one.negative]
    return {"recall_at_fpr_1%": recall_at_fpr(found, foreign, 0.01)}


def _intervals(items: Sequence[Outcome], measure: Any, draws: int) -> dict[str, list[float]]:
    if not draws or not items:
        return {}
    alone = len({one.unit for one in items if not one.negative}) == 1
    strata, units = [one.negative for one in items], [one.name if alone else one.unit for one in items]
    return {name: list(pair) for name, pair in intervals(items, strata, units, measure, draws=draws).items()}


def _flagged_and_boxes(positives: Sequence[Outcome]) -> dict[str, float]:
    overlaps = [one.overlap for one in positives if one.overlap is not None]
    return {
        "recall_flagged": _share([one.right is not None and one.right.confidence for one in positives]),
        "box_iou": round(sum(overlaps) / len(overlaps), 4) if overlaps else 0.0,
        "box_iou_over_0.5": round(sum(value > 0.5 for value in overlaps) / len(overlaps), 4) if overlaps else 0.0,
    }


def _share(values: Sequence[float]) -> float:
    return round(sum(map(flagged, values)) / max(1, len(values)), 4)


def _by_size(name: str) -> tuple[int, str]:
    """Buckets of sizes by size, families by name."""
    digits = name.partition("-")[0].partition("+")[0]
    return (int(digits), "") if digits.isdigit() else (0, name)
