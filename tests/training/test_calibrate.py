"""Gathered evidence survives its file, and the notes of a fit count pictures, not candidates."""

from __future__ import annotations

from indexes.scoring import Calibration, KindModel
from training.calibrate import beside_kept, summary
from training.fitting import Labelled
from vision.embedders import DEFAULT_MODEL, calibration_path

ROWS = [
    Labelled({"shape": 0.9}, True, "mark/0", "acme", "acme"),
    Labelled({"shape": 0.2}, False, "mark/0"),
    Labelled({"shape": 0.6}, False, "none/1"),
    Labelled({"shape": 0.1}, False, "none/1"),
]


def test_notes_count_each_picture_by_its_strongest_candidate() -> None:
    model = KindModel({"shape": 100.0}, -50.0, ((0.0, 0.0), (1.0, 1.0)))
    noted = summary(ROWS, model)
    assert (noted["right_pairs"], noted["wrong_pairs"], noted["pictures_with_a_wrong_pair"]) == (1, 3, 2)
    assert (noted["wrongly_flagged"], noted["wrong_above_0.1"], noted["right_flagged"]) == (1, 1, 1.0)
    assert noted["strongest_wrong"] > 0.99


def test_one_kind_is_fitted_beside_the_other() -> None:
    fresh = KindModel({"even": 3.0}, -1.0, ((0.0, 0.0), (1.0, 0.9)))
    shipped = Calibration.load(calibration_path(DEFAULT_MODEL))
    made = beside_kept(shipped, {"photo": fresh})
    assert made.kinds["logo"] == shipped.kinds["logo"]
    assert made.kinds["photo"].weights == fresh.weights
    assert made.floor("photo") == shipped.floor("photo")
    assert (made.floor_space, made.background) == (shipped.floor_space, shipped.background)
