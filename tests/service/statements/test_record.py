"""Records as pure functions of what is stated: valid whatever comes in, and without anybody in them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import UTC, datetime

import pytest

from service.statements.record import ean_13, make_record, scope
from service.statements.scrubbing import GONE, cut, scrub
from service.statements.values import Grounds, Listed
from service.statements.wording import make_text
from tests.service.statements.schema import EEA, check

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
LISTED = Listed(
    "A-1", "Cup of Jane Roe", "https://shop.example/a-1?by=jane", "4006381333931", datetime(2026, 3, 1, tzinfo=UTC)
)
GROUNDS = Grounds(
    puid="sor_1",
    measure="removal",
    applied_at=NOW,
    marketplace="default",
    territories=("EU",),
    reason="Jane Roe, jane@roe.example, sells copies",
    seller_id="jane-roe-77",
    kind="stolen_photo",
    brand="Acme",
    right="trademark EUIPO 018123456",
    confidence=0.97,
    listing=LISTED,
)


def test_a_removal_by_hand():
    record = make_record(GROUNDS)
    check(record)
    assert record["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    assert record["content_id"] == {"EAN-13": "4006381333931"}
    assert (record["content_date"], record["application_date"]) == ("2026-03-01", "2026-03-04")
    assert record["category_specification"] == ["KEYWORD_COPYRIGHT_INFRINGEMENT"]
    assert set(record["territorial_scope"]) == EEA - {"IS", "LI", "NO"}
    assert "EUIPO 018123456" in record["illegal_content_legal_ground"]


@pytest.mark.parametrize(
    ("measure", "kind", "source", "decided", "detected"),
    list(
        itertools.product(
            ("hold", "removal"),
            ("stolen_photo", "logo_use"),
            ("voluntary", "notice", "trusted_flagger"),
            ("fully", "partially", "not"),
            (True, False),
        )
    ),
)
def test_every_record_of_a_listing_is_valid(measure, kind, source, decided, detected):
    changed = {"measure": measure, "kind": kind, "source": source, "decided": decided, "detected": detected}
    record = make_record(dataclasses.replace(GROUNDS, **changed))
    check(record)
    assert "Copyright" in record["illegal_content_legal_ground"] or kind == "logo_use"
    assert record["automated_detection"] == ("Yes" if detected else "No")


@pytest.mark.parametrize(
    ("measure", "field"),
    [("restriction", "decision_provision"), ("closure", "decision_account"), ("ban", "decision_account")],
)
def test_every_record_of_a_seller_is_valid(measure, field):
    of_seller = dataclasses.replace(GROUNDS, measure=measure, kind=None, listing=None, points=4.5)
    record = make_record(of_seller)
    check(record)
    assert field in record


def test_a_warning_restricts_nothing_and_has_no_record():
    warned = dataclasses.replace(GROUNDS, measure="warning", kind=None, listing=None, points=1)
    assert make_record(warned) is None
    assert "warning" in make_text(warned)


def test_nobody_is_in_the_record():
    brand = "Acme of Jane-Roe-77, www.acme.example, jane@acme.example, +49 30 1234567, DE89 3704 0044 0532 0130 00"
    written = json.dumps(make_record(dataclasses.replace(GROUNDS, brand=brand)))
    for told in ("jane", "roe", "@", "http", "www", "A-1", "1234567", "3704", "shop.example"):
        assert told.lower() not in written.lower(), told


@pytest.mark.parametrize(
    "brand", ["x" * 50_000, "a\nb\x00c", "", None, "<script>alert(1)</script>", "=1+1", "\u202e evil"]
)
def test_a_hostile_brand_keeps_the_record_valid(brand):
    check(make_record(dataclasses.replace(GROUNDS, brand=brand)))


def test_a_listing_put_up_after_it_was_removed_is_dated_by_the_removal():
    late = dataclasses.replace(LISTED, listed_on=datetime(2027, 1, 1, tzinfo=UTC))
    check(make_record(dataclasses.replace(GROUNDS, listing=late)))


@pytest.mark.parametrize(
    ("gtin", "ean"),
    [
        ("4006381333931", "4006381333931"),
        ("4006381333932", None),
        ("036000291452", "0036000291452"),
        ("04006381333931", "4006381333931"),
        ("14006381333938", None),
        ("400-638 133 3931", "4006381333931"),
        ("0000000000000", None),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", None),
        ("x", None),
        (None, None),
    ],
)
def test_only_a_valid_number_names_the_product(gtin, ean):
    assert ean_13(gtin) == ean


@pytest.mark.parametrize(
    ("territories", "expected"),
    [
        ((), sorted(EEA)),
        (("WO",), sorted(EEA)),
        (("DE", "US"), ["DE"]),
        (("US",), []),
        (("EU", "NO"), sorted(EEA - {"IS", "LI"})),
    ],
)
def test_the_scope_knows_the_european_economic_area_alone(territories, expected):
    assert scope(territories) == expected


def test_scrubbing_leaves_ordinary_words():
    assert scrub("A copy of a photo, 2 of 3.") == "A copy of a photo, 2 of 3."
    assert scrub("see https://a.example/b now") == f"see {GONE} now"
    assert cut("one two three", 9) == "one two…"


def test_the_text_says_what_article_17_asks_for():
    held = dataclasses.replace(GROUNDS, measure="hold", until=NOW, source="notice", decided="fully")
    text = make_text(held)
    for told in ("Cup of Jane Roe", "A-1", "EU", "2026-03-04 05:06", "until the case is decided", "Article 16"):
        assert told in text
    for told in ("automated means", "automatically", "Directive 2001/29/EC", "counter-notice", "out-of-court", "court"):
        assert told in text
    assert "None" not in text
