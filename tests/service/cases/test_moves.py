"""What stands above the table: reasons, evidence, verification, appeals, and two at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from indexes.errors import NotFound
from service.cases.audit import verify_chain
from service.cases.lessons import Lessons
from service.errors import Forbidden, Invalid, StateConflict
from service.listings.verdicts import Verdicts
from tests.service.cases.desk import BRAND, OPERATOR, OTHER, REVIEWER, SELLER

UPHELD = [(REVIEWER, "remove"), (SELLER, "counter_notice"), (OTHER, "uphold")]


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 4001])
def test_a_move_has_a_reason(desk, reason):
    case = desk.open()
    with pytest.raises(Invalid) as refused:
        desk.act(case, REVIEWER, "hold", reason=reason)
    assert refused.value.extra["errors"][0]["loc"] == ["body", "reason"]
    assert desk.cases.get(case.id) == case


def test_a_case_that_does_not_exist(desk):
    with pytest.raises(NotFound):
        desk.cases.act("case_none", REVIEWER, "hold", reason="because", evidence_version=1)


def test_evidence_that_moved_on_is_named(desk):
    case = desk.open()
    desk.judge(desk.match("mat_A-1"), version=2)
    with pytest.raises(StateConflict, match="stands on version 2, you looked at 1") as refused:
        desk.act(case, REVIEWER, "hold", evidence_version=1)
    assert refused.value.extra == {"state": "open", "evidence_version": 2}
    assert desk.act(case, REVIEWER, "hold", evidence_version=2).state == "held"


def test_a_state_that_moved_on_is_named(desk):
    case = desk.act(desk.open(), REVIEWER, "hold")
    with pytest.raises(StateConflict, match="held by now, you saw it open"):
        desk.act(case, OTHER, "remove", seen="open")
    assert desk.act(case, OTHER, "remove", seen="held").state == "taken_down"


@pytest.mark.parametrize("actions", [("start_review", "start_review"), ("hold", "dismiss"), ("remove", "remove")])
def test_of_two_reviewers_at_once_one_wins(desk, actions):
    """Both saw the case open."""
    case = desk.open()
    start = threading.Barrier(2)

    def act(work):
        acting, action = work
        start.wait()
        try:
            return desk.act(case, acting, action, seen="open").state
        except StateConflict as conflict:
            return conflict

    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(act, zip((REVIEWER, OTHER), actions, strict=True)))
    lost = [outcome for outcome in outcomes if isinstance(outcome, StateConflict)]
    won = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].extra["state"] == won[0] == desk.cases.get(case.id).state
    entries = desk.cases.entries(case)
    assert len(entries) == 2
    assert verify_chain(entries, state=won[0]) is None


@pytest.mark.parametrize("status", ["unverified", "suspended"])
def test_nothing_is_done_to_a_listing_for_a_brand_that_is_not_verified(desk, status):
    case, held = desk.open("A-1"), desk.bring(desk.open("A-2"), [(REVIEWER, "hold"), (SELLER, "submit_proof")])
    desk.brands.update(desk.brand, status=status)
    for action in ("hold", "remove"):
        with pytest.raises(StateConflict, match=status):
            desk.act(case, REVIEWER, action)
    with pytest.raises(Forbidden if status == "suspended" else StateConflict, match=status):
        desk.act(case, BRAND, "confirm")
    assert desk.cases.allowed_actions(case, BRAND) == ["withdraw"]
    assert desk.act(held, BRAND, "accept_proof").state == "reinstated"
    assert desk.act(case, REVIEWER, "dismiss").state == "dismissed"


def test_an_appeal_is_worked_by_another_reviewer(desk):
    case = desk.bring(desk.open(), [*UPHELD, (SELLER, "appeal")])
    assert (case.state, case.reviewer, case.appealed) == ("in_review", None, True)
    third = type(REVIEWER)("reviewer", "key_third")
    for who in (REVIEWER, OTHER):
        assert desk.cases.allowed_actions(case, who) == []
        with pytest.raises(StateConflict, match="another reviewer"):
            desk.act(case, who, "dismiss")
    assert "dismiss" in desk.cases.allowed_actions(case, third)
    with pytest.raises(StateConflict, match="decided by a reviewer"):
        desk.act(case, BRAND, "confirm")
    held = desk.act(case, third, "hold")
    with pytest.raises(StateConflict, match="another reviewer"):
        desk.act(held, REVIEWER, "remove")
    assert desk.act(held, third, "remove").state == "taken_down"


def test_who_only_began_a_review_may_work_the_appeal(desk):
    case = desk.bring(desk.open(), [(REVIEWER, "start_review"), (OTHER, "remove"), *UPHELD[1:], (SELLER, "appeal")])
    assert desk.act(case, REVIEWER, "dismiss").state == "dismissed"


def test_there_is_one_appeal(desk):
    third = type(REVIEWER)("reviewer", "key_third")
    again = [(third, "remove"), (SELLER, "counter_notice"), (third, "uphold")]
    case = desk.bring(desk.open(), [*UPHELD, (SELLER, "appeal"), *again])
    assert desk.cases.allowed_actions(case, SELLER) == []
    with pytest.raises(StateConflict, match="one appeal"):
        desk.act(case, SELLER, "appeal")


def test_a_review_remembers_its_reviewer(desk):
    case = desk.act(desk.open(), REVIEWER, "start_review")
    assert case.reviewer == REVIEWER.id
    assert desk.act(case, OTHER, "hold").reviewer == REVIEWER.id


def test_watchers_act_in_the_transaction_of_the_move(desk):
    seen = []

    class Watches:
        def moved(self, connection, case, entry):
            seen.append((case.state, entry.action, entry.source, entry.target))
            if entry.action == "dismiss":
                raise RuntimeError("no")

    desk.cases.watch(Watches())
    case = desk.act(desk.open(), REVIEWER, "hold")
    desk.judge(desk.match("mat_A-1", confidence=0.7), version=2)
    with pytest.raises(RuntimeError):
        desk.act(case, REVIEWER, "dismiss")
    assert seen == [
        ("open", "opened", None, "open"),
        ("held", "hold", "open", "held"),
        ("dismissed", "dismiss", "held", "dismissed"),
    ]
    assert desk.cases.get(case.id).state == "held"
    assert [entry.action for entry in desk.cases.entries(case)] == ["opened", "hold", "judged_again"]


def test_messages_are_kept_as_they_were_written(desk):
    case = desk.open()
    text = "<img src=x onerror=alert(1)> =cmd|'/c calc'!A1 \u202egnp"
    said = desk.cases.say(case.id, SELLER, text)
    desk.cases.say(case.id, BRAND, "thanks")
    first, second = desk.cases.messages(case)
    assert (first, first.text, first.author) == (said, text, SELLER)
    assert second.author == BRAND
    for wrong in ("", " ", "x" * 4001):
        with pytest.raises(Invalid):
            desk.cases.say(case.id, SELLER, wrong)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([(REVIEWER, "remove")], "infringing"),
        ([(REVIEWER, "dismiss")], "not_a_match"),
        ([(OPERATOR, "dismiss")], "not_a_match"),
        ([(REVIEWER, "hold"), (SELLER, "submit_proof"), (OTHER, "accept_proof")], "authorised"),
        ([(REVIEWER, "hold"), (SELLER, "submit_proof"), (OTHER, "reject_proof")], "infringing"),
        ([(BRAND, "confirm"), (SELLER, "counter_notice"), (OTHER, "uphold")], "infringing"),
        ([(BRAND, "confirm"), (SELLER, "submit_proof"), (BRAND, "accept_proof")], None),
        ([(BRAND, "withdraw")], None),
    ],
)
def test_a_reviewers_decision_is_a_verdict(desk, steps, verdict):
    desk.cases.watch(Lessons())
    case = desk.bring(desk.open(), steps)
    given = Verdicts(desk.database).list().items
    if verdict is None:
        assert given == []
        return
    (one,) = given
    assert (one.verdict, one.given_by, one.note) == (verdict, steps[-1][0].id, "because")
    assert (one.match_id, one.brand_id, one.kind) == (case.match_id, desk.brand, "stolen_photo")
    assert (one.image_sha256, one.confidence, one.score, one.space) == ("aa" * 32, 0.9, 0.8, "spc_test")
