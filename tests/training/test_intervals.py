"""Bootstrap intervals and the tail beyond what negatives show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.intervals import intervals
from training.evaluation.tails import Tail, fit_tail, logit, supported


def mean(items: list[float]) -> dict[str, float]:
    return {"mean": sum(items) / len(items)}


def interval(items: list[float], units: list[int], seed: int = 7) -> tuple[float, float]:
    return intervals(items, [0] * len(items), units, mean, draws=300, seed=seed)["mean"]


def test_an_interval_is_the_same_again_and_holds_the_mean() -> None:
    items = [float(number % 2) for number in range(100)]
    first = interval(items, list(range(100)))
    assert first == interval(items, list(range(100)))
    assert first[0] < 0.5 < first[1]
    assert first[1] - first[0] == pytest.approx(4 * 0.05, abs=0.06)


def test_units_are_drawn_whole() -> None:
    """Four units that are all right or all wrong say as little as four queries do."""
    items = [float(number // 25 % 2) for number in range(100)]
    low, high = interval(items, [number // 25 for number in range(100)])
    assert (low, high) == (0.0, 1.0)


def test_strata_keep_their_sizes() -> None:
    found = intervals([1.0, 1.0, 0.0], ["a", "a", "b"], [1, 2, 3], mean, draws=50)
    assert found["mean"] == (round(2 / 3, 4), round(2 / 3, 4))


def test_nothing_seen_of_n_supports_three_in_n() -> None:
    assert supported(0, 300) == pytest.approx(0.01)
    assert supported(0, 0) == 1.0
    assert supported(3, 300) == pytest.approx(0.029, abs=0.001)


def test_the_tail_of_an_exponential_is_found() -> None:
    """Logits that fall off exponentially: a rate ten times rarer lies ln 10 scales higher."""
    draws = np.random.default_rng(3).exponential(0.8, 20_000) - 4.0
    tail = fit_tail([1 / (1 + math.exp(-value)) for value in draws])
    assert tail is not None
    assert tail.shape == pytest.approx(0.0, abs=0.1)
    assert tail.scale == pytest.approx(0.8, rel=0.1)
    true = -4.0 + 0.8 * math.log(1e4)
    assert logit(tail.score(1e-4)) == pytest.approx(true, abs=1.0)
    assert tail.rate(tail.score(1e-4)) == pytest.approx(1e-4, rel=1e-3)


def test_a_tail_knows_its_exponential_limit() -> None:
    tail = Tail(start=0.0, share=0.1, scale=1.0, shape=0.0)
    assert tail.rate(0.5) == pytest.approx(0.1)
    assert tail.rate(1 / (1 + math.exp(-2.0))) == pytest.approx(0.1 * math.exp(-2.0))
    assert tail.score(0.5) == pytest.approx(0.5)


def test_few_negatives_have_no_tail() -> None:
    assert fit_tail([0.1, 0.2, 0.3]) is None
    assert fit_tail([-math.inf] * 1000) is None
