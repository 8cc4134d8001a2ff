"""Two levels of centres: as many as were asked for, and nearly always the nearest one."""

from __future__ import annotations

import numpy as np
import pytest

from indexes import centres as module
from indexes.centres import Centres
from tests.indexes.catalogue import unit


@pytest.mark.parametrize("one_level", [0, 2_048])
def test_vectors_are_given_to_a_centre_that_is_nearly_the_nearest(one_level, monkeypatch):
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    rng = np.random.default_rng(4)
    middles = unit(rng, 60, 24)
    data = middles[rng.integers(60, size=4_000)] + 0.5 * unit(rng, 4_000, 24)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    centres = Centres.train(data, 100)
    assert 80 <= len(centres.all) <= 120
    np.testing.assert_allclose(np.linalg.norm(centres.all, axis=1), 1.0, atol=1e-4)
    products = data @ centres.all.T
    given = products[np.arange(len(data)), centres.nearest(data)]
    assert (given >= products.max(axis=1) - 1e-5).mean() > 0.9
    assert (products.max(axis=1) - given).mean() < 0.01


def test_one_centre_and_more_centres_than_vectors_are_no_trouble():
    data = unit(np.random.default_rng(5), 9, 8)
    assert Centres.train(data, 1).nearest(data).tolist() == [0] * 9
    many = Centres.train(data, 50)
    assert len(many.all) <= 9
    assert many.nearest(data).max() < len(many.all)
