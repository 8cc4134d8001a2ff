"""The order of tasks: harm times confidence times urgency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from indexes.database import UtcDateTime
from service.desk.grouping import harm
from service.desk.queue import rank_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def rank(database):
    """The rank of a task, as each database counts it."""

    def ask(*, harm=1.0, confidence=0.8, waited=0.0, left=None) -> float:
        deadline = None if left is None else NOW + timedelta(days=left)
        numbers = (sa.literal(harm, sa.Float), sa.literal(confidence, sa.Float))
        times = (sa.literal(NOW - timedelta(days=waited), UtcDateTime), sa.literal(deadline, UtcDateTime))
        with database.read() as connection:
            return float(connection.scalar(sa.select(rank_of(*numbers, *times, NOW))))

    return ask


def test_a_fresh_task_ranks_by_harm_and_confidence(rank):
    assert rank(harm=3, confidence=0.5) == pytest.approx(1.5)


def test_waiting_makes_a_task_urgent(rank):
    assert rank(waited=2) == pytest.approx(3 * rank())


def test_a_deadline_makes_a_task_urgent_and_one_that_passed_the_most(rank):
    far, near, over = (rank(left=left) for left in (5, 0.5, -1))
    assert rank() < far < near < over
    assert over == rank(left=0) == pytest.approx(0.8 * 17)


def test_harm_grows_with_the_price_and_with_what_was_removed():
    assert harm(None, 0) == 1
    assert harm("99", 0) == pytest.approx(3)
    assert harm("99", 5) == harm("99", 50) == pytest.approx(6)


@pytest.mark.parametrize("price", ["-5", "nan", "inf", "1e999", "=1+1", "a lot"])
def test_a_price_that_is_no_amount_does_no_harm_to_the_order(price):
    assert 1 <= harm(price, 0) <= 11
