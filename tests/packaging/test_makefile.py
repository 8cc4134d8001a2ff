"""The Makefile's promises that can be held without installing anything, and the CI script that keeps the README's."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(tmp_path):
    """Run make on a copy of the Makefile in an empty directory."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments):
        environment = {name: value for name, value in os.environ.items() if name != "ARGS" and "MAKE" not in name}
        return subprocess.run(
            ["make", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def python_that(tmp_path, script):
    path = tmp_path / "python-for-tests"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_lists_every_command(make, arguments):
    shown = make(*arguments).stdout
    for command in ("help", "install", "demo", "test", "serve", "check", "bench"):
        assert f"make {command} " in shown


def test_a_missing_interpreter_is_named(make):
    done = make("PYTHON=/nowhere/python", "install")
    assert done.returncode != 0
    assert "'/nowhere/python' was not found" in done.stderr


def test_an_old_interpreter_is_refused(make, tmp_path):
    done = make(python_that(tmp_path, 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac'), "install")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_nothing_is_installed_twice(make, tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "installed").touch()
    assert make("PYTHON=/nowhere/python", "install").returncode == 0
    assert make("--dry-run", "test").stdout.split() == [".venv/bin/python", "-m", "pytest"]
    os.utime(tmp_path / "pyproject.toml", (4e9, 4e9))
    assert "pip install" in make("--dry-run", "test").stdout


def test_check_is_told_to_write_nothing(make):
    planned = make("--dry-run", "check").stdout
    assert planned.count("--no-cache") == 2
    assert "no:cacheprovider" in planned
    assert re.search(r'--cache-dir "/', planned)


def test_the_readme_opens_with_demo_and_test():
    block = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    assert [line.split("#")[0].strip() for line in block.splitlines()][:2] == ["make demo", "make test"]


def test_ci_runs_exactly_those_and_check():
    script = (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=False).returncode == 0
    assert re.findall(r"^make (\w+) \|", script, re.M) == ["check", "test"]
