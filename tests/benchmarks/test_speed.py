"""What the load benchmark says: which picture is sent when, and how figures are made of answers."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed import enrolled, goals, plots, report
from benchmarks.speed.measures import (
    Outcome,
    drift,
    flagged,
    latencies,
    over_time,
    recall,
    refusals,
    share,
    summary,
    tier_shares,
    tiers,
    tiers_of_cores,
)
from benchmarks.speed.mixture import Mixture
from benchmarks.speed.service import Sample
from benchmarks.speed.splicing import ROW
from benchmarks.speed.supply import SHAPES, SPARE
from vision.errors import ImageError
from vision.images import decode


@pytest.fixture(scope="module")
def supply(tmp_path_factory):
    folder = tmp_path_factory.mktemp("supply")
    random, entries, at = np.random.default_rng(2), [], 0
    with (folder / "supply.bin").open("wb") as file:
        for kind in SHAPES:
            buffer = io.BytesIO()
            width, height = 32, SHAPES[kind][1] + SPARE * ROW
            noise = random.integers(0, 256, (height // ROW, 2, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((width, height)).save(
                buffer, "JPEG", subsampling="4:2:0", restart_marker_rows=1
            )
            length = file.write(buffer.getvalue())
            reference = "photo-7" if kind == "copy" else ""
            entries.append({"kind": kind, "start": at, "length": length, "reference": reference})
            at += length
    (folder / "supply.json").write_text(json.dumps({"source": "noise", "entries": entries}))
    return folder


@pytest.mark.parametrize("mix", ["plain", "mixed"])
def test_every_listing_shows_another_picture_and_every_fiftieth_a_copy(supply, mix):
    sent = [Mixture(supply, mix).sent(number) for number in range(100)]
    assert len({one.data for one in sent}) == 100
    assert [number for number, one in enumerate(sent) if one.copy_of == "photo-7"] == [49, 99]


def test_a_mixed_load_holds_every_size(supply):
    assert {one.kind for one in map(Mixture(supply, "mixed").sent, range(100))} == set(SHAPES) - {"plain"}


def test_the_same_number_is_the_same_picture(supply):
    assert Mixture(supply, "plain").sent(31) == Mixture(supply, "plain").sent(31)


def test_a_broken_picture_cannot_be_read_and_its_neighbours_can(supply):
    mixture = Mixture(supply, "plain", corrupt_every=10)
    assert [number for number in range(40) if mixture.sent(number).kind == "corrupt"] == [7, 17, 27, 37]
    for number in (7, 17):
        with pytest.raises(ImageError):
            decode(mixture.sent(number).data)
    assert decode(mixture.sent(8).data).height == 800


def test_a_supply_that_is_used_up_says_so(supply):
    with pytest.raises(ValueError, match="more entries"):
        Mixture(supply, "tiny").sent(10_000)


def outcome(**changed) -> Outcome:
    answers = {
        "number": [0, 1, 49, 3],
        "kind": ["plain", "plain", "copy", "plain"],
        "due": [0.0, 0.0, 1.0, 1.0],
        "sent": [0.0, 0.1, 1.0, 1.0],
        "done": [0.1, 0.3, 1.4, 1.01],
        "status": [200, 200, 200, 503],
        "retry_after": [0.0, 0.0, 0.0, 1.0],
        "flagged": [False, True, True, False],
        "found": [False, False, True, False],
    }
    tier = 'brandwarden_tier_seconds_sum{tier="embed"}'
    reached = 'brandwarden_tier_pictures_total{tier="embed"}'
    before = {tier: 1.0, reached: 10.0, "brandwarden_pictures_total": 10.0}
    after = {tier: 1.03, reached: 13.0, "brandwarden_pictures_total": 14.0}
    fields = {
        "answers": answers,
        "seconds": 2.0,
        "watched_seconds": 2.5,
        "client_core_seconds": 0.2,
        "service_core_seconds": 0.6,
        "others_core_seconds": 0.0,
        "sample": Sample([0.0, 1.0, 2.0], [100.0, 101.0, 102.0]),
        "before": before,
        "after": after,
    }
    return Outcome(**{**fields, **changed})


def test_a_load_is_summed_up():
    figures = summary(outcome())
    assert figures["listings"] == 3
    assert figures["listings_per_second"] == 1.5
    assert figures["statuses"] == {"200": 3, "503": 1}
    assert figures["core_ms"] == 200.0
    assert figures["p50_ms"] == 300.0  # from when it was due, not from when it was sent
    assert figures["others_flagged"] == 1
    assert recall(outcome()) == {49: True}
    assert flagged(outcome(), outcome()) == 1.0


def test_refusals_are_told_with_their_time():
    told = refusals(outcome())
    assert (told["refused"], told["refusal_p50_ms"], told["refusals_with_retry_after"]) == (1, 10.0, 1.0)
    assert share([]) is None


def test_steady_is_without_the_beginning_and_the_end():
    assert outcome().steady(1.2) == pytest.approx(1 / 0.96)  # of 0.1, 0.3 and 1.4 the second


def test_tiers_are_the_growth_of_the_metrics_over_the_listings_judged():
    assert tiers(outcome()) == {"embed": 10.0}
    assert tier_shares(outcome()) == {"embed": 0.75}


def test_core_time_is_shared_out_where_tiers_waited():
    assert tiers_of_cores(outcome()) == {"embed": 10.0, "the rest": 190.0}
    assert tiers_of_cores(outcome(service_core_seconds=0.015)) == {"embed": 5.0, "the rest": 0.0}


def test_drift_is_the_growth_after_the_beginning():
    grown = Sample(list(range(100)), [50.0] * 10 + [200 + 0.1 * second for second in range(10, 100)])
    assert drift(grown) == pytest.approx(8.9 / 201, rel=0.01)
    assert drift(Sample(list(range(100)), [200.0] * 100)) == pytest.approx(0)


def test_no_latencies_of_nothing():
    assert latencies([]) == {}


def test_goals_are_held_against_the_parts_that_ran():
    found = {"0": True, "1": True, "2": False}
    parts = {
        "idle": {"copies_found": {**found, "2": True}},
        "sustained": {"copies_found": found, "listings_per_second": 120, "rss_drift": 0.01},
        "peers": {"ours_per_second": 30.0, "per_second": {"open_clip eager + PIL": 10.0}},
    }
    verdicts = {verdict.goal.text: verdict for verdict in goals.judge(parts)}
    assert verdicts["listings a second over HTTP"].met is True
    assert verdicts["copies lost under load, share"].value == pytest.approx(1 / 3)
    assert verdicts["copies lost under load, share"].met is False
    assert verdicts["times open_clip ViT-B/32 eager + PIL"].value == 3.0
    assert verdicts["cold start to ready, s"].met is None
    page = report.markdown({"machine": {"cores": 2}, "pictures": "noise", "parts": parts}, list(verdicts.values()))
    assert "| listings a second over HTTP | 120 | >= 116 | met |" in page
    assert "copies_found" not in page


def test_plots_are_drawn_of_what_was_measured(tmp_path):
    over = over_time(outcome())
    assert sum(over["rate"]) > 0
    parts = {
        "sustained": {"over_time": over, "latencies_ms": [1.0, 2.0], "tiers_core_ms": {"embed": 9.0, "the rest": 1.0}},
        "paced": {"latencies_ms": [1.0, 1.5], "lone_p50_ms": 1.2},
        "peers": {"ours_per_second": 30.0, "per_second": {"eager": 10.0}},
    }
    assert {path.name for path in plots.draw(parts, tmp_path)} == {
        *("speed-time.png", "speed-latency.png", "speed-tiers.png", "speed-peers.png")
    }
    assert plots.draw({}, tmp_path) == []


def test_every_picture_becomes_a_reference_in_its_order(runtime):
    """Copies are told from others by their number: one lost between two batches would shift all that follow."""
    made = list(enrolled.embed(runtime, "logo", 70))
    pictures = [one.data for one in made]
    again = [one.data for one in enrolled.embed(runtime, "logo", 40)]
    assert len(pictures) == 70
    assert len(set(pictures)) == 70
    assert again == pictures[:40]
