"""A policy tried on stored results comes to what judging the same listings again under it comes to."""

from __future__ import annotations

import base64
import itertools

import pytest

from indexes.errors import NotFound
from service.errors import TooManyRequests
from service.policies import Bounds
from service.policies.trials import Trials
from tests.photographs import NAMES, jpeg, pixels
from vision import edits
from vision.boxes import Box
from vision.images import encode_jpeg

RIGHT = {"type": "copyright", "title": "Product photos", "owner": "Acme", "territories": ["EU"]}


def pictures(name: str) -> list[bytes]:
    """One photograph as listings show it, from the file itself to what is hardly recognised."""
    taken = pixels(name)
    return [
        jpeg(name, 70),
        encode_jpeg(edits.recompress(taken, scale=0.4, quality=15), 80),
        encode_jpeg(edits.caption(edits.recolour(taken), "SALE"), 80),
        encode_jpeg(edits.crop(taken, Box(0.2, 0.2, 0.9, 0.9)), 80),
        encode_jpeg(edits.mirror(taken), 60),
    ]


@pytest.fixture
def listings(either, brand_of_either) -> list[dict]:
    """Listings of all sorts, as they are sent."""
    either.post(f"/v1/brands/{brand_of_either}/rights", json=RIGHT).raise_for_status()
    for name in NAMES[:3]:
        fields, files = {"kind": "photo"}, {"image": jpeg(name)}
        either.post(f"/v1/brands/{brand_of_either}/references", data=fields, files=files).raise_for_status()
    either.post(
        f"/v1/brands/{brand_of_either}/authorisations", json={"seller_id": "s-1", "note": "ours"}
    ).raise_for_status()
    about = itertools.cycle(
        [
            {"seller_id": "s-1", "territories": ["DE"]},
            {"seller_id": "s-2", "territories": ["US"]},
            {"seller_id": "s-3", "territories": ["FR"], "category": "Shoes > Boots"},
            {"territories": ["EU"], "price": {"amount": "200.00", "currency": "EUR"}},
            {},
        ]
    )
    sent = []
    for number, picture in enumerate(itertools.chain.from_iterable(map(pictures, NAMES[:3]))):
        images = [{"data": base64.b64encode(picture).decode()}]
        sent.append({"listing_id": f"L-{number}", "images": images, **next(about)})
    return sent


def judged(client, listings) -> dict[str, tuple]:
    """What is decided about every match of the listings, by its id."""
    found = {}
    for body in listings:
        answer = client.post("/v1/listings", json=body).json()
        found |= {
            match["id"]: (match["decision"], match["suppressed_by"], match["because"]) for match in answer["matches"]
        }
    return found


def test_a_replay_equals_judging_again(either, brand_of_either, listings):
    before = judged(either, listings)
    found = either.get(f"/v1/brands/{brand_of_either}/matches", params={"limit": 200}).json()["items"]
    sure = sorted({match["confidence"] for match in found})
    assert len(sure) > 4, "of one confidence alone nothing is learned"
    middle, high = (round(sure[len(sure) * part // 4], 4) for part in (1, 3))
    policy = {
        "rules": [
            {"kind": "stolen_photo", "review": middle, "hold": high, "takedown": 0.999},
            {"kind": "logo_use", "monitor": 0.3},
        ],
        "proof_required": [{"category": "Shoes"}, {"min_price": {"amount": 150, "currency": "EUR"}}],
    }
    told = either.post(f"/v1/brands/{brand_of_either}/policy/replay", json=policy).json()
    assert judged(either, listings) == before, "a replay changed something"
    assert either.get(f"/v1/brands/{brand_of_either}/policy").json()["version"] == 0

    put = either.put(f"/v1/brands/{brand_of_either}/policy", json=policy)
    assert put.status_code == 200, put.text
    after = judged(either, listings)
    hidden = ("clear", None, [])
    expected = {
        match_id: (before.get(match_id, hidden)[:2], after.get(match_id, hidden))
        for match_id in before.keys() | after.keys()
        if before.get(match_id, hidden)[:2] != after.get(match_id, hidden)[:2]
    }
    changed = {
        change["match_id"]: (
            (change["before"], before.get(change["match_id"], hidden)[1]),
            (change["after"], change["suppressed_by"], change["because"] if change["match_id"] in after else []),
        )
        for change in told["changed"]
    }
    assert changed == expected
    assert {decision for _, (decision, _, _) in expected.values()} >= {"clear", "hold"}
    again = either.post(f"/v1/brands/{brand_of_either}/policy/replay", json=policy).json()
    assert (again["changed"], again["decisions"]) == ([], told["decisions"])
    assert again["before"]["decisions"] == told["decisions"]


def test_the_newest_results_are_looked_at_and_it_says_so(either, brand_of_either, listings):
    judged(either, listings[:4])
    runtime = either.app.state.lifecycle.runtime
    few = Trials(runtime.database, runtime.policies, most=2)
    draft = runtime.policies.get(brand_of_either)
    replay = few.replay(brand_of_either, draft)
    assert (replay.complete, replay.after.decisions.total()) == (False, 2)
    with pytest.raises(NotFound):
        few.replay("brd_absent", draft)


def test_few_run_at_once(runtime):
    brand = runtime.brands.create("Acme").id
    draft = runtime.policies.get(brand)
    trials = runtime.trials
    with trials._places, trials._places, pytest.raises(TooManyRequests):
        trials.replay(brand, draft)
    assert trials.replay(brand, draft).changes == 0
    assert runtime.policies.bounds(brand) == Bounds()
