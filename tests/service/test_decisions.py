"""From confidence to decision."""

from __future__ import annotations

import pytest

from indexes.brands import Brand
from indexes.database import utc_now
from service.decisions import DECISIONS, DEFAULT_THRESHOLDS, strongest, suppression


@pytest.mark.parametrize(
    ("confidence", "decision"),
    [(0.0, "clear"), (0.19, "clear"), (0.20, "monitor"), (0.49, "monitor"), (0.50, "review"), (1.0, "review")],
)
def test_default_thresholds(confidence, decision):
    assert DEFAULT_THRESHOLDS.decide(confidence) == decision


def test_the_strongest_wins_and_nothing_is_clear():
    assert strongest(["monitor", "clear", "review"]) == "review"
    assert strongest(reversed(DECISIONS)) == "takedown"
    assert strongest([]) == "clear"


@pytest.mark.parametrize(("status", "expected"), [("verified", None), ("unverified", "unverified_brand")])
def test_only_an_unverified_brand_is_suppressed(status, expected):
    assert suppression(Brand(1, "brd_1", "Acme", status, None, utc_now())) == expected
