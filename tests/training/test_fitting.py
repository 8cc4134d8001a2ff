"""A fitted model ranks right above wrong, never rewards weaker evidence, and keeps its doubt."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from indexes.scoring import KindModel
from training.fitting import Labelled, fit_curve, fit_kind, without_twins


@pytest.fixture(scope="module")
def rows() -> list[Labelled]:
    rng = np.random.default_rng(4)
    made = []
    for number in range(300):
        right = number % 2 == 0
        shape = float(np.clip(rng.normal(0.75 if right else 0.3, 0.12), 0, 1))
        made.append(Labelled({"shape": shape, "backwards": 1.0 - shape}, right, f"picture {number}"))
    return made


@pytest.fixture(scope="module")
def model(rows: list[Labelled]) -> KindModel:
    return fit_kind(rows, ("shape", "backwards"))


def test_weights_never_reward_weaker_evidence(model: KindModel) -> None:
    assert model.weights["shape"] > 0
    assert model.weights.get("backwards", 0.0) == 0.0


def test_confidence_tells_right_from_wrong(model: KindModel, rows: list[Labelled]) -> None:
    confident = [model.confidence(model.score(row.features)) >= 0.5 for row in rows]
    assert np.mean([sure == row.right for sure, row in zip(confident, rows, strict=True)]) > 0.93


def test_confidence_is_close_to_the_share_that_is_right(model: KindModel, rows: list[Labelled]) -> None:
    values = np.array([model.confidence(model.score(row.features)) for row in rows])
    assert abs(values.mean() - 0.5) < 0.05


def test_few_pictures_leave_doubt() -> None:
    curve = fit_curve(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert curve[0] == (0.0, 0.0)
    assert curve[-1][1] == pytest.approx(2.5 / 3, abs=1e-4)
    assert all(low[1] <= high[1] for low, high in itertools.pairwise(curve))


def test_a_photo_that_is_in_the_data_twice_is_no_negative() -> None:
    sure, unsure = dict.fromkeys(("agreeing", "close", "whole", "layout"), 1.0), {"agreeing": 0.6}
    twin, edit = Labelled(sure, False, "other/plain/a.jpg"), Labelled(unsure, False, "other/text/a.jpg")
    pasted, other = Labelled(unsure, False, "copy/paste/b.jpg"), Labelled(unsure, False, "other/plain/c.jpg")
    copy = Labelled(sure, True, "copy/collage/a.jpg")
    assert without_twins([twin, edit, pasted, other, copy]) == [other, copy]
