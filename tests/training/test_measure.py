"""Recall with ties, by hand."""

from __future__ import annotations

import numpy as np

from training.measure import best_similarities, recall
from vision.boxes import WHOLE
from vision.embedding import Regions


def test_ties_count_against_us():
    table = np.array([(0.9, 0.1, 0.2), (0.5, 0.5, 0.1), (0.3, 0.2, 0.1)], np.float32)
    result = recall(table, np.array([0, 1, 2]))
    assert (result.queries, result.first, result.five) == (3, 1 / 3, 1.0)
    many = np.tile(np.arange(8, dtype=np.float32), (2, 1))
    assert recall(many, np.array([2, 3])).five == 0.5


def test_the_best_pair_of_regions_counts():
    def regions(*angles):
        vectors = np.array([(np.cos(angle), np.sin(angle)) for angle in angles], np.float32)
        return Regions((WHOLE,) * len(angles), vectors, np.ones(len(angles), np.float32))

    table = best_similarities([regions(0.0, 1.0)], [regions(2.0), regions(1.0, 3.0)])
    assert np.allclose(table, [[np.cos(1.0), 1.0]], atol=1e-6)
