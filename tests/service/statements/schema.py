"""The EU transparency database's interface, version 1, as far as our records use it: fields, words, lengths."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

EEA = set(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
WORDS = {
    "decision_provision": {"DECISION_PROVISION_PARTIAL_SUSPENSION"},
    "decision_account": {"DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"},
    "decision_ground": {"DECISION_GROUND_ILLEGAL_CONTENT"},
    "category": {"STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"},
    "source_type": {"SOURCE_VOLUNTARY", "SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER"},
    "automated_detection": {"Yes", "No"},
    "automated_decision": {
        "AUTOMATED_DECISION_FULLY",
        "AUTOMATED_DECISION_PARTIALLY",
        "AUTOMATED_DECISION_NOT_AUTOMATED",
    },
}
LISTS = {
    "decision_visibility": {"DECISION_VISIBILITY_CONTENT_DISABLED", "DECISION_VISIBILITY_CONTENT_REMOVED"},
    "content_type": {"CONTENT_TYPE_PRODUCT", "CONTENT_TYPE_IMAGE"},
    "category_specification": {"KEYWORD_TRADEMARK_INFRINGEMENT", "KEYWORD_COPYRIGHT_INFRINGEMENT"},
    "territorial_scope": EEA,
}
TEXTS = {"illegal_content_legal_ground": 500, "illegal_content_explanation": 2_000, "decision_facts": 5_000}
DATES = {"content_date", "application_date"}
MEASURES = {"decision_visibility", "decision_provision", "decision_account"}
FIELDS = {*WORDS, *LISTS, *TEXTS, *DATES, "puid"}


def check(record: dict[str, Any]) -> None:
    """Fail on anything the database would refuse, and on any field that it does not name."""
    assert len(MEASURES & set(record)) == 1
    assert set(record) - {"content_id"} == FIELDS - (MEASURES - set(record))
    for name in WORDS.keys() & record.keys():
        assert record[name] in WORDS[name], name
    for name in LISTS.keys() & record.keys():
        assert isinstance(record[name], list)
        assert len(set(record[name])) == len(record[name]), name
        assert set(record[name]) <= LISTS[name], name
        assert record[name] or name == "territorial_scope"
    for name, limit in TEXTS.items():
        assert 0 < len(record[name]) <= limit, name
        assert record[name].isprintable(), name
    days = [date.fromisoformat(record[name]) for name in sorted(DATES)]
    assert days == sorted(days, reverse=True)  # applied on or after the day it was put up
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,500}", record["puid"])
    if "content_id" in record:
        assert list(record["content_id"]) == ["EAN-13"]
        assert re.fullmatch(r"\d{13}", record["content_id"]["EAN-13"])
