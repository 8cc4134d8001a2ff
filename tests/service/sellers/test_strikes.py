"""Strikes follow the moves of cases, once each; restrictions follow the points. On both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.marketplaces import Marketplaces
from service.sellers import Strikes, records
from tests.service.moves import START, OfCase, step


@pytest.fixture
def stated() -> list[str]:
    return []


@pytest.fixture
def strikes(database, stated) -> Strikes:
    Marketplaces(database).ensure_default()
    return Strikes(database, on_restricted=lambda _connection, _seller, made: stated.append(made.level))


class Told:
    """Tells `strikes` of moves, and looks."""

    def __init__(self, database, strikes) -> None:
        self.database, self.strikes = database, strikes

    def move(self, case: OfCase, moved: str, role: str = "reviewer", at=START) -> None:
        with self.database.write() as connection:
            self.strikes.moved(connection, case, step(moved, role, at))

    def down(self, *numbers: int, at=START, **of_case) -> None:
        for number in numbers:
            self.move(OfCase(f"case_{number}", **of_case), "held remove taken_down", at=at)

    def free(self, *numbers: int, at=START) -> None:
        for number in numbers:
            self.move(OfCase(f"case_{number}"), "taken_down reinstate reinstated", at=at)

    def levels(self, seller_id: str = "s-1") -> list[str]:
        with self.database.read() as connection:
            seller = records.find(connection, "default", seller_id)
            found = records.restrictions(connection, seller.pk) if seller else []
        return [one.level for one in found if one.ended_at is None]

    def points(self, at=START) -> float:
        with self.database.read() as connection:
            found = records.strikes(connection, records.find(connection, "default", "s-1").pk)
            return records.terms(connection, "default").total([one for one in found if not one.taken_back_at], at)


@pytest.fixture
def told(database, strikes) -> Told:
    return Told(database, strikes)


def test_levels_rise_with_takedowns_and_each_is_stated(told, stated):
    expected = {1: "warning", 4: "restriction", 8: "closure", 12: "ban"}
    reached = []
    for number in range(1, 14):
        told.down(number)
        reached = told.levels()
        assert len(reached) == 1
        assert reached[0] == [level for mark, level in expected.items() if number >= mark][-1]
    assert stated == ["warning", "restriction", "closure", "ban"]
    assert told.points() == 13


def test_one_case_is_one_strike_and_is_taken_back_once(told, stated):
    told.down(1, 1, 1)
    assert (told.points(), stated) == (1, ["warning"])
    told.free(1, 1)
    assert (told.points(), told.levels()) == (0, [])
    told.down(1)
    assert (told.points(), told.levels()) == (1, ["warning"])


def test_freed_in_every_way_takes_the_points_back(told):
    told.down(1, 2, 3)
    told.move(OfCase("case_1"), "taken_down withdraw withdrawn", "brand")
    told.move(OfCase("case_2"), "taken_down dismiss dismissed")
    told.move(OfCase("case_3"), "counter_noticed reinstate reinstated", "system")
    assert told.points() == 0


def test_a_case_that_never_took_anything_down_costs_nothing(told):
    told.move(OfCase("case_1"), "- opened held", "system")
    told.move(OfCase("case_1"), "held dismiss dismissed")
    assert told.points() == 0
    told.down(2, seller_id=None)
    assert told.levels() == []


def test_restrictions_fade_and_a_ban_does_not(told, strikes):
    told.down(*range(1, 13))
    told.down(*range(21, 30), seller_id="s-2")
    assert (told.levels(), told.levels("s-2")) == (["ban"], ["closure"])
    strikes.tick(START + timedelta(days=20))
    assert (told.levels(), told.levels("s-2")) == (["ban"], ["restriction"])
    strikes.tick(START + timedelta(days=90))
    assert (told.levels(), told.levels("s-2")) == (["ban"], [])


def test_a_ban_ends_when_a_strike_it_stood_on_is_taken_back(told):
    told.down(*range(1, 13))
    told.free(12)
    assert told.levels() == ["closure"]


def test_weights_and_marks_are_the_marketplaces(told, database):
    points = {"logo_use": 3, "warning": 2, "restriction": 3, "closure": 6, "ban": 9}
    Marketplaces(database).update("default", strike_points=points)
    told.down(1)
    assert told.levels() == []
    told.down(2, kind="logo_use")
    assert (told.points(), told.levels()) == (4, ["restriction"])
