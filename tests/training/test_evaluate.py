"""The summary of an evaluation, worked out by hand on four queries."""

from __future__ import annotations

import pytest

from training.evaluation.outcomes import Answer, Outcome, Outcomes
from training.evaluation.summary import summary
from training.protocols import NEGATIVE, PACKAGE, size_group, spread

OUTCOMES = Outcomes(
    "copies",
    "all",
    "photo",
    "model",
    (
        Outcome("a", "copies", "crop", "a", Answer("a", 0.9, 0.95), Answer("b", 0.2, 0.1), 1, 0.8),
        Outcome("b", "copies", "mirror", "b", None, Answer("a", 0.6, 0.55)),
        Outcome("c", "", NEGATIVE, "c", None, Answer("a", 0.7, 0.6), source=PACKAGE),
        Outcome("d", "", NEGATIVE, "d", None, None),
    ),
)


def test_figures_of_four_queries() -> None:
    found = summary(OUTCOMES, draws=0)
    assert found["positives"] == found["negatives"] == 2
    assert found["figures"]["micro_ap"] == pytest.approx(0.5)
    assert found["figures"]["mean_ap"] == pytest.approx(0.5)
    assert found["figures"]["recall_at_fpr_1%"] == pytest.approx(0.5)
    assert found["groups"]["mirror"]["recall_at_fpr_1%"] == 0.0
    assert found["groups"]["crop"]["recall_flagged"] == 1.0
    assert found["groups"]["crop"]["box_iou"] == pytest.approx(0.8)


def test_what_a_policy_sees_of_four_queries() -> None:
    said = summary(OUTCOMES, draws=0)["confidences"]
    assert said["recall_flagged"] == said["false_flag_share"] == pytest.approx(0.5)
    assert said["package_flagged_share"] == 1.0
    assert said["false_flags"] == ["c as a"]
    assert said["ece"] == pytest.approx((0.05 + 0.55 + 0.6) / 3, abs=1e-4)
    assert said["ece_with_silent"] == pytest.approx((0.05 + 0.55 + 0.6 + 0) / 4, abs=1e-4)
    assert said["without_answer"] == 1


def test_an_outcome_survives_its_line() -> None:
    for outcome in OUTCOMES.items:
        assert Outcome.from_line(outcome.as_line()) == outcome


def test_a_subset_is_spread_over_all() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 0) == [0, 1, 2]


def test_sizes_have_buckets() -> None:
    assert [size_group(side) for side in (31, 32, 127, 128)] == ["0-31 px", "32-63 px", "64-127 px", "128+ px"]
