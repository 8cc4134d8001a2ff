"""What strikes weigh and which level follows, with values worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.sellers.points import InvalidPoints, StrikeTerms
from service.sellers.strikes import due_level
from service.sellers.values import Strike
from tests.service.moves import START


def strike(points=1.0, days=0.0) -> Strike:
    return Strike("str_1", "case_1", "stolen_photo", points, START - timedelta(days=days), None, None)


@pytest.mark.parametrize(("days", "left"), [(0, 1), (0.99, 1), (1, 89 / 90), (45, 0.5), (90, 0), (400, 0)])
def test_a_strike_fades_in_equal_parts_by_whole_days(days, left):
    assert StrikeTerms().left(strike(days=days), START) == pytest.approx(left)


@pytest.mark.parametrize(
    ("points", "level"),
    [
        (0, None),
        (0.9, None),
        (1, "warning"),
        (3.9, "warning"),
        (4, "restriction"),
        (8, "closure"),
        (12, "ban"),
        (99, "ban"),
    ],
)
def test_the_level_of_some_points(points, level):
    assert StrikeTerms().level(points) == level


def test_many_small_weights_reach_their_sum():
    terms = StrikeTerms(stolen_photo=0.1)
    assert terms.level(terms.total([strike(0.1)] * 10, START)) == "warning"


@pytest.mark.parametrize(
    ("points", "name"),
    [
        ({"x": 1}, "x"),
        ({"warning": 5}, "restriction"),
        ({"warning": 0}, "warning"),
        ({"closure": 12}, "ban"),
        ({"decay_days": 0}, "decay_days"),
        ({"stolen_photo": -1}, "stolen_photo"),
        ({"ban": 1e9}, "ban"),
        ({"ban": float("nan")}, "ban"),
    ],
)
def test_points_that_make_no_sense_name_what_is_wrong(points, name):
    with pytest.raises(InvalidPoints) as refused:
        StrikeTerms.of(points)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("points", "current", "struck", "level"),
    [
        (1, None, True, "warning"),
        (4, "warning", True, "restriction"),
        (4, None, False, None),  # lifted by a person: only a new strike restricts again
        (3, "restriction", False, None),  # no warning because something faded
        (7, "closure", False, "restriction"),
        (5, "restriction", True, "restriction"),
        (0, "warning", False, None),
    ],
)
def test_harsher_only_with_a_strike(points, current, struck, level):
    assert due_level(StrikeTerms(), [strike(points)], points, current, struck=struck) == level


def test_a_ban_does_not_fade_and_ends_when_strikes_are_taken_back():
    terms = StrikeTerms()
    assert due_level(terms, [strike(12)], 0.0, "ban", struck=False) == "ban"
    assert due_level(terms, [strike(11)], 11.0, "ban", struck=False) == "closure"
