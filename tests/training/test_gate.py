"""The gate on outcomes worked out by hand, and from end to end on a frozen set of a few photographs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from indexes.scoring import Calibration
from tests.photographs import NAMES, jpeg
from tests.vision.test_open_clip import TOWERS, write_model
from training.cli import app
from training.evaluation.outcomes import Answer, Outcome, Outcomes
from training.frozen import Frozen
from training.gate import Answered, NotComparable, compare
from training.protocols import NEGATIVE
from training.readers import SourceError


def answered(found: dict[str, set[int]], space="spc_a") -> Answered:
    """Two brands of 20 questions each, 20 negatives; `found` are the questions answered rightly."""
    items = [
        Outcome(f"{brand}-{n}", "set", brand, f"{brand}-{n}", _right(brand) if n in found[brand] else None, None)
        for brand in ("Acme", "Other")
        for n in range(20)
    ]
    items += [Outcome(f"no-{n}", "", NEGATIVE, f"no-{n}", None, Answer("x", 0.3, 0.2)) for n in range(20)]
    outcomes = Outcomes("set", "all", "photo", "model", tuple(items))
    return Answered("model", space, Calibration.uncalibrated(), [outcomes])


def _right(brand):
    return Answer(brand, 0.9, 0.7)


ALL = set(range(20))


def test_the_same_answers_pass():
    report = compare(answered({"Acme": ALL, "Other": ALL}), answered({"Acme": ALL, "Other": ALL}, "spc_b"), draws=50)
    assert (report["passed"], report["failed"], report["regressions"]) == (True, [], [])
    assert (report["current"]["space"], report["candidate"]["space"]) == ("spc_a", "spc_b")
    figures = {one["figure"]: one for one in report["tables"][0]["figures"]}
    assert figures["recall_at_fpr_1%"]["candidate"] == 1.0
    assert figures["clean_not_flagged"]["current"] == 1.0
    assert "no calibration" in report["notes"][0]


def test_a_brand_that_is_lost_fails_and_is_named():
    report = compare(answered({"Acme": ALL, "Other": ALL}), answered({"Acme": ALL, "Other": set()}), draws=50)
    assert not report["passed"]
    assert "recall_at_fpr_1% (set, all)" in report["failed"]
    (lost,) = report["regressions"]
    assert (lost["group"], lost["current"], lost["candidate"], lost["worse"]) == ("Other", 1.0, 0.0, True)
    assert lost["interval"][1] < 0


def test_noise_passes_and_is_still_listed():
    """One question less of forty: within what other questions would have shown."""
    report = compare(answered({"Acme": ALL, "Other": ALL}), answered({"Acme": ALL - {3}, "Other": ALL}), draws=50)
    assert report["passed"]
    assert [one["group"] for one in report["regressions"]] == ["Acme"]


def test_more_false_flags_fail():
    worse = answered({"Acme": ALL, "Other": ALL})
    items = tuple(replace(one, wrong=Answer("x", 0.3, 0.6)) if one.negative else one for one in worse.outcomes[0].items)
    worse = replace(worse, outcomes=[replace(worse.outcomes[0], items=items)])
    report = compare(answered({"Acme": ALL, "Other": ALL}), worse, draws=50)
    assert report["failed"] == ["clean_not_flagged (set, all)"]


def test_other_questions_are_not_compared():
    one, other = answered({"Acme": ALL, "Other": ALL}), answered({"Acme": ALL, "Other": ALL})
    cut = replace(other.outcomes[0], items=other.outcomes[0].items[1:])
    with pytest.raises(NotComparable):
        compare(one, replace(other, outcomes=[cut]))


@pytest.fixture
def frozen(tmp_path):
    """Three references, two copies and one picture of nobody's."""
    rows = [["image", "label", "split", "text"]]
    for name in NAMES[:3]:
        rows.append([f"{name}.jpg", name, "reference", "Acme"])
        (tmp_path / f"{name}.jpg").write_bytes(jpeg(name))
    for name in NAMES[:2]:
        rows.append([f"{name}-copy.jpg", name, "query", ""])
        (tmp_path / f"{name}-copy.jpg").write_bytes(jpeg(name, 60))
    rows.append(["nobody.jpg", "", "query", ""])
    (tmp_path / "nobody.jpg").write_bytes(jpeg(NAMES[4]))
    with (tmp_path / "set.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "set.csv"


def test_a_frozen_set_is_a_protocol(frozen):
    protocol = Frozen(str(frozen), "photo")
    assert [one.name for one in protocol.galleries()["all"]] == [f"{name}.jpg" for name in NAMES[:3]]
    asked = [protocol.question(number) for number in range(len(protocol))]
    assert [(one.group, one.answer) for one in asked] == [("Acme", NAMES[0]), ("Acme", NAMES[1]), (NEGATIVE, None)]
    assert protocol.key == Frozen(str(frozen), "photo").key != Frozen(str(frozen), "logo").key
    (frozen.parent / "nobody.jpg").write_bytes(b"damaged")
    with pytest.raises(SourceError, match="no bad rows"):
        len(Frozen(str(frozen), "photo"))


def test_two_models_on_a_frozen_set_from_end_to_end(frozen, tmp_path):
    first = write_model(tmp_path / "a", TOWERS["vit"])
    second = write_model(tmp_path / "b", TOWERS["resnet"])
    out = tmp_path / "gate.json"
    arguments = ["gate", f"local-dir:{second}", "--current", f"local-dir:{first}"]
    done = CliRunner().invoke(app, [*arguments, "--set", str(frozen), "--draws", "20", "--out", str(out)])
    assert done.exit_code == 0, done.output
    report = json.loads(out.read_text())
    assert report["passed"] is True
    assert report["candidate"]["space"] != report["current"]["space"]
    figures = {one["figure"]: one["candidate"] for one in report["tables"][0]["figures"]}
    assert figures["recall_at_fpr_1%"] == 1.0
    assert "passed" in done.output
