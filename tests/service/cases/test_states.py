"""The whole table: every action of every role in every state, against what the interface promises.

`PROMISED` is written by hand from the interface's document, not from the code.
"""

from __future__ import annotations

import itertools

import pytest

from service.errors import Forbidden, StateConflict
from tests.service.cases.desk import ACTING, BRAND, OTHER, REVIEWER, SELLER

# from → how a case gets there; `proved` is held with a proof, `fast` is a brand in the fast lane.
WAYS = {
    "open": [],
    "in_review": [(REVIEWER, "start_review")],
    "held": [(REVIEWER, "hold")],
    "proved": [(REVIEWER, "hold"), (SELLER, "submit_proof")],
    "taken_down": [(REVIEWER, "remove")],
    "counter_noticed": [(REVIEWER, "remove"), (SELLER, "counter_notice")],
    "upheld": [(REVIEWER, "remove"), (SELLER, "counter_notice"), (OTHER, "uphold")],
    "reinstated": [(REVIEWER, "remove"), (OTHER, "reinstate")],
    "dismissed": [(REVIEWER, "dismiss")],
    "withdrawn": [(BRAND, "withdraw")],
}
LIVE = "open in_review held proved taken_down counter_noticed"
PROMISED = [  # from, action, who, to, whose clock and what silence does
    ("open", "start_review", "reviewer", "in_review", None),
    ("open in_review", "hold", "reviewer", "held", ("seller", "remove")),
    ("open in_review", "remove", "reviewer", "taken_down", None),
    ("open in_review", "confirm", "brand", "held", ("seller", "remove")),
    ("held proved", "submit_proof", "seller", "held", ("brand", "reinstate")),
    ("held proved", "accept_proof", "brand reviewer", "reinstated", None),
    ("held proved", "reject_proof", "reviewer", "taken_down", None),
    ("proved", "confirm", "brand", "taken_down", None),
    ("held proved", "remove", "reviewer system", "taken_down", None),
    ("proved", "reinstate", "system", "reinstated", None),
    ("held proved taken_down", "counter_notice", "seller", "counter_noticed", ("brand", "reinstate")),
    ("counter_noticed", "uphold", "reviewer", "upheld", None),
    ("counter_noticed", "reinstate", "reviewer system", "reinstated", None),
    ("taken_down", "reinstate", "reviewer", "reinstated", None),
    ("upheld", "appeal", "seller", "in_review", None),
    (LIVE, "withdraw", "brand", "withdrawn", None),
    (LIVE, "dismiss", "reviewer", "dismissed", None),
]
ACTIONS = sorted({action for _, action, _, _, _ in PROMISED})
MAY_EVER = {(action, role) for _, action, roles, _, _ in PROMISED for role in (*roles.split(), "operator")}
EXPECTED = {
    (state, action, role): (target, clock)
    for states, action, roles, target, clock in PROMISED
    for state in states.split()
    for role in (*roles.split(), "operator")
}


def outcome(desk, connection, case, acting, action):
    """What an attempt comes to; nothing of it stays."""
    attempt = connection.begin_nested()
    try:
        moved = desk.cases.act_on(connection, case.id, acting, action, reason="because", evidence_version=None)
    except (Forbidden, StateConflict) as error:
        return type(error)
    else:
        clock = None if moved.clock is None else (moved.clock.whose_turn, moved.clock.on_silence)
        return moved.state, clock
    finally:
        attempt.rollback()


@pytest.fixture
def cases(desk):
    """A case in every state."""
    return {state: desk.bring(desk.open(state), way) for state, way in WAYS.items()}


def test_every_action_of_every_role_in_every_state(desk, cases):
    assert {state: case.state for state, case in cases.items()} == {state: state for state in WAYS} | {"proved": "held"}
    found, promised = {}, {}
    with desk.database.write() as connection:
        for state, action, role in itertools.product(WAYS, ACTIONS, ACTING):
            refused = StateConflict if (action, role) in MAY_EVER else Forbidden
            promised[state, action, role] = EXPECTED.get((state, action, role), refused)
            found[state, action, role] = outcome(desk, connection, cases[state], ACTING[role], action)
    assert found == promised


def test_what_is_said_to_be_allowed_is_what_is_allowed(desk, cases):
    found, promised = {}, {}
    for state, role in itertools.product(WAYS, ACTING):
        found[state, role] = set(desk.cases.allowed_actions(cases[state], ACTING[role]))
        mine = {action for source, action, who in EXPECTED if (source, who) == (state, role)}
        promised[state, role] = mine - {"submit_proof"}
    assert found == promised


def test_the_fast_lane_takes_down_at_once_and_a_locked_brand_only_holds(desk):
    desk.lane = "fast"
    for state in ("open", "in_review"):
        moved = desk.act(desk.bring(desk.open(state), WAYS[state]), BRAND, "confirm")
        assert (moved.state, moved.clock) == ("taken_down", None)
    desk.lane = "locked"
    assert desk.act(desk.open(), BRAND, "confirm").state == "held"
