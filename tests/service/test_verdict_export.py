"""Verdicts out of the service and into training: whole, only what is still held, and with nothing in two splits."""

from __future__ import annotations

import json

import pytest

from service.verdicts import export_verdicts
from service.verdicts.export import ExportFailed
from service.verdicts.splitting import Components, Shares, fingerprint, join_near
from tests.photographs import NAMES, jpeg, pixels
from tests.service.spaces import add, judge, runtime_of, serving
from training.readers.pairs import PairsError, read_pairs


@pytest.fixture
def client(settings):
    with serving(settings) as opened:
        yield opened


def say(client, listing, verdict):
    for match in listing["matches"]:
        body = {"match_id": match["id"], "verdict": verdict}
        assert client.post(f"/v1/listings/default/{listing['listing_id']}/verdicts", json=body).status_code == 201


def export(client, folder, **shares):
    runtime = runtime_of(client)
    return export_verdicts(runtime.database, runtime.blobs, folder, Shares(**shares))


def test_verdicts_are_read_back_with_their_pictures(either, tmp_path):
    client = either
    brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    for name in ("coffee", "rocket"):
        add(client, brand, jpeg(name))
    sent = {name: jpeg(name, 70) for name in ("coffee", "rocket")}
    listings = {name: judge(client, name, data) for name, data in sent.items()}
    say(client, listings["coffee"], "not_a_match")
    say(client, listings["coffee"], "infringing")
    say(client, listings["rocket"], "not_a_match")
    done = export(client, tmp_path / "out")
    assert (done.pairs, done.pictures, done.left_out) == (2, 4, {})
    assert done.verdicts == {"infringing": 1, "not_a_match": 1}, "the last word on a match counts"
    pairs = {pair.id: pair for pair in read_pairs(tmp_path / "out")}
    assert {(pair.picture, pair.reference, pair.match) for pair in pairs.values()} == {
        (sent["coffee"], jpeg("coffee"), True),
        (sent["rocket"], jpeg("rocket"), False),
    }
    assert {pair.split for pair in pairs.values()} == set(done.splits)
    assert len({pair.component for pair in pairs.values()}) == 1, "one brand is one component"
    assert all(
        pair.box is not None and pair.brand == "Acme" and pair.space == "spc_thumbnail" for pair in pairs.values()
    )
    with pytest.raises(ExportFailed, match="does not exist"):
        export(client, tmp_path / "out")


def test_what_retention_no_longer_holds_is_left_out(client, tmp_path):
    brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    references = {name: add(client, brand, jpeg(name)) for name in NAMES[:3]}
    for name in references:
        say(client, judge(client, name, jpeg(name, 70)), "infringing")
    client.delete(f"/v1/listings/default/{NAMES[0]}")
    client.delete(f"/v1/brands/{brand}/references/{references[NAMES[1]]}")
    done = export(client, tmp_path / "out")
    assert done.pairs == 1
    assert done.left_out == {"a picture is no longer held": 1, "the reference is gone": 1}
    assert {path.read_bytes() for path in (tmp_path / "out" / "pictures").iterdir()} >= {jpeg(NAMES[2], 70)}
    assert jpeg(NAMES[0], 70) not in {path.read_bytes() for path in (tmp_path / "out" / "pictures").iterdir()}


def test_a_damaged_export_is_told_by_row(client, tmp_path):
    brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    add(client, brand, jpeg("coffee"))
    say(client, judge(client, "A", jpeg("coffee", 70)), "infringing")
    export(client, tmp_path / "out")
    (line,) = (tmp_path / "out" / "pairs.jsonl").read_text().splitlines()
    (tmp_path / "out" / json.loads(line)["picture"]).write_bytes(b"another picture")
    errors = []
    assert list(read_pairs(tmp_path / "out", errors=errors)) == []
    assert "damaged" in errors[0].problem
    with pytest.raises(PairsError, match="no export"):
        list(read_pairs(tmp_path))


def test_components_go_whole_into_one_split():
    components = Components()
    components.join(("brand a", "picture 1"))
    components.join(("brand b", "picture 2"))
    components.join(("brand c", "picture 3"))
    components.join(("picture 1", "seller x"))
    components.join(("seller x", "picture 2"))
    assert components.root("brand a") == components.root("brand b") == components.root("seller x")
    assert components.root("brand c") != components.root("brand a")
    shares = Shares(val=0.25, test=0.25)
    placed = [shares.split(f"cmp_{number}") for number in range(400)]
    assert 60 < placed.count("test") < 140
    assert 60 < placed.count("val") < 140
    assert placed == [shares.split(f"cmp_{number}") for number in range(400)]


def test_pictures_that_are_nearly_identical_are_joined():
    from vision.images import decode, resize

    whole = pixels("coffee")
    saved, small = decode(jpeg("coffee", 40)).pixels, resize(whole, 120, 90)
    mirrored = whole[:, ::-1].copy()
    prints = {name: fingerprint(pixels(name)) for name in NAMES}
    prints |= {"saved": fingerprint(saved), "small": fingerprint(small), "mirrored": fingerprint(mirrored)}
    components = Components()
    join_near(components, prints)
    alike = {name for name in prints if components.root(name) == components.root("coffee")}
    assert alike == {"coffee", "saved", "small", "mirrored"}
    join_near(components, {})
