"""From a match to what is done about it: what a policy asks for, and what the brand may not ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from service.authorised import Authorisation, ListingFacts
from service.policies import BrandRules, Claim, Policy, ProofRule, Rule, Rulebook, rule
from service.rights import Right

NOW = datetime(2026, 5, 4, tzinfo=UTC)
STRICT = Policy("brd_1", 3, (Rule("logo_use", hold=0.8, takedown=0.9), Rule("stolen_photo", hold=0.8, takedown=0.9)))


RIGHT = Right("trademark", "ACME", "Acme Ltd", territories=("EU",), valid_until=NOW)
PERMIT = Authorisation(seller_id="friend", id="aut_1", valid_until=NOW)
BRAND = BrandRules("verified", STRICT, (RIGHT,), (PERMIT,), {"logo_use": "fast", "stolen_photo": "fast"})
LISTING = ListingFacts("shop", seller_id="s-1", category="Shoes", territories=("EU",))


def ruled(confidence=0.95, *, kind="logo_use", facts=LISTING, negative=None, places=None, at=NOW, **brand):
    book = Rulebook({"brd_1": replace(BRAND, **brand)}, places or {})
    return rule(book, facts, Claim("brd_1", kind, confidence, negative), at)


@pytest.mark.parametrize(
    ("confidence", "decision"), [(0.1, "clear"), (0.3, "monitor"), (0.6, "review"), (0.85, "hold"), (0.95, "takedown")]
)
def test_the_policy_decides_and_is_named(confidence, decision):
    ruling = ruled(confidence)
    assert (ruling.decision, ruling.policy_version, ruling.suppressed_by) == (decision, 3, None)
    assert ruling.shown == (decision != "clear")


def test_a_reviewer_is_told_why():
    assert ruled(0.85).because == ("confidence 0.85: held from 0.80 by policy version 3",)
    assert ruled(0.6, policy=Policy("brd_1")).because == (
        "confidence 0.60: reviewed from 0.50 by no policy of the brand",
    )


@pytest.mark.parametrize("lane", ["standard", "locked"])
def test_only_the_fast_lane_takes_down(lane):
    ruling = ruled(lanes={"logo_use": lane, "stolen_photo": "fast"})
    assert ruling.decision == "hold"
    assert ruling.because[-1] == "held and not taken down: the brand is not in the fast lane"
    assert ruled(0.6, lanes={}).decision == "review"


def test_without_the_right_a_person_decides():
    assert ruled(kind="stolen_photo").decision == "review"
    assert ruled(rights=()).because[-1] == "a person decides: the brand has shown no trademark for EU"
    assert ruled(facts=replace(LISTING, territories=("US",))).decision == "review"
    assert ruled(0.3, rights=()).decision == "monitor"


def test_national_rights_add_up_and_run_out():
    both = replace(LISTING, territories=("DE", "FR"))
    national = tuple(replace(RIGHT, territories=(code,)) for code in ("DE", "FR"))
    assert ruled(rights=national, facts=both).decision == "takedown"
    assert ruled(rights=national[:1], facts=both).decision == "review"
    assert ruled(at=NOW + timedelta(days=1)).decision == "review"


def test_a_listing_without_territories_sells_where_its_marketplace_does():
    anywhere = replace(LISTING, territories=())
    assert ruled(facts=anywhere).decision == "review"
    assert ruled(facts=anywhere, places={"shop": ("EU",)}).decision == "takedown"


def test_what_suppresses_a_match_is_named_and_nothing_is_decided():
    friend = replace(LISTING, seller_id="friend")
    for ruling, by in (
        (ruled(status="unverified"), "unverified_brand"),
        (ruled(facts=friend), "aut_1"),
        (ruled(negative="neg_1"), "neg_1"),
        (ruled(0.3, negative="neg_1"), "neg_1"),
    ):
        assert (ruling.decision, ruling.suppressed_by, ruling.shown) == ("clear", by, True)
    assert ruled(0.1, facts=friend).suppressed_by is None, "nothing to suppress"


def test_of_a_brand_that_is_suspended_or_gone_nothing_is_told():
    assert not ruled(status="suspended").shown
    assert not rule(Rulebook(), LISTING, Claim("brd_1", "logo_use", 0.99), NOW).shown


class TestProof:
    """Listings whose seller has to show where the goods come from."""

    asking = replace(STRICT, proof_required=(ProofRule("Shoes", Decimal(50), "EUR"),))
    dear = replace(LISTING, price_amount=Decimal(120), price_currency="EUR")

    def test_a_match_for_review_is_held_for_proof(self):
        ruling = ruled(0.6, policy=self.asking, facts=self.dear)
        assert (ruling.decision, ruling.proof_required) == ("hold", True)
        assert ruling.because[-1] == "the policy asks sellers for proof in Shoes from 50 EUR"

    def test_a_match_that_is_only_watched_is_not(self):
        ruling = ruled(0.3, policy=self.asking, facts=self.dear)
        assert (ruling.decision, ruling.proof_required) == ("monitor", False)

    def test_a_takedown_stays_one(self):
        assert ruled(policy=self.asking, facts=self.dear).decision == "takedown"

    def test_without_the_right_nothing_is_held_for_proof(self):
        ruling = ruled(0.6, policy=self.asking, facts=self.dear, rights=())
        assert (ruling.decision, ruling.proof_required) == ("review", False)

    def test_other_listings_are_left_alone(self):
        cheap = replace(self.dear, price_amount=Decimal("49.99"))
        assert ruled(0.6, policy=self.asking, facts=cheap).decision == "review"
