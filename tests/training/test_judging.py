"""What a model is judged by: ties by hand, and that a real model passes through."""

from __future__ import annotations

import numpy as np
from skimage import data as photographs

from training.fit.judging import best_similarities, examine, judge, rivals_of
from training.marks import read_marks
from vision.boxes import WHOLE
from vision.embedders import load_embedder
from vision.embedding import Regions


def test_ties_count_against_us():
    table = np.array([(0.9, 0.1, 0.2), (0.5, 0.5, 0.1), (0.3, 0.2, 0.1)], np.float32)
    assert rivals_of(table, np.array([0, 1, 2])).tolist() == [0, 1, 2]


def test_the_best_pair_of_regions_counts():
    def regions(*angles):
        vectors = np.array([(np.cos(angle), np.sin(angle)) for angle in angles], np.float32)
        return Regions((WHOLE,) * len(angles), vectors, np.ones(len(angles), np.float32))

    table = best_similarities([regions(0.0, 1.0)], [regions(2.0), regions(1.0, 3.0)])
    assert np.allclose(table, [[np.cos(1.0), 1.0]], atol=1e-6)


def test_the_shipped_model_is_judged_and_the_draw_comes_again():
    photos = [photographs.astronaut(), photographs.chelsea(), photographs.coffee()]
    marks = read_marks(3, seed=7)
    drawn, again = (examine(photos, marks, seed=1) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(drawn.prints, again.prints, strict=True))
    figures = judge(load_embedder(engine="torch"), drawn)
    assert set(figures) == {
        "copies first",
        "copies first four",
        *(f"prints first{end}" for end in ("", " at 1%", " at 5%")),
    }
    assert figures["copies first"] == 1.0
    assert figures["prints first"] >= 2 / 3
