"""Every command line a document shows is one that the command line takes: its name, its options, its arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup
from typer.exceptions import TyperException

from service.cli import app as service_app
from training.cli import app as training_app

ROOT = Path(__file__).parent.parent
PROGRAMS = {
    "brandwarden": typer.main.get_command(service_app),
    "brandwarden-train": typer.main.get_command(training_app),
}
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "vision").rglob("*.md")]
SHOWN = re.compile(r"^```sh\n(.*?)^```|`(brandwarden(?:-train)? [^`\n]+)`", re.DOTALL | re.MULTILINE)
ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "<"}


def shown(text: str) -> Iterator[list[str]]:
    """The command lines of a page, in blocks and between backticks, as words; patterns of a line are left out."""
    for block, inline in SHOWN.findall(text):
        for line in (block or inline).replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            begin = next((number for number, word in enumerate(words) if word in PROGRAMS), None)
            if begin is not None and not any(mark in word for word in words for mark in ("…", "...", "[")):
                end = next((number for number, word in enumerate(words) if word in ENDS and number > begin), None)
                yield words[begin:end]


def told(words: list[str]) -> str | None:
    """Why the program refuses the words, or None."""
    command, name, rest = PROGRAMS[words[0]], words[0], words[1:]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        found = command.commands.get(rest[0])
        if found is None:
            return f"there is no {rest[0]}"
        command, name, rest = found, rest[0], rest[1:]
    if isinstance(command, TyperGroup):
        return None
    try:
        command.make_context(name, list(rest))
    except TyperException as refused:
        why = str(refused)
        named = not rest and type(refused).__name__ == "MissingParameter"  # in a sentence, without its arguments
        return None if named or why.endswith("requires an argument.") else why
    return None


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_commands_of_a_page_are_taken(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANDWARDEN_KEY", "bw_key")
    refused = {" ".join(words): told(words) for words in shown(page.read_text(encoding="utf-8"))}
    assert {line: why for line, why in refused.items() if why is not None} == {}


def test_a_wrong_option_and_a_wrong_command_are_seen() -> None:
    page = "```sh\nbrandwarden-train calibrate --photo 3\nA=b brandwarden-train walk\n```\n`brandwarden serve --no`"
    assert [told(words) is not None for words in shown(page)] == [True, True, True]


def test_the_walk_through_is_among_them() -> None:
    page = (ROOT / "docs" / "retraining.md").read_text(encoding="utf-8")
    names = {words[1] for words in shown(page) if words[0] == "brandwarden-train" and len(words) > 1}
    assert {"inspect", "fit", "background", "calibrate", "judge", "evaluate", "gate", "export", "promote"} <= names
