"""The distribution: what the wheel holds, and that its commands start from a clean environment.

The wheel is built by the command of the Dockerfile's build stage (without build isolation, so that no package index
is needed) and installed with `--no-deps` into a new environment that borrows the installed dependencies.
Not tested: that a package index serves those dependencies; `make install` does that.
"""

import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what the Dockerfile copies: a build leaves traces in its tree."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    dockerfile = (ROOT / "Dockerfile").read_text()
    for path in re.findall(r"^COPY (\w+) \./\1$", dockerfile, re.M):
        copy_tree(ROOT / path, source / path)
    for name in ("pyproject.toml", "README.md"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = re.search(r"^RUN python -m (pip wheel .*) --wheel-dir /wheels \.$", dockerfile, re.M)[1]
    done = subprocess.run(
        [sys.executable, "-m", *command.split(), "--no-build-isolation", "--wheel-dir", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("brandwarden-*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A clean environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    done = run(folder, "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    assert done.returncode == 0, done.stderr
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_holds_the_model_the_pages_and_the_migrations(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = [
        *(ROOT / "vision" / "models").glob("*/*"),
        *(ROOT / "service" / "pages" / "static").glob("*"),
        *(ROOT / "service" / "pages" / "templates").glob("*"),
        *(ROOT / "service" / "templates").glob("*"),
        *(ROOT / "service" / "migrations" / "versions").glob("*.py"),
        *ROOT.glob("*/py.typed"),
        ROOT / "service" / "migrations" / "script.py.mako",
    ]
    missing = {str(path.relative_to(ROOT)) for path in needed if path.is_file()} - names
    assert not missing
    assert any(name.endswith("open_clip_model.safetensors") for name in names)


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == packages
    modules = {str(path.relative_to(ROOT)) for package in packages for path in (ROOT / package).rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_wheel_is_small_enough_to_ship(wheel):
    assert wheel.stat().st_size < 40 * 2**20


@pytest.mark.parametrize("command", ["brandwarden", "brandwarden-train"])
def test_the_commands_start_from_a_clean_environment(environment, command):
    done = run(environment, command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_the_installed_version_is_the_projects(environment):
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    assert run(environment, "brandwarden", "--version").stdout.split() == ["brandwarden", version]


def test_the_installed_packages_are_the_wheels_own(environment):
    code = (
        "import vision, indexes, service, training; print(*{m.__file__ for m in (vision, indexes, service, training)})"
    )
    files = run(environment, "python", "-c", code).stdout.split()
    assert len(files) == 4
    assert all(file.startswith(str(environment)) for file in files)


def test_the_installed_model_loads(environment):
    code = "from vision.embedders import load_embedder; print(load_embedder(device='cpu').space.id)"
    done = run(environment, "python", "-W", "ignore", "-c", code)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 1


def run(folder, program, *arguments):
    """A program of the environment, away from the source tree."""
    return subprocess.run(
        [str(folder / "bin" / program), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def copy_tree(source, target):
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
