"""A notice is complete or refused, with everything that is missing named at once."""

from __future__ import annotations

import pytest

from service.errors import Invalid
from service.notices.finding import variants
from service.notices.values import NewNotice, is_address

GOOD = {
    "explanation": "This listing shows our photograph without our consent.",
    "urls": ("https://shop.example/a-1",),
    "name": "Jane Roe",
    "email": "jane@roe.example",
    "bona_fide": True,
    "brand": "Acme",
}


def test_a_complete_notice_passes():
    NewNotice(**GOOD).check()
    NewNotice(**GOOD, signature="/s/ Jane Roe", work="A cup", accuracy=True).check()


@pytest.mark.parametrize(
    ("changed", "loc"),
    [
        ({"explanation": "stolen"}, ["explanation"]),
        ({"explanation": " " * 100}, ["explanation"]),
        ({"urls": ()}, ["urls"]),
        ({"urls": ("https://shop.example/1",) * 101}, ["urls"]),
        ({"urls": ("https://shop.example/1", "shop.example/2")}, ["urls", 1]),
        ({"name": " "}, ["name"]),
        ({"brand": ""}, ["brand"]),
        ({"email": "jane"}, ["email"]),
        ({"email": "a@b.c\nBcc: d@e.f"}, ["email"]),
        ({"bona_fide": False}, ["bona_fide"]),
        ({"work": "x" * 2001}, ["work"]),
    ],
)
def test_what_is_missing_is_named(changed, loc):
    with pytest.raises(Invalid) as refused:
        NewNotice(**{**GOOD, **changed}).check()
    assert [error["loc"] for error in refused.value.extra["errors"]] == [["body", *loc]]


def test_everything_missing_is_named_at_once():
    with pytest.raises(Invalid) as refused:
        NewNotice("", (), "", "", False, "").check()
    assert len(refused.value.extra["errors"]) == 6


@pytest.mark.parametrize(
    ("url", "exact"),
    [
        ("https://shop.example/a?b=c#d", True),
        ("http://127.0.0.1:8000/x", True),
        ("ftp://shop.example/a", False),
        ("javascript:alert(1)", False),
        ("https://user:word@shop.example/a", False),
        ("https:///a", False),
        ("https://shop.example/a b", False),
        ("https://[::1/a", False),
        ("https://shop.example/" + "x" * 5000, False),
    ],
)
def test_only_exact_addresses_of_pages(url, exact):
    assert is_address(url) == exact


def test_one_page_may_be_written_in_several_ways():
    written = variants("HTTPS://Shop.Example/A/?b=C#top")
    assert {"https://shop.example/A?b=C", "http://shop.example/A/?b=C"} <= set(written)
    assert not any("/a" in one for one in written)
