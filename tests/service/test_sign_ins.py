"""The brake on wrong keys."""

from __future__ import annotations

import pytest

from service.sign_ins import FailedSignIns


class Clock:
    """Time that passes when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def failures(clock):
    return FailedSignIns(limit=3, window=60, clock=clock)


def test_it_holds_after_the_limit_and_lets_go_when_the_oldest_failure_is_old_enough(failures, clock):
    for _ in range(3):
        assert failures.wait("192.0.2.1") == 0
        failures.record("192.0.2.1")
        clock.now += 10
    assert failures.wait("192.0.2.1") == 30
    clock.now += 30
    assert failures.wait("192.0.2.1") == 0
    failures.record("192.0.2.1")
    assert failures.wait("192.0.2.1") == 10


def test_addresses_are_counted_apart_and_an_ipv6_network_as_one(failures):
    for last in range(3):
        failures.record(f"2001:db8:0:1::{last}")
    assert failures.wait("2001:db8:0:1::99") > 0
    assert failures.wait("2001:db8:0:2::1") == 0
    assert failures.wait("192.0.2.1") == 0
    assert failures.wait("a unix socket") == 0
