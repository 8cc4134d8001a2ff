"""What cases tell webhooks: the document the operator reads, and the seller's link once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.announcements import EVENTS
from service.cases import Acting
from service.listings import ImageSource, ListingInput
from tests.photographs import jpeg
from tests.service.webhooks.receiver import Receiver

REVIEWER = Acting("reviewer", "key_reviewer")
SELLER = Acting("seller", "tok_seller")


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL, and deliveries reach loopback."""
    url = "https://brandwarden.example/"
    return replace(settings, database_url=database_url, fetch_allow=("127.0.0.1",), public_url=url)


@pytest.fixture
def receiver():
    opened = Receiver()
    yield opened
    opened.end()


@pytest.fixture
def case(runtime, brand):
    """Judges a listing; the open case it leads to."""

    def case(listing_id="A-1"):
        runtime.enrolment.add(brand, "photo", jpeg("coffee"))
        images = (ImageSource(data=jpeg("coffee", 70)),)
        result = runtime.listings.judge(ListingInput(listing_id, images, seller_id="s-9"))
        return runtime.cases.get(result.matches[0].case_id)

    return case


def act(runtime, case, acting, action):
    version = runtime.cases.get(case.id).evidence_version
    return runtime.cases.act(case.id, acting, action, reason="because", evidence_version=version)


def test_there_is_an_event_for_every_state_of_a_case_and_of_a_reference():
    assert {"listing.decided", "case.open", "case.upheld", "reference.quarantined", "reference.deleted"} <= set(EVENTS)


def test_every_move_is_told_as_the_operator_reads_it(client, runtime, receiver, case):
    _hook, secret = runtime.webhooks.create(receiver.url, ["case.*"])
    opened = case()
    path = f"/v1/cases/{opened.id}"
    shown = [client.get(path).json()]
    act(runtime, opened, REVIEWER, "start_review")
    shown.append(client.get(path).json())
    told = [one.verified(secret) for one in receiver.wait(2)]
    assert {message["type"]: message["data"] for message in told} == {
        "case.open": shown[0],
        "case.in_review": shown[1],
    }


def test_a_case_that_is_held_carries_a_link_that_works(client, runtime, receiver, case):
    _hook, secret = runtime.webhooks.create(receiver.url, ["case.held"])
    opened = case()
    act(runtime, opened, REVIEWER, "hold")
    (request,) = receiver.wait(1)
    data = request.verified(secret)["data"]
    link = data.pop("seller_link")
    assert link["url"] == f"https://brandwarden.example/seller/{link['token']}"
    assert data == client.get(f"/v1/cases/{opened.id}").json()
    as_seller = {"Authorization": f"Bearer {link['token']}"}
    assert client.get(f"/v1/cases/{opened.id}", headers=as_seller).status_code == 200
    act(runtime, opened, SELLER, "submit_proof")
    again = receiver.wait(2)[1].verified(secret)["data"]
    assert again["state"] == "held"
    assert "seller_link" not in again


def test_no_link_is_made_where_nobody_hears_of_it(runtime, case):
    opened = case()
    act(runtime, opened, REVIEWER, "hold")
    assert [entry.action for entry in runtime.cases.entries(opened)] == ["opened", "hold"]


def test_no_secret_is_logged(runtime, receiver, case, caplog):
    caplog.set_level("DEBUG")
    _hook, secret = runtime.webhooks.create(receiver.url, ["case.held"])
    act(runtime, case(), REVIEWER, "hold")
    (request,) = receiver.wait(1)
    link = request.verified(secret)["data"]["seller_link"]
    assert secret not in caplog.text
    assert link["token"] not in caplog.text
