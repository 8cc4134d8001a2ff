"""Standings over time, on both databases: earned, lost, locked, unlocked; warned and suspended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from indexes.brands import Brands
from service.standing import Standings, Terms
from tests.service.moves import START, OfCase, step


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self):
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def brand_id(database) -> str:
    return Brands(database).create("Acme").id


@pytest.fixture
def standings(database, clock) -> Standings:
    return Standings(database, Terms(minimum=4, warn_at=3, suspend_at=5), clock)


class Told:
    """Tells `standings` of whole cases."""

    def __init__(self, database, standings, brand_id, clock) -> None:
        self.database, self.standings, self.brand_id, self.clock = database, standings, brand_id, clock
        self.number = 0

    def case(self, *moves: str, times: int = 1, kind: str = "stolen_photo") -> None:
        for _ in range(times):
            self.number += 1
            case = OfCase(f"case_{self.number}", self.brand_id, kind)
            for moved in moves:
                words, role = moved.split(" by ")
                with self.database.write() as connection:
                    self.standings.moved(connection, case, step(words, role, self.clock.now))

    def lane(self, reason=None) -> str:
        with self.database.read() as connection:
            return self.standings.lane(connection, self.brand_id, reason)

    def events(self) -> list[str]:
        return [event.event for event in reversed(self.standings.of_brand(self.brand_id)[2])]


@pytest.fixture
def told(database, standings, brand_id, clock) -> Told:
    return Told(database, standings, brand_id, clock)


CONFIRMED, REMOVED = "open confirm held by brand", "held remove taken_down by system"
FAST = "open confirm taken_down by brand"
COUNTERED = ("taken_down counter_notice counter_noticed by seller", "counter_noticed reinstate reinstated by reviewer")


def test_the_lane_is_earned_by_claims_that_held_up(told):
    assert told.lane() == "standard"
    told.case(CONFIRMED, REMOVED, times=3)
    assert told.lane("stolen_photo") == "standard"
    told.case(CONFIRMED, REMOVED)
    assert told.lane("stolen_photo") == told.lane() == "fast"
    assert told.lane("logo_use") == "standard"
    assert told.events() == ["earned"]


def test_cases_the_brand_never_stood_behind_say_nothing_of_it(told, standings, brand_id):
    told.case("- opened held by system", REMOVED, times=5)
    assert told.lane() == "standard"
    assert standings.of_brand(brand_id)[1] == []


def test_a_brand_that_is_not_verified_has_no_fast_lane(told, database, brand_id):
    told.case(CONFIRMED, REMOVED, times=4)
    Brands(database).update(brand_id, status="unverified")
    assert told.lane("stolen_photo") == "standard"


def test_agreeing_with_oneself_counts_after_the_settling_time(told, standings, clock, brand_id):
    told.case(CONFIRMED, "held submit_proof held by seller", "held confirm taken_down by brand", times=4)
    assert told.lane() == "standard"
    assert standings.of_brand(brand_id)[1][0].figures.pending == 4
    clock.pass_days(4)
    standings.tick()
    assert told.lane() == "fast"


def test_a_counter_notice_that_succeeds_locks_the_lane_for_its_time(told, standings, clock, brand_id):
    told.case(CONFIRMED, REMOVED, times=10)
    told.case(FAST, *COUNTERED)
    assert told.lane() == "locked"
    _, [standing], events = standings.of_brand(brand_id)
    assert standing.until == clock.now + timedelta(days=90)
    assert events[0].event == "lost"
    assert events[0].figures["countered"] == 1
    assert events[0].figures["countered_share"] == round(1 / 11, 4)
    told.case(CONFIRMED, REMOVED, times=40)  # nothing shortens it
    clock.pass_days(89)
    standings.tick()
    assert told.lane() == "locked"
    clock.pass_days(1)
    assert told.lane() == "standard"
    standings.tick()
    assert told.events() == ["earned", "lost", "unlocked"]
    told.case(CONFIRMED, REMOVED, times=4)
    assert told.lane() == "fast"


def test_too_few_claims_let_the_lane_lapse_without_a_lock(told, standings, clock):
    told.case(CONFIRMED, REMOVED, times=4)
    clock.pass_days(91)
    standings.tick()
    assert told.lane() == "standard"
    assert told.events() == ["earned", "lapsed"]
    told.case(CONFIRMED, REMOVED, times=4)
    assert told.lane() == "fast"


def test_a_lane_is_held_for_each_reason_by_itself(told):
    told.case(CONFIRMED, REMOVED, times=4)
    told.case(CONFIRMED, REMOVED, times=4, kind="logo_use")
    assert told.lane() == "fast"
    told.case(CONFIRMED, "held dismiss dismissed by reviewer", kind="logo_use")
    assert (told.lane("stolen_photo"), told.lane("logo_use"), told.lane()) == ("fast", "locked", "locked")


def test_unfounded_claims_warn_then_suspend_then_are_over(told, database, brand_id):
    told.case(CONFIRMED, "held dismiss dismissed by reviewer", times=3)
    assert told.events() == ["warned"]
    told.case(CONFIRMED, "held dismiss dismissed by reviewer", times=2)
    assert told.events() == ["warned", "suspended"]
    assert Brands(database).get(brand_id).status == "suspended"
    Brands(database).update(brand_id, status="verified")
    told.case(CONFIRMED, "held dismiss dismissed by reviewer")
    assert told.events() == ["warned", "suspended"]
    assert Brands(database).get(brand_id).status == "verified"


def test_a_brand_that_is_mostly_right_is_not_warned(told):
    told.case(CONFIRMED, REMOVED, times=30)
    told.case(CONFIRMED, "held dismiss dismissed by reviewer", times=5)
    assert "warned" not in told.events()


def test_notices_decided_at_the_desk_count_as_their_own_reason(told, standings, database, brand_id, clock):
    for number in range(3):
        with database.write() as connection:
            standings.notice_decided(connection, brand_id, f"not_{number}", founded=number == 0, at=clock.now)
    [standing] = standings.of_brand(brand_id)[1]
    assert (standing.reason, standing.figures.decided, standing.figures.upheld) == ("notice", 3, 1)


def test_a_move_told_twice_counts_once(told, standings, database, brand_id):
    case = OfCase("case_x", brand_id)
    for words, role in (("open confirm held", "brand"), ("held remove taken_down", "system")) * 2:
        with database.write() as connection:
            standings.moved(connection, case, step(words, role))
    assert standings.of_brand(brand_id)[1][0].figures.decided == 1
