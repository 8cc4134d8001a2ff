"""A brand that resembles everything is believed less; nobody's listings can do that to another."""

from __future__ import annotations

import math

import pytest

from indexes.database import utc_now
from service.cli import run
from service.listings import ImageSource, ListingInput
from service.listings.store import ListingStore
from service.nulls import Vote, learned
from tests.photographs import jpeg


def votes(brand: str, centre: float, count: int = 40, marketplace: str = "default") -> list[Vote]:
    """Votes spread evenly around `centre`, one log-odds to either side."""
    return [Vote(marketplace, brand, "logo_use", centre + 2 * number / (count - 1) - 1) for number in range(count)]


def usual(count: int = 6) -> list[Vote]:
    return [vote for number in range(count) for vote in votes(f"usual{number}", -4.0 + 0.1 * number)]


def shifts(found: list[Vote]) -> dict[tuple[str, str], float]:
    return {(one.marketplace, one.brand_id): one.shift for one in learned(found)}


def test_only_an_unusually_hot_brand_is_lowered_and_within_bounds() -> None:
    found = shifts([*usual(), *votes("hot", -2.0), *votes("boiling", 6.0), *votes("cold", -9.0)])
    assert 0.5 < found["default", "hot"] < 2.0
    assert found["default", "boiling"] == 2.0
    assert {found["default", name] for name in ("cold", "usual0", "usual5")} == {0.0}


def test_few_sellers_say_nothing_and_more_say_more() -> None:
    by_count = {count: shifts([*usual(), *votes("hot", -2.2, count)]) for count in (19, 20, 400)}
    assert ("default", "hot") not in by_count[19]
    assert 0 < by_count[20]["default", "hot"] < by_count[400]["default", "hot"]


def test_fewer_than_half_of_the_sellers_move_little() -> None:
    honest = votes("target", -4.0, 60)
    attack = [Vote("default", "target", "logo_use", 9.0)] * 25
    assert shifts([*usual(), *honest, *attack])["default", "target"] < 1.0


def test_what_one_marketplace_sends_counts_for_it_alone() -> None:
    elsewhere = [Vote("other", vote.brand_id, vote.kind, vote.log_odds) for vote in (*usual(), *votes("target", 5.0))]
    found = shifts([*usual(), *votes("target", -4.0), *elsewhere])
    assert found["other", "target"] == 2.0
    assert found["default", "target"] == 0.0


@pytest.fixture
def store(runtime) -> ListingStore:
    return ListingStore(runtime.database)


def listed(runtime, store, number: int, brand: str, log_odds: float, *, seller: str | None, confidence: float = 0.1):
    """A stored listing whose best score against a brand is known."""
    row = {
        "listing_id": f"L-{brand}-{number}",
        "marketplace": "default",
        "seller_id": seller,
        "territories": [],
        "decision": "clear",
        "space": "spc",
        "index_generation": 1,
        "calibration": runtime.calibration.version,
        "nulls": "",
        "elapsed_ms": 1,
        "judged_at": utc_now(),
    }
    score = {"brand_id": brand, "kind": "stolen_photo", "log_odds": log_odds, "confidence": confidence}
    return store.save(row, [], [], [score])


def test_a_seller_has_one_vote_and_what_was_flagged_or_confirmed_has_none(runtime, store):
    brand = runtime.brands.create("Acme").id
    for number in range(5):
        listed(runtime, store, number, brand, float(number), seller="s-1")
    listed(runtime, store, 5, brand, -1.0, seller=None)
    listed(runtime, store, 6, brand, -3.0, seller=None)
    listed(runtime, store, 7, brand, 8.0, seller="s-2", confidence=0.9)
    found = runtime.nulls._records.votes(runtime.calibration.version)
    assert sorted(vote.log_odds for vote in found) == [-2.0, 2.0]
    assert runtime.nulls._records.votes("cal_other") == []


def test_a_hot_brand_is_believed_less_by_a_version_that_results_name(runtime, store, capsys):
    hot = runtime.brands.create("Hot").id
    runtime.enrolment.add(hot, "photo", jpeg("coffee"))
    sent = ListingInput("A-1", (ImageSource(data=jpeg("coffee", 70)),))
    before = runtime.listings.judge(sent)
    assert (before.nulls, before.matches[0].null_shift) == ("", 0.0)
    assert runtime.nulls.learn().id == ""
    others = [runtime.brands.create(f"Usual {number}").id for number in range(4)]
    for brand, centre in ((hot, 1.0), *((other, -5.0) for other in others)):
        for number in range(24):
            listed(runtime, store, number, brand, centre + number / 24, seller=f"s-{number}")
    frozen = runtime.nulls.learn()
    after = runtime.listings.judge(sent)
    match, was = after.matches[0], before.matches[0]
    assert after.nulls == frozen.id == runtime.nulls.learn().id
    assert after.as_json()["nulls"] == frozen.id
    assert match.null_shift == 2.0
    assert match.confidence < was.confidence
    assert math.log(match.score / (1 - match.score)) == pytest.approx(
        math.log(was.score / (1 - was.score)) - 2, abs=1e-6
    )
    runtime.brands.delete(others[0])
    assert len(runtime.nulls._records.newest().nulls) == 4


def test_the_command_shows_what_is_in_force(runtime, settings, capsys):
    assert run(["nulls", "--data-dir", str(settings.data_dir), "--json"]) == 0
    assert '"version": null' in capsys.readouterr().out
