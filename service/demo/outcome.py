"""Did the right thing come of a listing? The demo's expectations, held against the service's answers.

Place in the flow: after the answers, before the table and the report. Strict on purpose: besides the one expected
match nothing at all may be flagged, and every broken picture must be named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.demo.scenario import DemoListing, Expected
from service.policies.values import MONITOR_FROM, REVIEW_FROM

FLAGGED: Final = REVIEW_FROM
"""Confidence from which a match counts as flagged: without a policy such a match is for review."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A listing, its answer, and what was wrong with it (nothing: the expectation held)."""

    listing: DemoListing
    result: Mapping[str, Any]
    wrong: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether the answer is the expected one."""
        return not self.wrong

    @property
    def decision(self) -> str:
        """The service's decision, or `refused` for a listing that was answered with a problem."""
        return str(self.result["decision"])

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The strongest match, if there is one that would at least be monitored."""
        found = next(iter(self.result["matches"]), None)
        return found if found is not None and found["confidence"] >= MONITOR_FROM else None

    @property
    def expectation(self) -> str:
        """The expectation in words."""
        return describe(self.listing)


def describe(listing: DemoListing) -> str:
    """What must come of a listing, in words."""
    if listing.status != 200:
        return f"refused ({listing.status})"
    if listing.expected is None:
        return "nothing flagged"
    return f"{listing.expected.kind.replace('_', ' ')} {listing.expected.external_id}"


def judge(listing: DemoListing, status: int, answer: Mapping[str, Any]) -> Outcome:
    """Hold an answer of `POST /v1/listings` against the listing's expectation."""
    if status != 200:
        images = [{"index": 0, "status": "error", "problem": answer}]
        refused = {"listing_id": listing.listing_id, "decision": "refused", "matches": [], "images": images}
        wrong = () if status == listing.status else (f"answered {status}: {answer.get('detail')}",)
        return Outcome(listing, refused, wrong)
    wrong_parts = [*_wrong_status(listing), *_wrong_images(listing, answer), *_wrong_matches(listing, answer)]
    return Outcome(listing, answer, tuple(wrong_parts))


def _wrong_status(listing: DemoListing) -> list[str]:
    return [] if listing.status == 200 else [f"accepted, {listing.status} was expected"]


def _wrong_images(listing: DemoListing, answer: Mapping[str, Any]) -> list[str]:
    broken = tuple(image["index"] for image in answer["images"] if image["status"] != "ok")
    return [] if broken == listing.broken else [f"pictures {broken} failed, {listing.broken} were expected to"]


def _wrong_matches(listing: DemoListing, answer: Mapping[str, Any]) -> list[str]:
    flagged = [match for match in answer["matches"] if match["confidence"] >= FLAGGED and not match["suppressed_by"]]
    names = [_name(match) for match in flagged]
    wrong = [f"false flag: {match.kind} {match.external_id}" for match in names if match != listing.expected]
    if listing.expected is not None:
        if listing.expected not in names:
            wrong.append("the expected match is missing")
        if answer["decision"] != "review":
            wrong.append(f"decision {answer['decision']}, review was expected")
    return wrong


def _name(match: Mapping[str, Any]) -> Expected:
    return Expected(match["kind"], match["brand"], match["external_id"], match["image_index"])
