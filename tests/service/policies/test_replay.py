"""What a policy would have done, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.authorised import ListingFacts
from service.policies import BrandRules, Claim, Policy, Rule, Rulebook
from service.policies.replay import MOST_CHANGES, Replay
from service.policies.results import StoredResult
from service.rights import Right

NOW = datetime(2026, 5, 4, tzinfo=UTC)
POLICY = Policy("brd_1", 2, (Rule("logo_use", hold=0.8),))
BOOK = Rulebook({"brd_1": BrandRules("verified", POLICY, (Right("trademark", "ACME", "Acme"),))})


def stored(number: int, confidence: float, before="review", *, listing: int | None = None, **changes) -> StoredResult:
    pk = number if listing is None else listing
    result = StoredResult(
        match_id=f"mat_{number}",
        listing_pk=pk,
        listing_id=f"A-{pk}",
        judged_at=NOW,
        decision=before,
        suppressed_by=None,
        facts=ListingFacts("shop"),
        claim=Claim("brd_1", "logo_use", confidence),
    )
    return result._replace(**changes)


def replayed(*results: StoredResult, **verdicts: str):
    replay = Replay()
    replay.run(BOOK, results, verdicts, NOW)
    return replay.as_json()


def test_precision_and_wrongful_holds_come_from_verdicts():
    shown = replayed(
        stored(1, 0.9),
        stored(2, 0.9),
        stored(3, 0.9),
        stored(4, 0.6),
        stored(5, 0.6),
        stored(6, 0.3, "monitor"),
        mat_1="infringing",
        mat_2="authorised",
        mat_4="infringing",
        mat_6="not_a_match",
    )
    assert shown["precision"] == 2 / 3
    assert shown["precision_by_decision"] == {"review": 1.0, "hold": 0.5, "takedown": None}
    assert (shown["wrongful_holds"], shown["unlabelled"]) == (1, 2)
    assert shown["before"]["wrongful_holds"] == 0
    assert shown["decisions"] == {"clear": 0, "monitor": 1, "review": 2, "hold": 3, "takedown": 0}
    assert shown["before"]["decisions"]["review"] == 5


def test_without_verdicts_there_is_no_precision():
    assert replayed(stored(1, 0.9))["precision"] is None
    assert replayed()["precision"] is None


def test_the_queue_counts_listings_a_day():
    later = NOW + timedelta(days=4)
    results = [
        stored(1, 0.6),
        stored(2, 0.55, listing=1),
        stored(3, 0.6, judged_at=later),
        stored(4, 0.9, listing=5),
        stored(5, 0.6, listing=5),
        stored(6, 0.3),
    ]
    shown = replayed(*results)
    assert (shown["queue"], shown["queue_listings"], shown["listings"], shown["results"]) == (0.5, 2, 4, 6)
    assert (shown["oldest"], shown["newest"]) == (NOW, later)
    assert replayed(stored(1, 0.6))["queue"] == 1, "less than a day counts as one"


def test_what_would_be_decided_otherwise_is_listed():
    shown = replayed(stored(1, 0.9), stored(2, 0.6), mat_1="infringing")
    (change,) = shown["changed"]
    assert shown["changed_count"] == 1
    assert (change["match_id"], change["before"], change["after"], change["verdict"]) == (
        "mat_1",
        "review",
        "hold",
        "infringing",
    )
    assert change["because"] == ["confidence 0.90: held from 0.80 by policy version 2"]


def test_every_change_is_counted_and_the_first_are_listed():
    shown = replayed(*(stored(number, 0.9) for number in range(MOST_CHANGES + 7)))
    assert (len(shown["changed"]), shown["changed_count"]) == (MOST_CHANGES, MOST_CHANGES + 7)


def test_decisions_are_told_by_marketplace():
    shown = replayed(stored(1, 0.9), stored(2, 0.6, facts=ListingFacts("bazaar")))
    places = {place["marketplace"]: place["after"] for place in shown["marketplaces"]}
    assert (places["shop"]["hold"], places["shop"]["review"]) == (1, 0)
    assert (places["bazaar"]["hold"], places["bazaar"]["review"]) == (0, 1)
