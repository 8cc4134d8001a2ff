"""What every page's HTML has to say, whichever page it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import service.pages

TEMPLATES = sorted((Path(service.pages.__file__).parent / "templates").glob("*.html"))
_EXPRESSION = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)


def tags(template: Path, name: str) -> list[str]:
    """The opening tags of that name, without what is filled in."""
    return re.findall(rf"<{name}\b[^>]*>", _EXPRESSION.sub("", template.read_text()))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_is_typed_never_goes_into_an_address(template):
    """A form without a method, sent before its script is there, would put names and reasons into the history."""
    for form in tags(template, "form"):
        assert 'method="' in form, form
        assert 'method="get"' not in form or "search" in form, form


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_page_is_shown_with_its_script(template):
    """So that nobody presses what does nothing yet."""
    for script in tags(template, "script"):
        assert 'blocking="render"' in script, script
    head = template.read_text().partition("{% block tab %}")[0].partition("{% block main %}")[0]
    assert head.count("<script") == len(tags(template, "script")), "elsewhere it does not hold the page back"


def test_there_are_forms_and_scripts():
    assert sum(len(tags(path, "form")) for path in TEMPLATES) > 20
    assert sum(len(tags(path, "script")) for path in TEMPLATES) > 10
