"""What cannot be a policy, and where it says so."""

from __future__ import annotations

import pytest

from service.errors import Invalid
from service.policies import Bounds, Draft, Rule
from service.policies.values import ProofRule
from service.policies.vetting import vet

HERE = ["body", "rules", 0]
LOGO = Rule("logo_use", monitor=0.2, review=0.5, hold=0.8, takedown=0.9)


EVERYWHERE = (Rule("logo_use", review=0.6), Rule("stolen_photo", review=0.6))


def wrong(*rules: Rule, bounds: Bounds | None = None) -> list[list[object]]:
    with pytest.raises(Invalid) as refused:
        vet(Draft(rules), {"default", "shop"}, bounds)
    return [error["loc"] for error in refused.value.extra["errors"]]


def test_a_marketplaces_rule_beside_the_one_for_everywhere_is_no_contradiction():
    vet(Draft((LOGO, Rule("logo_use", "shop"), Rule("stolen_photo", "shop"))), {"default", "shop"}, Bounds(0.8, 0.9))


def test_two_rules_for_one_kind_and_marketplace_contradict_each_other():
    assert wrong(LOGO, Rule("stolen_photo"), Rule("logo_use")) == [["body", "rules", 2]]


def test_a_marketplace_has_to_exist():
    assert wrong(Rule("logo_use", "nowhere")) == [[*HERE, "marketplace"]]


@pytest.mark.parametrize(
    ("rule", "member"),
    [
        (Rule("logo_use", monitor=0.6), "review"),
        (Rule("logo_use", monitor=0.6, review=None, hold=0.5), "hold"),
        (Rule("logo_use", monitor=None, review=0.9, hold=None, takedown=0.8), "takedown"),
    ],
)
def test_thresholds_rise_and_those_that_are_not_set_are_passed_over(rule, member):
    assert wrong(rule) == [[*HERE, member]]


def test_bounds_hold_for_what_a_machine_does_by_itself():
    assert wrong(LOGO, bounds=Bounds(0.85, 0.95)) == [[*HERE, "hold"], [*HERE, "takedown"]]
    vet(Draft((Rule("logo_use", monitor=0.0, review=0.0),)), set(), Bounds(0.9, 0.9))


@pytest.mark.parametrize(
    ("rules", "loc"),
    [
        ((Rule("logo_use", monitor=0.05, review=0.05), EVERYWHERE[1]), [*HERE, "review"]),
        ((*EVERYWHERE, Rule("logo_use", "shop", review=0.5)), ["body", "rules", 2, "review"]),
        ((EVERYWHERE[0],), ["body", "rules"]),
    ],
)
def test_asking_for_proof_holds_nothing_below_the_bounds(rules, loc):
    draft = Draft(rules, (ProofRule(),))
    with pytest.raises(Invalid) as refused:
        vet(draft, {"shop"}, Bounds(0.6, 0.8))
    assert [error["loc"] for error in refused.value.extra["errors"]] == [loc]
    vet(draft, {"shop"}, None)
    vet(Draft(EVERYWHERE, (ProofRule(),)), {"shop"}, Bounds(0.6, 0.8))
    vet(Draft((), (ProofRule(),)), set(), Bounds())
