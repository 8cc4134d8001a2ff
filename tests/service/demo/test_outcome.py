"""The demo's judge is strict: one wrong thing and the expectation has not held."""

import pytest

from service.demo.outcome import judge
from service.demo.scenario import DemoListing, Expected

STOLEN = Expected("stolen_photo", "Acme", "SKU-1")


@pytest.fixture
def answer():
    match = {
        "kind": "stolen_photo",
        "brand": "Acme",
        "external_id": "SKU-1",
        "image_index": 0,
        "confidence": 0.9,
        "suppressed_by": None,
    }
    return {"listing_id": "A", "decision": "review", "matches": [match], "images": [{"index": 0, "status": "ok"}]}


def listing(expected=None, **more):
    return DemoListing("A", "title", (b"",), expected, **more)


def test_the_expected_match_holds(answer):
    outcome = judge(listing(STOLEN), 200, answer)
    assert outcome.held
    assert outcome.best["external_id"] == "SKU-1"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "logo_use"},
        {"brand": "Other"},
        {"external_id": "SKU-2"},
        {"image_index": 1},
        {"confidence": 0.4},
        {"suppressed_by": "unverified_brand"},
    ],
)
def test_another_match_does_not(answer, change):
    answer["matches"][0] |= change
    assert not judge(listing(STOLEN), 200, answer).held


def test_a_second_flag_is_a_false_one(answer):
    answer["matches"].append({**answer["matches"][0], "external_id": "SKU-9", "confidence": 0.6})
    assert judge(listing(STOLEN), 200, answer).wrong == ("false flag: stolen_photo SKU-9",)


def test_nothing_may_be_flagged_where_nothing_is_expected(answer):
    assert not judge(listing(), 200, answer).held
    answer["matches"][0]["confidence"] = 0.3
    assert judge(listing(), 200, answer).held


def test_the_decision_must_be_review(answer):
    assert not judge(listing(STOLEN), 200, {**answer, "decision": "hold"}).held


def test_broken_pictures_must_be_named(answer):
    assert not judge(listing(STOLEN, broken=(0,)), 200, answer).held
    answer["images"][0]["status"] = "error"
    assert judge(listing(STOLEN, broken=(0,)), 200, answer).held


def test_a_refusal_holds_only_where_it_is_expected(answer):
    assert judge(listing(status=422), 422, {"detail": "no picture"}).held
    assert not judge(listing(STOLEN), 503, {"detail": "busy"}).held
    assert not judge(listing(status=422), 200, answer).held
