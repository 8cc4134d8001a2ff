"""A fitted model ranks right above wrong, never rewards weaker evidence, and keeps its doubt."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from indexes.scoring import KindModel
from training.crossfit import best_shape, cross_fit
from training.fitting import Labelled, fit_curve, fit_kind, fold_of, split, without_twins


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
    curve = fit_curve(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert curve[0] == (0.0, 0.0)
    assert 0.5 < curve[-1][1] <= 2.5 / 3 + 1e-4
    assert all(low[1] <= high[1] for low, high in itertools.pairwise(curve))


def test_the_doubt_shrinks_with_the_wrong_answers_met() -> None:
    odds = np.concatenate([np.linspace(-8, -2, 600), np.linspace(2, 8, 200)])
    curve = fit_curve(odds, (odds > 0).astype(float), prior=0.2)
    assert curve[-1][1] == pytest.approx(0.2 / (0.2 + 0.8 / 401), abs=1e-3)


def test_ramps_and_products_find_what_a_line_does_not(rows: list[Labelled]) -> None:
    rng = np.random.default_rng(8)
    made = []
    for number in range(250):
        one, two = (float(value) for value in rng.uniform(0, 1, 2))
        made.append(Labelled({"one": one, "two": two}, min(one, two) > 0.6, str(number)))
    best, tried = best_shape(made, ("one", "two"), prior=0.2)
    assert best.shape != "linear"
    assert best.log_loss < 0.8 * tried[0].log_loss
    model = fit_kind(made, ("one", "two"), shape="products")
    stronger = [model.score({"one": value, "two": 0.7}) for value in np.linspace(0, 1, 30)]
    assert stronger == sorted(stronger)


def test_held_out_pictures_are_judged_at_the_share_of_right_answers_among_them(rows: list[Labelled]) -> None:
    found = cross_fit(rows, ("shape",), "linear", prior=0.05)
    assert len(found.right) == 300
    assert abs(np.mean(found.confidences) - np.mean(found.right)) < 0.04
    assert np.mean(found.plain) < np.mean(found.confidences)
    assert found.notes()["calibration_error"] < 0.08


def test_what_is_judged_was_fitted_on_in_no_role() -> None:
    rows = [Labelled({}, False, f"q{number}", f"home {number % 7}", f"home {number % 5}") for number in range(70)]
    for fold in {fold_of(row) for row in rows}:
        seen, held = split(rows, fold)
        groups = {row.group for row in held}
        assert not groups & ({row.group for row in seen} | {row.other for row in seen})


def test_a_photo_that_is_in_the_data_twice_is_no_negative() -> None:
    sure, unsure = dict.fromkeys(("agreeing", "close", "whole", "layout"), 1.0), {"agreeing": 0.6}
    twin, edit = Labelled(sure, False, "other/plain/a.jpg"), Labelled(unsure, False, "other/text/a.jpg")
    pasted, other = Labelled(unsure, False, "copy/paste/b.jpg"), Labelled(unsure, False, "other/plain/c.jpg")
    copy = Labelled(sure, True, "copy/collage/a.jpg")
    assert without_twins([twin, edit, pasted, other, copy]) == [other, copy]
