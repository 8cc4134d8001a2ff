"""What a right stands behind: kinds, places and times."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from service.rights import Right, cover

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PLACES = [(), ("WO",), ("EU",), ("DE",), ("DE", "FR"), ("US",), ("EU", "US"), ("GB",)]


def right(kind: str, *territories: str, until: datetime | None = None) -> Right:
    return Right(type=kind, title="ACME", owner="Acme AG", territories=territories, valid_until=until)


@pytest.mark.parametrize(
    ("kind", "type_", "stands"),
    [
        ("stolen_photo", "copyright", True),
        ("stolen_photo", "trademark", False),
        ("stolen_photo", "design", False),
        ("logo_use", "trademark", True),
        ("logo_use", "copyright", False),
        ("logo_use", "design", False),
        ("something_else", "trademark", False),
    ],
)
def test_each_kind_needs_its_right(kind, type_, stands):
    assert right(type_).covers(kind, ["DE"], NOW) is stands


@pytest.mark.parametrize(("until", "stands"), [(None, True), (NOW + DAY, True), (NOW, True), (NOW - DAY, False)])
def test_a_right_ends_with_its_last_moment(until, stands):
    assert right("trademark", "EU", until=until).covers("logo_use", ["DE"], NOW) is stands


def test_sold_everywhere_takes_a_right_that_holds_everywhere():
    assert not right("trademark", "EU").covers("logo_use", [], NOW)
    assert right("trademark").covers("logo_use", [], NOW)
    assert right("trademark", "WO", "DE").covers("logo_use", [], NOW)


def test_a_right_in_more_places_never_stands_behind_less():
    for mine, wanted, more in itertools.product(PLACES, PLACES, ["JP", "DE", "EU"]):
        if mine and right("trademark", *mine).covers("logo_use", wanted, NOW):
            assert right("trademark", *mine, more).covers("logo_use", wanted, NOW)


def test_one_right_that_covers_covers_among_others_too():
    others = [right("trademark"), right("copyright", "JP"), right("copyright", until=NOW - DAY)]
    for mine, wanted in itertools.product(PLACES, PLACES):
        one = right("copyright", *mine)
        alone = one.covers("stolen_photo", wanted, NOW)
        assert cover([one], "stolen_photo", wanted, NOW) is alone
        assert cover([*others, one], "stolen_photo", wanted, NOW) or not alone


def test_national_rights_add_up():
    marks = [right("trademark", "DE"), right("trademark", "FR"), right("trademark", "IT", until=NOW - DAY)]
    assert cover(marks, "logo_use", ["DE", "FR"], NOW)
    assert not cover(marks, "logo_use", ["DE", "IT"], NOW)
    assert not cover(marks, "logo_use", [], NOW)
    assert not cover([], "logo_use", ["DE"], NOW)
