"""Cases through their facade: opened by a listing, moved by the table, told apart from what is gone."""

from __future__ import annotations

import dataclasses

import pytest

from indexes.errors import NotFound
from service.cases import Acting
from service.cases.audit import verify_chain
from service.errors import Forbidden, Invalid, StateConflict
from service.listings import ImageSource, ListingInput
from tests.photographs import jpeg

REVIEWER, OTHER = Acting("reviewer", "key_rose"), Acting("reviewer", "key_olaf")
BRAND, SELLER = Acting("brand", "key_acme"), Acting("seller", "tok_seller")


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


@pytest.fixture
def brand(runtime) -> str:
    """A verified brand with one photo."""
    made = runtime.brands.create("Acme")
    runtime.enrolment.add(made.id, "photo", jpeg("coffee"))
    return made.id


def judge(runtime, *pictures: bytes, listing_id="A-1"):
    images = tuple(ImageSource(data=data) for data in pictures or (jpeg("coffee", 70),))
    return runtime.listings.judge(ListingInput(listing_id, images, seller_id="s-9", title="Cup"))


@pytest.fixture
def case(runtime, brand):
    """An open case."""
    return runtime.cases.get(judge(runtime).matches[0].case_id)


def act(runtime, case, acting, action, version=None, **details):
    version = runtime.cases.get(case.id).evidence_version if version is None else version
    return runtime.cases.act(case.id, acting, action, reason="because", evidence_version=version, details=details)


def test_a_judged_listing_opens_a_case(runtime, brand, case):
    assert (case.state, case.brand_id, case.kind, case.seller_id) == ("open", brand, "stolen_photo", "s-9")
    assert case.clock is None
    (entry,) = runtime.cases.entries(case)
    assert (entry.number, entry.action, entry.source, entry.target) == (1, "opened", None, "open")
    assert entry.actor.role == "system"


def test_the_way_to_an_upheld_removal(runtime, case):
    act(runtime, case, REVIEWER, "start_review")
    held = act(runtime, case, REVIEWER, "hold")
    assert (held.clock.clock, held.clock.whose_turn, held.clock.on_silence) == ("seller_response", "seller", "remove")
    noticed = act(runtime, case, SELLER, "counter_notice", counter_notice={"name": "S"})
    assert (noticed.state, noticed.clock.whose_turn, noticed.clock.on_silence) == (
        "counter_noticed",
        "brand",
        "reinstate",
    )
    assert act(runtime, case, OTHER, "uphold").state == "upheld"
    entries = runtime.cases.entries(case)
    assert [entry.target for entry in entries] == ["open", "in_review", "held", "counter_noticed", "upheld"]
    assert verify_chain(entries, state="upheld") is None


def test_what_is_refused(runtime, case):
    with pytest.raises(Forbidden):
        act(runtime, case, BRAND, "hold")
    with pytest.raises(StateConflict):
        act(runtime, case, REVIEWER, "uphold")
    with pytest.raises(Invalid):
        runtime.cases.act(case.id, REVIEWER, "hold", reason="  ", evidence_version=1)
    with pytest.raises(NotFound):
        runtime.cases.act("case_none", REVIEWER, "hold", reason="because", evidence_version=1)
    assert runtime.cases.get(case.id) == case


def test_evidence_that_moved_on_is_named(runtime, case):
    judge(runtime)
    assert runtime.cases.get(case.id).evidence_version == 2
    with pytest.raises(StateConflict) as refused:
        act(runtime, case, REVIEWER, "hold", version=1)
    assert refused.value.extra == {"state": "open", "evidence_version": 2}
    assert act(runtime, case, REVIEWER, "hold", version=2).state == "held"
