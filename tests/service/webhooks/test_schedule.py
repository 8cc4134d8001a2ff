"""The pauses between attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.webhooks.schedule import next_attempt

NOW = datetime(2026, 1, 1, tzinfo=UTC)
END = NOW + timedelta(hours=72)


def pauses(draw: float) -> list[float]:
    """The seconds between all attempts of a delivery that always fails."""
    found, now = [], NOW
    for attempt in range(1, 100):
        at = next_attempt(attempt, now, END, draw=lambda: draw)
        if at is None:
            return found
        found.append(round((at - now).total_seconds(), 3))
        now = at
    raise AssertionError("it is never given up")


def test_they_grow_threefold_up_to_half_a_day_and_end_within_three_days():
    assert pauses(0.5)[:9] == [5, 15, 45, 135, 405, 1215, 3645, 10935, 32805]
    assert set(pauses(0.5)[9:]) == {43200}
    assert 60 * 3600 < sum(pauses(0.5)) <= 72 * 3600


def test_jitter_moves_each_by_a_fifth_at_most():
    assert pauses(0.0)[:2] == [4, 12]
    assert pauses(1.0)[:2] == [6, 18]
