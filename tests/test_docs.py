"""The documents name what is there: every setting, every route, every page of the docs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from service.app import create_app
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent


def test_operations_lists_exactly_the_settings_there_are() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith(f"| `{PREFIX}")}
    assert rows == {PREFIX + field.name.upper() for field in dataclasses.fields(Settings)}


def test_api_document_names_every_route() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    documented = set(re.findall(r"`(GET|POST|PATCH|PUT|DELETE) (/[^`]*)`", text))
    paths = create_app(Settings()).openapi()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert served == documented


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
