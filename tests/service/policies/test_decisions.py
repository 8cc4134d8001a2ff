"""The order of decisions."""

from __future__ import annotations

from service.policies.decisions import DECISIONS, strongest


def test_the_strongest_wins_and_nothing_is_clear():
    assert strongest(["monitor", "clear", "review"]) == "review"
    assert strongest(reversed(DECISIONS)) == "takedown"
    assert strongest([]) == "clear"
