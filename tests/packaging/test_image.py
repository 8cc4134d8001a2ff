"""The container files, as far as they can be held without a container engine.

Tested: every COPY source exists and is not ignored, the build stage's wheel command runs, the wheel installs into a
clean environment and its commands start from there (`test_wheel`), the compose file parses and sets only settings
that exist. Not tested: pulling the base images, the Debian user commands, a running container, a GPU.
"""

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
import yaml

from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def instructions():
    """The Dockerfile's instructions as (word, rest), continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


@pytest.fixture(scope="module")
def stages(instructions):
    """Stage name → its instructions."""
    found, current = {}, None
    for word, rest in instructions:
        if word == "FROM":
            current = rest.split()[-1]
            found[current] = []
        elif current is not None:
            found[current].append((word, rest))
    return found


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def copied(stage):
    """What the stage copies from the build context."""
    for word, rest in stage:
        if word == "COPY" and "--from=" not in rest:
            yield from shlex.split(rest)[:-1]


def test_every_copied_path_exists_and_reaches_the_builder(stages):
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    sources = [source for stage in stages.values() for source in copied(stage)]
    assert len(sources) >= 6
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignore, source


def test_every_package_is_copied(stages):
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert packages <= set(copied(stages["wheel"]))


def test_stages_copy_from_stages_that_exist(stages):
    for stage in stages.values():
        for word, rest in stage:
            if word == "COPY" and (source := re.match(r"--from=(\S+)", rest)):
                assert source[1] in stages


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_both_targets_run_unprivileged_with_a_health_check(stages, target):
    words = dict(stages[target])
    assert words["USER"] == "brandwarden"
    assert "/healthz" in words["HEALTHCHECK"]
    assert words["VOLUME"] == "/data"
    assert words["EXPOSE"] == "8000"
    assert [word for word, _ in stages[target]].index("USER") > [word for word, _ in stages[target]].index("RUN")


def test_the_default_target_is_the_cpu_image(stages):
    assert list(stages)[-1] == "cpu"


def test_the_image_sets_only_settings_that_exist(stages):
    names = {name for stage in stages.values() for word, rest in stage if word == "ENV" for name in setting_names(rest)}
    assert {"host", "port", "data_dir", "device"} <= names
    assert names <= fields()


def test_compose_sets_only_settings_that_exist(compose):
    names = setting_names(" ".join(compose["services"]["brandwarden"]["environment"]))
    assert {"operator_key", "database_url", "blob_url"} <= names
    assert names <= fields()


def test_compose_waits_for_what_it_needs(compose):
    services = compose["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            assert how["condition"] != "service_healthy" or "healthcheck" in services[needed]
    assert services["brandwarden"]["depends_on"]["bucket"]["condition"] == "service_completed_successfully"


def test_compose_builds_this_dockerfile_and_names_its_volumes(compose, stages):
    build = compose["services"]["brandwarden"]["build"]
    assert (ROOT / "deploy" / build["context"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    assert build["target"] in stages
    named = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])}
    assert named == set(compose["volumes"])


def test_compose_has_no_secret_in_it(compose):
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "SECRET" in name or name.endswith("_KEY"):
                assert re.fullmatch(r"\$\{\w+:\?.*\}", value), name


def setting_names(text):
    return {name.lower() for name in re.findall(rf"\b{PREFIX}([A-Z_]+)", text)}


def fields():
    return {field.name for field in dataclasses.fields(Settings)}
