"""`brandwarden-train` as a person meets it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.photographs import jpeg
from training.cli import app, run


def test_help_names_the_commands():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "fit" in result.output
    assert "judge" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--protocol", "copies"], "set BRANDWARDEN_DATA"),
        (["gate", "local-dir:/nowhere"], "set BRANDWARDEN_DATA"),
        (["calibrate"], "set BRANDWARDEN_DATA"),
        (["judge"], "BRANDWARDEN_DATA"),
        (["evaluate", "--protocol", "package-copies", "--model", "local-dir:/nowhere"], "/nowhere does not exist"),
        (["export", "local-dir:/nowhere", "out"], "/nowhere does not exist"),
        (["evaluate", "--protocol", "package-copies", "--peers", "Oracle"], "there is no peer Oracle"),
        (["report"], "brandwarden-train evaluate writes it"),
        (["inspect", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_a_person_can_mend_is_told_without_a_traceback(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BRANDWARDEN_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert words in said
    assert "Traceback" not in said


def test_a_folder_is_inspected_into_a_directory_that_is_not_there_yet(tmp_path, capsys):
    (tmp_path / "set" / "cups").mkdir(parents=True)
    (tmp_path / "set" / "cups" / "one.jpg").write_bytes(jpeg("coffee"))
    (tmp_path / "set" / "cups" / "two.jpg").write_bytes(b"no picture")
    out = tmp_path / "build" / "new" / "manifest.json"
    assert run(["inspect", str(tmp_path / "set"), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["labels"] == {"cups": 1}
    assert "two.jpg" in capsys.readouterr().out
