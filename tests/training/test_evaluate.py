"""The summary of an evaluation, worked out by hand on four queries."""

from __future__ import annotations

import pytest

from training.evaluate import NONE, Outcome, markdown, summary
from training.protocols import NEGATIVE, spread

OUTCOMES = [
    Outcome("a", "crop", (0.9, 0.95), (0.2, 0.1), "b", 0.1),
    Outcome("b", "mirror", NONE, (0.6, 0.55), "a", 0.1),
    Outcome("c", NEGATIVE, NONE, (0.7, 0.6), "a", 0.1),
    Outcome("d", NEGATIVE, NONE, NONE, "", 0.2),
]


def test_figures_of_four_queries() -> None:
    figures = summary(OUTCOMES)
    assert figures["positives"] == figures["negatives"] == 2
    assert figures["groups"] == {"crop": 1.0, "mirror": 0.0}
    assert figures["recall_flagged"] == pytest.approx(0.5)
    assert figures["false_flag_share"] == pytest.approx(0.5)
    assert figures["false_flags"] == ["c as a"]
    assert figures["micro_ap"] == pytest.approx(0.5)
    assert figures["recall_at_fpr_1%"] == pytest.approx(0.5)


def test_markdown_names_the_families() -> None:
    text = markdown({"model": "m", "space": "s", "calibration": "c", "photo": summary(OUTCOMES)})
    assert "| mirror | 0.0 |" in text
    assert "c as a" in text


def test_a_subset_is_spread_over_all() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 0) == [0, 1, 2]
