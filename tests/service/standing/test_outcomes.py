"""What a move says of a claim: the whole table by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.standing.outcomes import Decided, is_claim, outcome_of
from service.standing.values import Terms
from tests.service.moves import START, OfCase, step

TERMS = Terms(settling=timedelta(days=4))
LATER = START + timedelta(days=4)
OUTCOMES = [
    ("open remove taken_down", "reviewer", 0, Decided("upheld", START)),
    ("held remove taken_down", "system", 0, Decided("upheld", START)),
    ("held reject_proof taken_down", "reviewer", 1, Decided("upheld", START)),
    ("open confirm taken_down", "brand", 0, Decided("upheld", LATER)),
    ("held confirm taken_down", "brand", 1, Decided("upheld", LATER)),
    ("- opened taken_down", "system", 0, Decided("upheld", LATER)),
    ("counter_noticed uphold upheld", "reviewer", 0, Decided("upheld", START)),
    ("counter_noticed reinstate reinstated", "reviewer", 0, Decided("rejected", START, countered=True)),
    ("counter_noticed reinstate reinstated", "system", 0, Decided("rejected", START, countered=True)),
    ("counter_noticed dismiss dismissed", "reviewer", 0, Decided("rejected", START, countered=True)),
    ("counter_noticed withdraw withdrawn", "brand", 0, Decided("rejected", START, countered=True)),
    ("taken_down reinstate reinstated", "reviewer", 0, Decided("rejected", START)),
    ("held accept_proof reinstated", "brand", 1, Decided("rejected", START)),
    ("held reinstate reinstated", "system", 1, Decided("rejected", START)),
    ("open dismiss dismissed", "reviewer", 0, Decided("rejected", START)),
    ("held withdraw withdrawn", "brand", 0, Decided("withdrawn", START)),
    ("held withdraw withdrawn", "brand", 1, Decided("rejected", START)),
    ("taken_down counter_notice counter_noticed", "seller", 0, Decided(None, START)),
    ("upheld appeal in_review", "seller", 0, Decided(None, START)),
    ("held submit_proof held", "seller", 1, None),
]


@pytest.mark.parametrize(("moved", "role", "proofs", "expected"), OUTCOMES)
def test_what_a_move_says_of_the_claim(moved, role, proofs, expected):
    assert outcome_of(OfCase("case_1", proofs=proofs), step(moved, role), TERMS) == expected


@pytest.mark.parametrize(
    ("moved", "role", "claimed"),
    [
        ("open confirm held", "brand", True),
        ("held confirm taken_down", "brand", True),
        ("- opened taken_down", "system", True),
        ("- opened held", "system", False),
        ("open confirm held", "operator", False),
        ("open hold held", "reviewer", False),
    ],
)
def test_when_the_brand_stands_behind_a_case(moved, role, claimed):
    assert is_claim(step(moved, role)) == claimed
