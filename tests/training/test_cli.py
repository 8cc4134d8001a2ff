"""`brandwarden-train` as a person meets it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

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
