"""`brandwarden-train` as a person meets it."""

from __future__ import annotations

from typer.testing import CliRunner

from training.cli import app


def test_help_names_the_commands():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "fit" in result.output
    assert "judge" in result.output
