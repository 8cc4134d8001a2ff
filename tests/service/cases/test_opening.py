"""Where cases come from: what a policy asks for, one for listing, brand and kind, and what a second look changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.service.cases.desk import MONDAY, REVIEWER, SELLER

UPHELD = [(REVIEWER, "remove"), (SELLER, "counter_notice"), (REVIEWER, "uphold")]


@pytest.mark.parametrize(
    ("decision", "lane", "state"),
    [
        ("review", "standard", "open"),
        ("review", "fast", "open"),
        ("hold", "standard", "held"),
        ("hold", "fast", "held"),
        ("takedown", "standard", "held"),
        ("takedown", "locked", "held"),
        ("takedown", "fast", "taken_down"),
    ],
)
def test_the_decision_opens_the_case(desk, decision, lane, state):
    desk.lane = lane
    case = desk.open(decision=decision, policy_version=7, proof_required=decision == "hold")
    assert (case.state, case.policy_version, case.proof_required) == (state, 7, decision == "hold")
    assert (case.clock is not None) == (state == "held")
    if case.clock is not None:
        assert case.clock.deadline == MONDAY + timedelta(days=4)
    (entry,) = desk.cases.entries(case)
    assert (entry.actor.role, entry.actor.id, entry.action, entry.source) == ("system", "policy:7", "opened", None)
    assert entry.details == {"decision": decision, "match_id": "mat_A-1", "policy_version": 7}


@pytest.mark.parametrize("changes", [{"decision": "monitor"}, {"decision": "clear"}, {"suppressed_by": "aut_1"}])
def test_what_opens_none(desk, changes):
    assert desk.judge(desk.match(**changes)) == {}
    assert desk.cases.list().items == []


def test_one_case_for_listing_brand_and_kind(desk):
    other = desk.brands.create("Other").id
    named = desk.judge(
        desk.match("mat_1", confidence=0.6, reference_id="ref_1"),
        desk.match("mat_2", confidence=0.9, reference_id="ref_2"),
        desk.match("mat_3", confidence=0.99, reference_id="ref_3", suppressed_by="neg_1"),
        desk.match("mat_4", kind="logo_use"),
        desk.match("mat_5", brand_id=other),
    )
    assert named["mat_1"] == named["mat_2"]
    assert len({named["mat_1"], named["mat_4"], named["mat_5"]}) == 3
    assert "mat_3" not in named
    assert desk.cases.get(named["mat_1"]).match_id == "mat_2"


def test_what_is_asked_for_most_strongly_stands_for_the_case(desk):
    named = desk.judge(
        desk.match("mat_1", confidence=0.95, decision="review"), desk.match("mat_2", confidence=0.6, decision="hold")
    )
    assert desk.cases.get(named["mat_1"]).state == "held"
    assert desk.cases.get(named["mat_1"]).match_id == "mat_2"


def test_the_same_again_is_the_same_case_with_the_new_version_and_no_word(desk):
    case = desk.open()
    assert desk.judge(desk.match("mat_A-1"), version=2) == {"mat_A-1": case.id}
    again = desk.cases.get(case.id)
    assert (again.evidence_version, again.state, again.moved_at) == (2, "open", case.moved_at)
    assert len(desk.cases.entries(case)) == 1


def test_changed_evidence_is_told_and_moves_nothing(desk):
    case = desk.act(desk.open(), REVIEWER, "hold")
    desk.judge(desk.match("mat_A-1", confidence=0.6, decision="takedown"), version=2)
    again = desk.cases.get(case.id)
    assert (again.state, again.clock, again.confidence) == ("held", case.clock, 0.6)
    entry = desk.cases.entries(case)[-1]
    assert (entry.action, entry.source, entry.target, entry.evidence_version) == ("judged_again", "held", "held", 2)


@pytest.mark.parametrize("changes", [None, {"suppressed_by": "aut_1"}])
def test_a_match_that_is_gone_leaves_the_case_with_the_evidence_it_had(desk, changes):
    case = desk.open()
    left = [] if changes is None else [desk.match("mat_A-1", **changes)]
    assert desk.judge(*left, version=2) == {}
    found = desk.cases.evidence(desk.cases.get(case.id))
    assert (found["found"], found["match"]["id"]) == (False, "mat_A-1")
    assert desk.cases.entries(case)[-1].details == {"match_id": "mat_A-1", "found": False}
    desk.judge(*left, version=3)
    assert len(desk.cases.entries(case)) == 2
    assert desk.judge(desk.match("mat_A-1"), version=4) == {"mat_A-1": case.id}
    assert desk.cases.evidence(desk.cases.get(case.id))["found"] is True


@pytest.mark.parametrize("end", [[(REVIEWER, "dismiss")], UPHELD], ids=["dismissed", "upheld"])
def test_what_ended_stays_ended_for_the_same_picture(desk, end):
    case = desk.bring(desk.open(), end)
    assert desk.judge(desk.match("mat_A-1"), version=2) == {"mat_A-1": case.id}
    again = desk.cases.get(case.id)
    assert (again.state, again.evidence_version) == (case.state, 1)
    assert len(desk.cases.list().items) == 1


def test_another_picture_opens_another_case(desk):
    case = desk.bring(desk.open(), [(REVIEWER, "dismiss")])
    named = desk.judge(desk.match("mat_A-1"), version=2, pictures=("bb",))
    assert named["mat_A-1"] != case.id
    assert desk.cases.get(named["mat_A-1"]).state == "open"
    assert desk.cases.get(case.id).state == "dismissed"


def test_another_picture_beside_the_old_one_stands_for_the_new_case(desk):
    case = desk.bring(desk.open(), [(REVIEWER, "dismiss")])
    named = desk.judge(
        desk.match("mat_A-1", confidence=0.99),
        desk.match("mat_2", confidence=0.6, reference_id="ref_2", image_index=1),
        version=2,
        pictures=("aa", "bb"),
    )
    fresh = desk.cases.get(named["mat_2"])
    assert (fresh.match_id, fresh.image_sha256) == ("mat_2", "bb" * 32)
    assert fresh.id != case.id


def test_a_listing_erased_and_sent_again_goes_on_with_its_case(desk):
    case = desk.open()
    desk.judge(desk.match("mat_A-1"), version=4)
    assert desk.judge(desk.match("mat_new"), version=1) == {"mat_new": case.id}
    assert desk.cases.get(case.id).evidence_version == 5


def test_another_listing_is_another_case(desk):
    assert desk.open("A-1").id != desk.open("A-2").id
