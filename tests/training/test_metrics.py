"""Golden values worked out by hand, ties and empty inputs included."""

from __future__ import annotations

import math

import pytest

from training.metrics import (
    Prediction,
    calibration_error,
    cut_at_fpr,
    mean_ap,
    micro_ap,
    precision_recall,
    recall_at_fpr,
    recall_at_p90,
    reliability,
)


def ranked(*rows: tuple[float, bool]) -> list[Prediction]:
    return [Prediction(score, right) for score, right in rows]


def test_micro_ap_averages_precision_at_each_hit() -> None:
    predictions = ranked((0.9, True), (0.8, False), (0.7, True), (0.6, True))
    assert micro_ap(predictions, 4) == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 4)


def test_micro_ap_ranks_wrong_ones_first_among_ties() -> None:
    assert micro_ap(ranked((0.5, True), (0.5, False)), 1) == pytest.approx(0.5)


def test_micro_ap_without_matches_is_zero() -> None:
    assert micro_ap([], 3) == 0.0
    assert micro_ap(ranked((0.4, False)), 0) == 0.0


def test_recall_at_p90_takes_the_last_good_cut() -> None:
    nine = [(1.0 - step / 100, True) for step in range(9)]
    assert recall_at_p90(ranked(*nine, (0.5, False)), 10) == pytest.approx(0.9)
    assert recall_at_p90(ranked((0.9, False), (0.8, True)), 1) == 0.0


def test_recall_at_p90_never_splits_a_tie() -> None:
    assert recall_at_p90(ranked((0.9, True), (0.5, True), (0.5, False)), 2) == pytest.approx(0.5)


def test_recall_at_fpr_allows_the_stated_share() -> None:
    negatives = [step / 100 for step in range(100)]
    assert recall_at_fpr([0.985, 0.98, 0.5, -math.inf], negatives, 0.01) == pytest.approx(1 / 4)
    assert recall_at_fpr([0.995, 0.99], negatives, 0.0) == pytest.approx(1 / 2)


def test_recall_at_fpr_without_data() -> None:
    assert recall_at_fpr([], [0.1], 0.01) == 0.0
    assert recall_at_fpr([0.2], [], 0.01) == 1.0


def test_calibration_error_is_the_gap_per_bin() -> None:
    assert calibration_error([0.2, 0.2, 0.8, 0.8], [False, False, True, False], bins=2) == pytest.approx(0.25)
    assert calibration_error([], []) == 0.0


def test_mean_ap_is_the_mean_of_inverse_ranks() -> None:
    assert mean_ap([1, 2, None, 4]) == pytest.approx((1 + 1 / 2 + 0 + 1 / 4) / 4)
    assert mean_ap([]) == 0.0


def test_precision_recall_cuts_between_scores_only() -> None:
    curve = precision_recall(ranked((0.9, True), (0.5, True), (0.5, False), (0.1, True)), 4)
    assert curve == [(0.25, 1.0), (0.5, pytest.approx(2 / 3)), (0.75, 0.75)]
    assert precision_recall([], 3) == []


def test_the_cut_of_a_rate_lets_that_share_pass() -> None:
    negatives = [step / 10 for step in range(10)]
    assert cut_at_fpr(negatives, 0.0) == pytest.approx(0.9)
    assert cut_at_fpr(negatives, 0.1) == pytest.approx(0.8)
    assert cut_at_fpr(negatives, 1.0) == -math.inf


def test_bins_have_equal_mass_and_say_what_they_hold() -> None:
    low, high = reliability([0.9, 0.1, 0.3, 0.7], [True, False, True, True], bins=2)
    assert (low.count, low.confidence, low.right) == (2, pytest.approx(0.2), pytest.approx(0.5))
    assert (high.count, high.confidence, high.right) == (2, pytest.approx(0.8), pytest.approx(1.0))
    assert sum(one.count for one in reliability([0.5] * 7, [True] * 7)) == 7
