"""Clocks: lengths as they are written, deadlines that are stored, and what silence does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from service.cases.clocks import check_length, end_of
from service.cases.tables import CASES
from tests.service.cases.desk import BRAND, MONDAY, REVIEWER, SELLER

FRIDAY = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "seconds"),
    [("30s", 30), ("15m", 900), ("2h", 7200), ("4d", 345_600), (4, 345_600), (0.5, 43_200), (1.0, 86_400)],
)
def test_lengths(length, seconds):
    assert end_of(length, FRIDAY) - FRIDAY == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-16T09:00", 1, "2026-11-17T09:00"),  # a Monday
        ("2026-11-16T09:00", 5, "2026-11-23T09:00"),
        ("2026-11-16T09:00", 10, "2026-11-30T09:00"),
        ("2026-11-20T17:30", 1, "2026-11-23T17:30"),  # a Friday
        ("2026-11-21T10:00", 1, "2026-11-23T10:00"),  # a Saturday
        ("2026-11-22T23:59", 10, "2026-12-04T23:59"),  # a Sunday
    ],
)
def test_business_days_are_monday_to_friday(start, days, end):
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert end_of(f"{days}bd", begins) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "length", ["", "4", "4 d", "-4d", "4w", "d", "1.5h", "4D", "٤d", "0s", "99999999999d", "4000bd", "=1s", 0, -1]
)
def test_what_is_no_length(length):
    with pytest.raises(ValueError, match="must be"):
        check_length(length)


@pytest.mark.parametrize("length", [float("nan"), float("inf"), 1e300])
def test_numbers_without_an_end(length):
    with pytest.raises(ValueError, match="at most 3650 days"):
        check_length(length)


def test_silence_of_the_seller_removes(desk, clock):
    held = desk.act(desk.open(), REVIEWER, "hold")
    assert held.clock.deadline == MONDAY + timedelta(days=4)
    assert desk.cases.tick(clock.go(days=3, hours=23)) == 0
    assert desk.cases.tick(clock.go(hours=1)) == 1
    case = desk.cases.get(held.id)
    assert (case.state, case.clock) == ("taken_down", None)
    entry = desk.cases.entries(case)[-1]
    assert (entry.actor.role, entry.actor.id, entry.action) == ("system", "clock", "remove")
    assert desk.cases.tick(clock.go(days=100)) == 0


def test_silence_of_the_brand_reinstates(desk, clock):
    proved = desk.bring(desk.open("A-1"), [(REVIEWER, "hold"), (SELLER, "submit_proof")])
    countered = desk.bring(desk.open("A-2"), [(REVIEWER, "remove"), (SELLER, "counter_notice")])
    assert proved.clock.deadline == MONDAY + timedelta(days=3)
    assert countered.clock.deadline == MONDAY + timedelta(days=14)
    assert desk.cases.tick(clock.go(days=3)) == 1
    assert desk.cases.tick(clock.go(days=11)) == 1
    assert {desk.cases.get(case.id).state for case in (proved, countered)} == {"reinstated"}


def test_a_deadline_that_passed_while_nothing_ran_is_acted_on_and_told(desk, clock):
    held = desk.act(desk.open(), REVIEWER, "hold")
    clock.go(days=30)
    assert desk.another().tick() == 1
    entry = desk.cases.entries(held)[-1]
    assert entry.details == {
        "clock": "seller_response",
        "deadline": "2026-11-20T09:00:00Z",
        "acted_on": "2026-12-16T09:00:00Z",
    }
    assert entry.at == clock.now
    assert desk.cases.get(held.id).moved_at == clock.now


def test_an_answer_in_time_stops_the_clock(desk, clock):
    held = desk.act(desk.open(), REVIEWER, "hold")
    answered = desk.act(held, SELLER, "counter_notice")
    assert answered.clock.whose_turn == "brand"
    assert desk.cases.tick(clock.go(days=5)) == 0


def test_an_answer_after_the_deadline_counts_until_somebody_acts_on_it(desk, clock):
    held = desk.act(desk.open(), REVIEWER, "hold")
    clock.go(days=5)
    desk.act(held, SELLER, "counter_notice")
    assert desk.cases.tick() == 0


def test_two_processes_act_once(desk, clock):
    held = [desk.act(desk.open(f"A-{number}"), REVIEWER, "hold") for number in range(8)]
    clock.go(days=4)
    start = threading.Barrier(2)

    def tick(cases):
        start.wait()
        return cases.tick()

    with ThreadPoolExecutor(2) as threads:
        moved = list(threads.map(tick, [desk.cases, desk.another()]))
    assert sum(moved) == len(held)
    for case in held:
        assert [entry.action for entry in desk.cases.entries(case)] == ["opened", "hold", "remove"]


def test_more_than_one_tick_can_hold_are_all_reached(desk, clock):
    case = desk.act(desk.open(), REVIEWER, "hold")
    with desk.database.write() as connection:
        row = dict(connection.execute(CASES.select()).one()._mapping)
        copies = [{**row, "pk": row["pk"] + n, "id": f"case_{n}", "on_silence": "uphold"} for n in range(1, 450)]
        connection.execute(CASES.insert(), copies)  # what fails stands before what does not
        last = {**row, "pk": row["pk"] + 450, "id": "case_last"}
        connection.execute(CASES.insert(), [last])
    clock.go(days=4)
    assert [desk.cases.tick() for _ in range(3)] == [1, 0, 1]
    assert desk.cases.get("case_last").state == desk.cases.get(case.id).state == "taken_down"


def test_what_fails_does_not_stop_the_clocks_of_others(desk, clock):
    class Fails:
        def moved(self, connection, case, entry):
            if case.listing_id == "A-0" and entry.action == "remove":
                raise RuntimeError("this one")

    first, second = (desk.act(desk.open(f"A-{number}"), REVIEWER, "hold") for number in range(2))
    cases = desk.another(watchers=[Fails()])
    assert cases.tick(clock.go(days=4)) == 1
    assert (cases.get(first.id).state, cases.get(second.id).state) == ("held", "taken_down")
    assert desk.cases.tick() == 1


def test_nothing_is_removed_for_a_brand_that_lost_its_verification(desk, clock):
    held = desk.act(desk.open("A-1"), REVIEWER, "hold")
    countered = desk.bring(desk.open("A-2"), [(REVIEWER, "remove"), (SELLER, "counter_notice")])
    desk.brands.update(desk.brand, status="suspended")
    assert desk.cases.tick(clock.go(days=20)) == 1
    assert desk.cases.get(held.id).state == "held"
    assert desk.cases.get(countered.id).state == "reinstated"
    desk.brands.update(desk.brand, status="verified")
    assert desk.cases.tick() == 1


def test_changed_lengths_change_new_deadlines_only(desk):
    first = desk.act(desk.open("A-1"), REVIEWER, "hold")
    desk.marketplaces.update("default", clocks={"seller_response": "90s"})
    second = desk.act(desk.open("A-2"), BRAND, "confirm")
    assert desk.cases.get(first.id).clock.deadline == MONDAY + timedelta(days=4)
    assert second.clock.deadline == MONDAY + timedelta(seconds=90)


def test_a_running_service_watches_real_seconds(client, brand, held_case):
    """Held with a clock of a second, the case is removed by itself."""
    deadline = time.monotonic() + 30
    while (case := client.get(f"/v1/cases/{held_case}").json())["state"] == "held":
        assert time.monotonic() < deadline, case["clock"]
        time.sleep(0.1)
    assert case["state"] == "taken_down"
    last = case["audit"][-1]
    assert (last["actor"], last["action"]) == ({"role": "system", "id": "clock"}, "remove")
    assert last["details"]["acted_on"] >= last["details"]["deadline"]


@pytest.fixture
def held_case(client, brand, open_case) -> str:
    """The id of a case held under a clock of a second."""
    client.patch("/v1/marketplaces/default", json={"clocks": {"seller_response": "1s"}})
    body = {"action": "hold", "reason": "because", "evidence_version": 1}
    answer = client.post(f"/v1/cases/{open_case}/actions", json=body)
    assert answer.json()["state"] == "held", answer.text
    return open_case
