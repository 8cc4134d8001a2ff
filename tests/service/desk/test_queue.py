"""The order of tasks: harm times confidence times urgency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from service.desk.grouping import harm
from service.desk.queue import rank

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def group(*, harm=1.0, confidence=0.8, waited=0.0, left=None):
    deadline = None if left is None else NOW + timedelta(days=left)
    return SimpleNamespace(harm=harm, confidence=confidence, since=NOW - timedelta(days=waited), deadline=deadline)


def test_a_fresh_task_ranks_by_harm_and_confidence():
    assert rank(group(harm=3, confidence=0.5), NOW) == pytest.approx(1.5)


def test_waiting_makes_a_task_urgent():
    assert rank(group(waited=2), NOW) == pytest.approx(3 * rank(group(), NOW))


def test_a_deadline_makes_a_task_urgent_and_one_that_passed_the_most():
    far, near, over = (rank(group(left=left), NOW) for left in (5, 0.5, -1))
    assert rank(group(), NOW) < far < near < over
    assert over == rank(group(left=0), NOW)


def test_harm_grows_with_the_price_and_with_what_was_removed():
    assert harm(None, 0) == 1
    assert harm("99", 0) == pytest.approx(3)
    assert harm("99", 5) == harm("99", 50) == pytest.approx(6)


@pytest.mark.parametrize("price", ["-5", "nan", "inf", "1e999", "=1+1", "a lot"])
def test_a_price_that_is_no_amount_does_no_harm_to_the_order(price):
    assert 1 <= harm(price, 0) <= 11
