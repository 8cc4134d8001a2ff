"""From the outbox to the endpoint: signed, at least once, and one endpoint never in another's way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from service.sealing import Sealer
from tests.service.webhooks.conftest import until


def only(webhooks, hook, state=None):
    """The single delivery of an endpoint."""
    (delivery,) = webhooks.deliveries(hook.id, state=state).items
    return delivery


def over(webhooks, hook, state):
    """Wait until the single delivery is in `state`."""
    until(lambda: webhooks.deliveries(hook.id, state=state).items)
    return only(webhooks, hook)


def test_a_message_arrives_signed_and_is_delivered(webhooks, receiver, tell):
    hook, secret = webhooks.create(receiver.url, ["listing.decided"])
    webhooks.start()
    assert tell(webhooks) == 1
    (request,) = receiver.wait(1)
    message = request.verified(secret)
    assert message["type"] == "listing.decided"
    assert message["data"] == {"listing_id": "A-1"}
    delivery = over(webhooks, hook, "delivered")
    assert delivery.id == request.id
    assert (delivery.attempts, delivery.response_status, delivery.last_error) == (1, 204, None)


def test_what_was_changed_or_replayed_is_refused_by_the_receivers_package(webhooks, receiver, tell):
    _hook, secret = webhooks.create(receiver.url, ["listing.decided"])
    webhooks.start()
    tell(webhooks)
    (request,) = receiver.wait(1)
    verifier = Verifier(secret)
    old = {**request.headers, "webhook-timestamp": str(int(request.headers["webhook-timestamp"]) - 301)}
    other = {**request.headers, "webhook-id": "msg_other"}
    for body, headers in ((request.body + b" ", request.headers), (request.body, old), (request.body, other)):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "A" * 43 + "=").verify(request.body, request.headers)


def test_a_failure_is_tried_again_with_the_same_id_and_a_new_signature(webhooks, receiver, tell, clock):
    hook, _secret = webhooks.create(receiver.url, ["listing.decided"])
    statuses = iter([500, 302, 200])
    receiver.answer = lambda _request: next(statuses)
    webhooks.start()
    tell(webhooks)
    for attempt in (1, 2):
        receiver.wait(attempt)
        until(lambda: only(webhooks, hook).next_attempt_at > clock())
        clock.ahead += timedelta(minutes=1)
    requests = receiver.wait(3)
    assert len({request.id for request in requests}) == 1
    assert {request.path for request in requests} == {"/hook"}
    delivery = over(webhooks, hook, "delivered")
    assert (delivery.attempts, delivery.response_status) == (3, 200)


def test_it_is_dead_after_three_days_and_can_be_sent_again_by_hand(webhooks, receiver, tell, clock):
    hook, _secret = webhooks.create(receiver.url, ["listing.decided"])
    receiver.answer = lambda _request: 503
    tell(webhooks)
    clock.ahead = timedelta(hours=72)
    webhooks.start()
    delivery = over(webhooks, hook, "dead")
    assert delivery.last_error == "the endpoint answered with status 503"
    assert webhooks.counts() == {"pending": 0, "delivered": 0, "dead": 1}
    receiver.answer = lambda _request: 200
    assert webhooks.retry(hook.id, delivery.id).state == "pending"
    again = over(webhooks, hook, "delivered")
    assert (again.id, again.attempts) == (delivery.id, 2)


def test_gone_disables_the_endpoint(webhooks, receiver, tell):
    hook, _secret = webhooks.create(receiver.url, ["listing.decided"])
    receiver.answer = lambda _request: 410
    webhooks.start()
    tell(webhooks)
    over(webhooks, hook, "dead")
    until(lambda: webhooks.get(hook.id).disabled_at)
    assert tell(webhooks) == 0


def test_an_endpoint_that_hangs_holds_up_nobody(webhooks, receiver, other_receiver, tell):
    webhooks.create(receiver.url, ["listing.decided"])
    receiver.answer = lambda _request: 200 if receiver.released.wait(8) else 503
    webhooks.create(other_receiver.url, ["listing.decided"])
    webhooks.start()
    for _ in range(30):
        tell(webhooks)
    other_receiver.wait(30)
    assert not receiver.released.is_set()
    assert len(receiver.requests) <= 4
    receiver.released.set()


def test_two_processes_send_each_message_once(make, receiver, tell):
    first, second = make(), make()
    first.create(receiver.url, ["listing.decided"])
    for _ in range(40):
        tell(first)
    first.start()
    second.start()
    until(lambda: first.counts()["delivered"] == 40)
    assert len(receiver.requests) == len({request.id for request in receiver.requests}) == 40


def test_what_a_killed_process_held_is_sent_by_the_next(database, make, receiver, tell, clock):
    hook, _secret = make().create(receiver.url, ["listing.decided"])
    hanging, answering = threading.Event(), threading.Event()

    def answer(_request):
        if not hanging.is_set():
            hanging.set()
            answering.wait(8)
        return 200

    receiver.answer = answer
    doomed = make()
    doomed.start()
    tell(doomed)
    (begun,) = receiver.wait(1)
    survivor = make()
    survivor.start()
    assert len(receiver.requests) == 1
    clock.ahead = timedelta(seconds=31)  # the lease of the process that will never write it down
    _first, again = receiver.wait(2)
    assert again.id == begun.id
    over(survivor, hook, "delivered")
    answering.set()


def test_another_installations_key_fails_in_words_and_is_mended_by_the_right_one(make, receiver, tell, clock):
    right = make()
    hook, _secret = right.create(receiver.url, ["listing.decided"])
    tell(right)
    wrong = make(sealer=Sealer(b"another"))
    wrong.start()
    until(lambda: only(right, hook).last_error)
    assert "sealing.key" in only(right, hook).last_error
    wrong.close()
    clock.ahead = timedelta(minutes=1)
    right.start()
    over(right, hook, "delivered")
    assert len(receiver.requests) == 1


def test_old_deliveries_are_forgotten_and_pending_ones_are_not(webhooks, receiver, tell, clock):
    hook, _secret = webhooks.create(receiver.url, ["listing.decided"])
    webhooks.start()
    tell(webhooks)
    over(webhooks, hook, "delivered")
    webhooks.close()
    tell(webhooks)
    assert webhooks.purge() == 0
    clock.ahead = timedelta(days=31)
    assert webhooks.purge() == 1
    assert only(webhooks, hook).state == "pending"
    assert webhooks.lag() > timedelta(days=30).total_seconds()
