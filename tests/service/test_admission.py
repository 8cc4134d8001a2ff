"""The door of the pipeline: counted places, an estimated wait, and a time to come back."""

from __future__ import annotations

import pytest

from service.errors import Overloaded
from service.pipeline.admission import Admission


class Clock:
    """Stands still until told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def finish(door: Admission, clock: Clock, count: int, seconds: float) -> None:
    """Finish `count` pictures, one every `seconds`."""
    for _ in range(count):
        clock.now += seconds
        door.leave()


def test_the_wait_is_the_measured_interval_times_the_places_ahead(clock):
    door = Admission(100, clock=clock)
    door.admit(60)
    finish(door, clock, 40, 0.05)
    assert door.wait == pytest.approx(20 * 0.05)


def test_idle_time_says_nothing_of_the_speed(clock):
    door = Admission(100, clock=clock)
    for _ in range(4):
        door.admit(10)
        finish(door, clock, 10, 0.05)
        clock.now += 3600
    door.admit(10)
    assert door.wait == pytest.approx(10 * 0.05, rel=0.1)


def test_a_wait_that_is_too_long_is_refused_although_there_are_places(clock):
    door = Admission(1000, longest_wait=1.25, clock=clock)
    door.admit(60)
    finish(door, clock, 40, 0.0625)
    assert door.inside == 20
    door.admit(1)
    with pytest.raises(Overloaded, match="wait") as refused:
        door.admit(1)
    assert refused.value.retry_after == 1
    finish(door, clock, 2, 0.0625)
    door.check(1)


def test_what_is_slow_is_told_to_come_back_later(clock):
    door = Admission(1000, longest_wait=2.0, clock=clock)
    door.admit(60)
    finish(door, clock, 33, 1.0)
    with pytest.raises(Overloaded) as refused:
        door.check(1)
    assert refused.value.retry_after == 25


def test_a_full_door_tells_when_there_is_room(clock):
    door = Admission(40, clock=clock)
    door.admit(40)
    finish(door, clock, 33, 0.5)
    door.admit(33)
    with pytest.raises(Overloaded, match="place") as refused:
        door.check(10)
    assert refused.value.retry_after == 5


def test_an_empty_door_lets_anybody_in_however_slow_it_was(clock):
    door = Admission(8, longest_wait=0.5, clock=clock)
    door.admit(8)
    finish(door, clock, 8, 10.0)
    door.admit(20)
    assert door.inside == 20


def test_a_stop_does_not_outlast_what_came_after_it(clock):
    door = Admission(1000, longest_wait=2.0, clock=clock)
    door.admit(100)
    finish(door, clock, 20, 0.01)
    finish(door, clock, 1, 30.0)
    assert door.wait > 2
    finish(door, clock, 32, 0.01)
    assert door.wait == pytest.approx(47 * 0.01)
