"""Scores and confidences rise with the evidence, and a file that would break that is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from indexes.errors import CalibrationError
from indexes.scoring import Calibration, KindModel, Term


def calibration(curve: tuple[tuple[float, float], ...] = ((0.1, 0.0), (0.5, 0.2), (0.9, 1.0))) -> Calibration:
    model = KindModel({"agreement": 4.0, "similarity": 1.0}, -2.0, curve)
    return Calibration(kinds={"photo": model, "logo": model}, space_id="any", calibrated=True)


def test_score_is_the_logistic_of_the_weighted_sum() -> None:
    judged = calibration().judge("photo", {"agreement": 0.5, "similarity": 1.0, "unknown": 9.0})
    assert judged.score == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_confidence_is_linear_between_knots_and_flat_outside() -> None:
    model = calibration().kinds["photo"]
    assert [model.confidence(score) for score in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)] == pytest.approx(
        [0.0, 0.0, 0.1, 0.2, 0.6, 1.0, 1.0]
    )


def test_file_round_trip_keeps_version(tmp_path: Path) -> None:
    original = calibration()
    original.save(tmp_path / "calibration.json", {"pairs": 12})
    read = Calibration.load(tmp_path / "calibration.json")
    assert read == original
    assert read.version.startswith("cal_")


def test_version_follows_content() -> None:
    assert calibration().version != calibration(((0.1, 0.0), (0.9, 1.0))).version


def test_uncalibrated_never_reaches_beyond_a_review() -> None:
    plain = Calibration.uncalibrated()
    judged = plain.judge("photo", {"agreement": 1.0, "central": 1.0})
    assert not plain.calibrated
    assert 0.5 < judged.confidence <= 0.75


@pytest.mark.parametrize(
    ("weights", "curve"),
    [
        ({"agreement": -1.0}, ((0.0, 0.0), (1.0, 1.0))),
        ({"agreement": math.nan}, ((0.0, 0.0), (1.0, 1.0))),
        ({"agreement": 1.0}, ((0.0, 0.5), (1.0, 0.4))),
        ({"agreement": 1.0}, ((0.5, 0.0), (0.5, 1.0))),
        ({"agreement": 1.0}, ((0.0, 0.0),)),
        ({"agreement": 1.0}, ((0.0, 0.0), (1.0, 1.5))),
    ],
)
def test_what_would_not_be_monotone_is_refused(weights, curve) -> None:
    with pytest.raises(CalibrationError, match="fit it again"):
        KindModel(weights, 0.0, curve)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"kinds": {"photo": 3, "logo": 4}, "space_id": "x"}'])
def test_bad_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=r"calibration\.json"):
        Calibration.load(path)


def test_missing_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibration().save(path)
    content = json.loads(path.read_text())
    del content["kinds"]["logo"]
    path.write_text(json.dumps(content))
    with pytest.raises(CalibrationError):
        Calibration.load(path)


def test_space_must_fit() -> None:
    model = KindModel({"a": 1.0}, 0.0, ((0.0, 0.0), (1.0, 1.0)))
    bound = Calibration(kinds={"photo": model, "logo": model}, space_id="space_1", calibrated=True)
    assert bound.fits("space_1")
    assert not bound.fits("space_2")
    assert calibration().fits("space_2")


def test_another_expected_share_moves_confidence_in_log_odds_and_leaves_the_score() -> None:
    model = KindModel({"a": 6.0}, -3.0, ((0.0, 0.01), (1.0, 0.99)), prior=0.2)
    fitted = Calibration(kinds={"photo": model, "logo": model}, space_id="any", calibrated=True)
    rarer = fitted.expecting({"photo": 0.02, "logo": None})
    before, after = fitted.judge("photo", {"a": 0.9}), rarer.judge("photo", {"a": 0.9})
    assert after.score == before.score
    odds = before.confidence / (1 - before.confidence)
    moved = odds * (0.02 / 0.98) / (0.2 / 0.8)
    assert after.confidence == pytest.approx(moved / (1 + moved))
    assert rarer.judge("logo", {"a": 0.9}) == fitted.judge("logo", {"a": 0.9})
    assert rarer.version != fitted.version
    assert fitted.expecting({"photo": None}).version == fitted.version
    with pytest.raises(CalibrationError, match="setting"):
        fitted.expecting({"photo": 1.0})


def test_terms_rise_over_products_and_are_kept(tmp_path: Path) -> None:
    model = KindModel({}, -2.0, ((0.0, 0.0), (1.0, 1.0)), terms=(Term(("a", "b"), 4.0, 0.25, 0.5),), prior=0.1)
    made = Calibration(kinds={"photo": model, "logo": model}, space_id="any", calibrated=True, background="bg_1")
    made.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json") == made
    odds = [model.log_odds({"a": a, "b": 0.5}) for a in (0.0, 0.5, 0.75, 1.0)]
    assert odds == pytest.approx([-2.0, -2.0, 0.0, 2.0])
    with pytest.raises(CalibrationError, match="rise"):
        KindModel({}, 0.0, ((0.0, 0.0), (1.0, 1.0)), terms=(Term(("a",), 1.0, 0.5, 0.5),))


def test_a_shift_lowers_score_and_confidence_and_tells_the_log_odds_before_it() -> None:
    plain, shifted = (calibration().judge("photo", {"agreement": 0.9}, shift=shift) for shift in (0.0, 0.7))
    assert shifted.log_odds == plain.log_odds
    assert shifted.score < plain.score
    assert shifted.confidence < plain.confidence


def test_floors_hold_in_their_own_space_only(tmp_path: Path) -> None:
    model = KindModel({"agreement": 4.0}, -2.0, ((0.0, 0.0), (1.0, 1.0)), floor=0.4)
    made = Calibration(kinds={"photo": model, "logo": model}, space_id="any", calibrated=True, floor_space="space_1")
    made.save(tmp_path / "calibration.json")
    read = Calibration.load(tmp_path / "calibration.json")
    assert read.within("space_1").floor("photo") == 0.4
    elsewhere = read.within("space_2")
    assert elsewhere.floor("photo") == -1.0
    assert elsewhere.calibrated
    assert elsewhere.judge("logo", {"agreement": 0.5}) == read.judge("logo", {"agreement": 0.5})


def test_likeness_counts_only_in_the_space_it_was_weighed_in():
    curve = ((0.0, 0.0), (1.0, 1.0))
    kinds = {kind: KindModel({"shape": 2.0, "likeness": 3.0}, -2.0, curve) for kind in ("photo", "logo")}
    here = Calibration(kinds, "any", calibrated=True, floor_space="here")
    features = {"shape": 0.5, "likeness": 0.9}
    elsewhere = here.within("there")
    assert here.within("here").judge("logo", features).score > elsewhere.judge("logo", features).score
    assert elsewhere.judge("logo", features).score == elsewhere.judge("logo", {"shape": 0.5}).score


def test_a_mark_behind_anothers_loses_with_the_distance_and_one_before_it_nothing() -> None:
    calibration = Calibration.uncalibrated()
    features = {"own_shape": 0.8, "firm": 0.5}
    alone, ahead, behind, far = (
        calibration.judge("logo", features | {"margin": margin}).score for margin in (1.0, 0.5, 0.4, 0.1)
    )
    assert alone == ahead == calibration.judge("logo", features).score
    assert alone > behind > far > 0
