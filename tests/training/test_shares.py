"""The share of right answers is read from confidences alone."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.shares import moved, told_share
from training.metrics import calibration_error


def test_moving_there_and_back_changes_nothing() -> None:
    there = moved([0.0, 0.1, 0.5, 1.0], 0.2, 0.6)
    assert there[1:3] == pytest.approx([0.4, 0.857142857], abs=1e-6)  # odds 1/9 and 1, times 0.6/0.4 over 0.2/0.8
    assert moved(there, 0.6, 0.2) == pytest.approx([0.0, 0.1, 0.5, 1.0])


def test_no_confidences_tell_nothing() -> None:
    assert told_share([], 0.2) == 0.2


@pytest.mark.parametrize("share", [0.1, 0.35, 0.7])
def test_the_share_of_another_population_is_told_without_a_label(share: float) -> None:
    """Scores of both sorts are normal around -1 and 1; confidences are exact for one right answer in five."""
    random, count = np.random.default_rng(4), 20_000
    right = random.random(count) < share
    log_odds = 2 * (random.normal(size=count) + np.where(right, 1.0, -1.0)) + np.log(0.2 / 0.8)
    confidences = (1 / (1 + np.exp(-log_odds))).tolist()
    told = told_share(confidences, 0.2)
    assert told == pytest.approx(share, abs=0.02)
    assert calibration_error(moved(confidences, 0.2, told), right.tolist()) < 0.01
    assert calibration_error(confidences, right.tolist()) > 0.04
