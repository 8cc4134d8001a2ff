"""Evidence is gathered picture by picture: what was stopped goes on, and the rows come out the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexes.errors import CalibrationError
from training.calibrate import gathered
from training.evidence import Draw, homes_of, photos_in
from training.fitting import Labelled
from training.gathering import Ledger, Source, gather, hash_of
from training.packages import tiles
from vision.embedders import DEFAULT_MODEL, load_embedder
from vision.images import encode_jpeg

HEADER = {"format": 2, "space": "abc"}
DRAW = Draw("photo", 4, seed=3)
ROW = Labelled({"shape": 0.9}, True, "mark/0", "acme", "acme")
OTHER = Labelled({"shape": 0.2}, False, "none/1")


def test_rows_come_in_the_order_of_draws_and_pictures_however_they_were_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "evidence.jsonl", HEADER)
    ledger.keep(Draw("logo", 20), {1: [ROW], 0: []})
    ledger.keep(DRAW, {5: [OTHER]})
    ledger.keep(DRAW, {2: [ROW, OTHER]})
    ledger.keep_homes({"a/b.jpg": "home 7"})
    for one in (ledger, Ledger(tmp_path / "new" / "evidence.jsonl", HEADER)):
        assert one.rows([DRAW, Draw("logo", 20)]) == [ROW, OTHER, OTHER, ROW]
        assert one.asked(DRAW) == {2, 5}
        assert one.asked(Draw("photo", 4, seed=4)) == set()
        assert one.homes == {"a/b.jpg": "home 7"}


def test_a_line_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "evidence.jsonl"
    Ledger(path, HEADER).keep(DRAW, {0: [ROW], 1: [OTHER]})
    path.write_bytes(path.read_bytes()[:-9])
    again = Ledger(path, HEADER)
    assert again.asked(DRAW) == {0}
    again.keep(DRAW, {1: [OTHER]})
    assert Ledger(path, HEADER).rows([DRAW]) == [ROW, OTHER]


@pytest.mark.parametrize("content", ['{"format": 1}\n', "[]\n", '{"photo": []}', "not json\n"])
def test_evidence_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "evidence.jsonl"
    path.write_text(content)
    with pytest.raises(CalibrationError, match="delete it or name another file"):
        Ledger(path, HEADER)


def test_evidence_of_another_model_says_what_differs(tmp_path: Path) -> None:
    Ledger(tmp_path / "evidence.jsonl", HEADER).keep(DRAW, {0: [ROW]})
    with pytest.raises(CalibrationError, match="another space:"):
        Ledger(tmp_path / "evidence.jsonl", HEADER | {"space": "def"})


def test_what_was_stopped_goes_on_and_gives_the_same_rows(tmp_path: Path) -> None:
    source = Source(DEFAULT_MODEL, load_embedder(DEFAULT_MODEL, threads=1), photographs(tmp_path))
    whole = Ledger(tmp_path / "whole.jsonl", HEADER)
    gather(source, [DRAW], whole, 1)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "stopped.jsonl").write_text("".join(lines[:5]))
    stopped = Ledger(tmp_path / "stopped.jsonl", HEADER)
    assert len(stopped.asked(DRAW)) == 4
    gather(source, [DRAW], stopped, 1)
    assert stopped.asked(DRAW) == set(range(12))
    rows = stopped.rows([DRAW])
    assert any(row.right for row in rows)
    assert hash_of({"photo": rows}) == hash_of({"photo": whole.rows([DRAW])})
    assert set(homes_of([DRAW], source.embedder, source.paths)) == photos_in([DRAW], source.paths)


def test_a_calibration_can_say_what_its_evidence_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANDWARDEN_DATA", str(tmp_path))
    source = Source(DEFAULT_MODEL, load_embedder(DEFAULT_MODEL, threads=1), photographs(tmp_path))
    kept = tmp_path / "evidence.jsonl"
    rows, made_by = gathered(source, {"photo": [DRAW]}, kept, 1)
    before = kept.read_bytes()
    assert gathered(source, {"photo": [DRAW]}, kept, 1) == (rows, made_by)
    assert kept.read_bytes() == before
    assert {row.group.split()[0] for row in rows["photo"]} == {"home"}
    assert made_by["space"] == source.embedder.space.id
    assert made_by["evidence"] == hash_of(rows)
    (tmp_path / "clothing" / "0.jpg").write_bytes((tmp_path / "clothing" / "1.jpg").read_bytes())
    with pytest.raises(CalibrationError, match="another photographs"):
        gathered(source, {"photo": [DRAW]}, kept, 1)


def photographs(folder: Path) -> list[Path]:
    """Eight real photographs in a folder."""
    folder = folder / "clothing"
    folder.mkdir()
    chosen = [*tiles()[0].values()][::4][:8]
    for number, pixels in enumerate(chosen):
        (folder / f"{number}.jpg").write_bytes(encode_jpeg(pixels, 95))
    return sorted(folder.iterdir())
