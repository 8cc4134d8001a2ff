"""Sets of places: what holds what."""

from __future__ import annotations

import itertools

import pytest

from service.territories import UNIONS, countries, hold, normalise

SETS = [(), ("WO",), ("EU",), ("BX",), ("DE",), ("GB",), ("DE", "FR"), ("EU", "GB"), ("US",), tuple(UNIONS["EU"])]


def test_the_union_has_its_twenty_seven_members():
    assert len(UNIONS["EU"]) == 27
    assert "GB" not in UNIONS["EU"]
    assert UNIONS["BX"] <= UNIONS["EU"]


@pytest.mark.parametrize(
    ("codes", "wanted", "held"),
    [
        ((), (), True),
        ((), ("DE",), True),
        (("WO",), (), True),
        (("WO",), ("EU", "US"), True),
        (("EU",), ("DE",), True),
        (("EU",), ("DE", "FR", "BX"), True),
        (("EU",), ("GB",), False),
        (("EU",), ("DE", "GB"), False),
        (("EU",), (), False),
        (("EU",), ("WO",), False),
        (("DE",), ("EU",), False),
        (tuple(UNIONS["EU"]), ("EU",), True),
        (tuple(UNIONS["EU"] - {"MT"}), ("EU",), False),
        (("DE", "GB"), ("GB",), True),
        (("GB",), ("UK",), True),
        (("EM",), ("EL",), True),
        (("US",), ("USA",), False),
    ],
)
def test_what_lies_inside(codes, wanted, held):
    assert hold(codes, wanted) is held


@pytest.mark.parametrize("codes", SETS)
def test_every_set_holds_itself_and_more_codes_never_hold_less(codes):
    assert hold(codes, codes)
    for wanted in SETS:
        if codes and hold(codes, wanted):
            assert hold((*codes, "JP"), wanted)


def test_holding_passes_on():
    for a, b, c in itertools.product(SETS, repeat=3):
        if hold(a, b) and hold(b, c):
            assert hold(a, c)


def test_codes_are_written_one_way():
    assert normalise([" de", "uk", "GB", "Em"]) == ("DE", "GB", "EU")
    assert countries(["bx"]) == {"BE", "NL", "LU"}
