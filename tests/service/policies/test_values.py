"""Policies as values: which rule is in force where, what it decides, and of whom it asks proof."""

from __future__ import annotations

from decimal import Decimal

import pytest

from service.policies.values import Policy, ProofRule, Rule


@pytest.mark.parametrize(
    ("confidence", "decision"),
    [(0.0, "clear"), (0.19, "clear"), (0.20, "monitor"), (0.49, "monitor"), (0.50, "review"), (1.0, "review")],
)
def test_without_a_policy_nothing_goes_beyond_review(confidence, decision):
    assert Policy("brd_1").rule("logo_use", "shop").decide(confidence)[0] == decision


def test_thresholds_that_are_not_set_are_passed_over():
    rule = Rule("logo_use", monitor=None, review=0.4, hold=None, takedown=0.9)
    assert [rule.decide(value) for value in (0.39, 0.4, 0.89, 0.9)] == [
        ("clear", 0.0),
        ("review", 0.4),
        ("review", 0.4),
        ("takedown", 0.9),
    ]


def test_a_marketplaces_own_rule_goes_before_the_one_for_everywhere():
    everywhere, shop = Rule("logo_use", hold=0.9), Rule("logo_use", "shop", hold=0.7)
    policy = Policy("brd_1", 1, (everywhere, shop))
    assert policy.rule("logo_use", "shop") is shop
    assert policy.rule("logo_use", "bazaar") is everywhere
    assert policy.rule("stolen_photo", "shop") == Rule("stolen_photo")


@pytest.mark.parametrize(
    ("rule", "listing", "asked"),
    [
        (ProofRule("Shoes"), ("shoes ", None, None), True),
        (ProofRule("Shoes"), ("Shoes > Sneakers", None, None), True),
        (ProofRule("Shoes"), ("Shoes/Boots", None, None), True),
        (ProofRule("Shoes"), ("Shoelaces", None, None), False),
        (ProofRule("Shoes"), ("Shoes and bags", None, None), False),
        (ProofRule("Shoes"), (None, Decimal(900), "EUR"), False),
        (ProofRule(None, Decimal(100)), (None, Decimal("100.00"), "JPY"), True),
        (ProofRule(None, Decimal(100)), (None, Decimal("99.99"), "EUR"), False),
        (ProofRule(None, Decimal(100), "EUR"), (None, Decimal(100), "JPY"), False),
        (ProofRule(None, Decimal(100), "EUR"), (None, None, None), False),
        (ProofRule("Bags", Decimal(100), "EUR"), ("Bags", Decimal(99), "EUR"), False),
        (ProofRule("Bags", Decimal(100), "EUR"), ("Bags", Decimal(101), "EUR"), True),
        (ProofRule(), (None, None, None), True),
    ],
)
def test_proof_is_asked_of_listings_that_are_known_to_be_meant(rule, listing, asked):
    assert (Policy("brd_1", 1, proof_required=(rule,)).proof(*listing) is rule) == asked
