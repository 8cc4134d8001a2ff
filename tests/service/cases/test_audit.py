"""The chain: whole as written on either database, and broken by whatever is changed, cut out or put in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from service.cases.audit import BEGINNING, verify_chain
from service.cases.tables import CASE_ENTRIES
from tests.service.cases.desk import BRAND, OPERATOR, REVIEWER, SELLER

NOTICE = {
    "counter_notice": {"name": '=HYPERLINK("x")', "statement": "<script>alert(1)</script> ünïcödé \U0001d518 \u202e"}
}


@pytest.fixture
def case(desk):
    """A case with a history."""
    case = desk.bring(desk.open(), [(REVIEWER, "start_review"), (REVIEWER, "hold")])
    case = desk.act(case, SELLER, "counter_notice", details=NOTICE, reason="  <b>mine</b>\n=1+1 ")
    desk.cases.tokens.make(case.id, OPERATOR)
    return desk.act(case, OPERATOR, "reinstate")


def test_a_chain_is_whole_as_it_was_written(desk, case):
    entries = desk.cases.entries(case)
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert verify_chain(entries, state=case.state) is None


def test_a_stranger_can_compute_the_digests(desk, case):
    """From the interface's document alone, by the words of docs/cases.md."""
    (document,) = desk.cases.documents([case], OPERATOR)
    previous = BEGINNING
    for entry in json.loads(json.dumps(document))["audit"]:
        content = {name: value for name, value in entry.items() if name != "digest"} | {"case_id": case.id}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["previous"] == previous
        assert hashlib.sha256(text.encode()).hexdigest() == entry["digest"]
        previous = entry["digest"]


def test_words_are_kept_as_they_were_written(desk, case):
    entry = desk.cases.entries(case)[3]
    assert entry.reason == "  <b>mine</b>\n=1+1 "
    assert entry.details == NOTICE


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "another"},
        {"at": timedelta(microseconds=1)},
        {"actor_role": "system"},
        {"actor_id": "key_other"},
        {"action": "remove"},
        {"source": "open"},
        {"target": "taken_down"},
        {"evidence_version": 2},
        {"details": {}},
        {"previous": BEGINNING},
        {"digest": BEGINNING},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_changed_is_found(desk, case, change):
    if "at" in change:
        change = {"at": desk.clock.now + change["at"]}
    fourth = sa.and_(CASE_ENTRIES.c.case_pk == case.pk, CASE_ENTRIES.c.number == 4)
    with desk.database.write() as connection:
        connection.execute(sa.update(CASE_ENTRIES).where(fourth).values(**change))
    assert verify_chain(desk.cases.entries(case)) == 4


def test_entries_cut_out_put_in_or_swapped_are_found(desk, case):
    entries = list(desk.cases.entries(case))
    assert verify_chain(entries[1:]) == 1
    assert verify_chain(entries[:2] + entries[3:]) == 3
    assert verify_chain([*entries[:3], entries[4], entries[3], entries[5]]) == 4
    assert verify_chain([*entries, entries[-1]]) == 7
    assert verify_chain(entries[:-1], state=case.state) == 6
    assert verify_chain([], state="open") == 1


def test_an_entry_of_another_case_does_not_fit(desk, case):
    other = desk.cases.entries(desk.open("A-2"))
    mixed = [*desk.cases.entries(case)[:1], dataclasses.replace(other[0], number=2)]
    assert verify_chain(mixed) == 2


def test_a_note_moves_nothing_and_stands_in_the_chain(desk):
    case = desk.open()
    with desk.database.write() as connection:
        desk.cases.note(connection, case, BRAND, "proof_confirmed", reason="known to us", details={"proof": "prf_1"})
    entries = desk.cases.entries(case)
    assert (entries[-1].action, entries[-1].source, entries[-1].target) == ("proof_confirmed", "open", "open")
    assert verify_chain(entries, state="open") is None
    assert desk.cases.get(case.id) == case
