"""An evaluation from end to end on pictures that packages carry: the service's search, a peer, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexes.scoring import Calibration
from training.cli import app
from training.evaluate import evaluate_model, write
from training.evaluation.models import Model
from training.evaluation.report import BEGIN, END, Header, inserted, markdown
from training.evaluation.rivals import Rival
from training.evaluation.runs import Kept, run
from training.evaluation.targets import Target, against_targets
from training.packages import PackageCopies, PackageLogos
from training.peers import PEERS, open_peer
from training.protocols import NEGATIVE
from vision.embedders import DEFAULT_MODEL, calibration_path

COPIES, LOGOS = PackageCopies(subset=8), PackageLogos(subset=3)


@pytest.fixture(scope="module")
def judge(shipped_embedder) -> Calibration:
    return Calibration.load(calibration_path(DEFAULT_MODEL)).within(shipped_embedder.space.id)


@pytest.fixture(scope="module")
def copies(shipped_embedder, judge, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    plan = Model.of(shipped_embedder, judge, COPIES, folder)
    plan.enrol()
    return plan, run(plan)


def test_copies_are_found_and_their_boxes_with_them(copies) -> None:
    (outcomes,) = copies[1]
    assert outcomes.table == "package copies"
    assert [one.group == NEGATIVE for one in outcomes.items] == [False] * 8 + [True] * 8
    found = [one for one in outcomes.positives if one.right is not None]
    assert len(found) >= 5
    assert all(one.overlap is not None and one.overlap > 0.3 for one in found)
    assert {"decode", "embed", "search", "photos"} <= set(found[0].seconds)


def test_a_question_is_the_same_every_time() -> None:
    assert COPIES.question(3).data == PackageCopies(subset=8).question(3).data


def test_a_run_goes_on_where_it_stood(copies) -> None:
    plan, outcomes = copies
    lines = plan.kept.read_text().splitlines()
    plan.kept.write_text("\n".join(lines[:10]) + "\n" + lines[10][:20])
    asked: list[int] = []
    assert len(Kept(plan.kept).read()) == 10
    again = run(plan, lambda done, _total: asked.append(done))
    assert asked == [10, 16]  # what was kept is told first
    assert len(Kept(plan.kept).read()) == 16  # what was asked again was not written behind the piece of a line
    scores = [[one.right and one.right.score for one in some[0].items] for some in (outcomes, again)]
    assert scores[0] == scores[1]


def test_marks_are_asked_for_in_their_gallery(shipped_embedder, judge) -> None:
    (outcomes,) = evaluate_model(shipped_embedder, judge, LOGOS)
    assert (outcomes.table, outcomes.gallery, len(outcomes.items)) == ("package logos", "k1", 6)


def test_a_peer_is_asked_the_same_and_everything_is_written(copies, tmp_path) -> None:
    plan, outcomes = copies
    rival = run(Rival("PDQ", COPIES, tmp_path))
    assert [one.name for one in rival[0].items] == [one.name for one in outcomes[0].items]
    header = Header(plan.by, plan.space, plan.judged, "what a listing gets", 8, "a machine")
    text = write(tmp_path / "out", header, [*outcomes, *rival], [COPIES], draws=20)
    assert f"| {plan.by} |" in text
    assert "PDQ, FPR 1 %" in text
    assert markdown(json.loads((tmp_path / "out/evaluation.json").read_text())) == text
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    CliRunner().invoke(app, ["report", "--json", str(tmp_path / "out/evaluation.json"), "--into", str(page)])
    assert text.strip() in page.read_text()
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"package-copies-precision.png", "package-copies-reliability.png", "package-copies-groups.png"} <= written
    assert "package-copies-all-errors.jpg" in written
    with Image.open(tmp_path / "out/package-copies-false-positives.png") as plot:
        assert plot.width > 400


def test_figures_go_between_the_markers_of_a_page() -> None:
    page = f"# Page\n\n{BEGIN}\nold\n{END}\n\nrest\n"
    assert inserted(page, "new\n") == f"# Page\n\n{BEGIN}\n\nnew\n\n{END}\n\nrest\n"
    with pytest.raises(ValueError, match="no place for figures"):
        inserted("# Page", "new")


def test_targets_take_the_weakest_family() -> None:
    row = {
        "table": "copies", "gallery": "all", "by": "m",
        "figures": {"micro_ap": 0.99, "recall_at_fpr_1%": 0.98, "recall_at_fpr_0.1%": 0.8},
        "groups": {"crop": {"recall_at_fpr_1%": 0.95}, "paste": {"recall_at_fpr_1%": 0.4}},
        "confidences": {"package_flagged_share": 0.0, "ece": 0.05},
    }  # fmt: skip
    held = {one["says"]: one["met"] for one in against_targets([row], "m")}
    assert held["copies, µAP"]
    assert held["same package, other photo, flagged"]
    assert not held["weakest edit family, recall at FPR 1 %"]
    assert not held["copies, calibration error"]
    assert Target("", "copies", "all", ("*", "recall_at_fpr_1%"), 0.9).value(row) == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["PDQ", "pHash", "Lite0 ImageNet", "RootSIFT + RANSAC"])
def test_a_peer_knows_a_picture_again(name) -> None:
    assert any(name.split(",")[0] in row for rows in PEERS.values() for row in rows)
    peer = open_peer(name)
    pictures = [np.random.default_rng(seed).integers(0, 255, (200, 220, 3), np.uint8) for seed in (1, 2)]
    try:
        peer.enrol(pictures)
        scores = peer.scores(pictures)
    finally:
        peer.close()
    assert scores.shape == (2, 2)
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(ValueError, match="no peer"):
        open_peer("nobody")
