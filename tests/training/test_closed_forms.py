"""Whitening and logistic regression on data whose answer is known."""

from __future__ import annotations

import numpy as np

from training.logoness import learn_logistic, size_groups
from training.whitening import learn_whitening


def test_whitening_drops_what_varies_within_and_keeps_what_tells_apart():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(300), 4)
    identity = random.standard_normal((300, 8))[labels]
    nuisance = 8.0 * random.standard_normal((1200, 5))
    rows = np.concatenate([nuisance, identity + 0.1 * random.standard_normal((1200, 8))], axis=1).astype(np.float32)
    mean, matrix = learn_whitening(rows, labels, dim=8, shrinkage=0.001)
    assert matrix.shape == (8, 13)
    assert np.abs(matrix[:, 5:]).sum() > 10 * np.abs(matrix[:, :5]).sum()
    vectors = (rows - mean) @ matrix.T
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = (vectors @ vectors.T - 2 * np.eye(1200)).argmax(axis=1)
    assert (labels[nearest] == labels).mean() > 0.95
    raw = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert (labels[(raw @ raw.T - 2 * np.eye(1200)).argmax(axis=1)] == labels).mean() < 0.5


def test_logistic_regression_finds_the_direction_whatever_the_balance():
    random = np.random.default_rng(1)
    features = random.standard_normal((4000, 6)).astype(np.float32)
    targets = features[:, 2] + 0.1 * random.standard_normal(4000) > 1.5
    weight, bias = learn_logistic(features, targets, decay=1e-3)
    assert int(np.abs(weight).argmax()) == 2
    assert ((features @ weight + bias > 0) == targets).mean() > 0.9


def test_size_groups_grow_with_the_window():
    assert size_groups([(2, 1), (2, 2), (3, 3), (5, 5), (6, 6), (14, 14)]).tolist() == [0, 0, 1, 1, 2, 3]
