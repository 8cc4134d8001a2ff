"""The outbox: with the transaction or not at all, and only for those who asked."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from service.webhooks.tables import DELIVERIES, WEBHOOKS

CASES = ["case.held", "case.taken_down"]
URL = "http://127.0.0.1:9/hook"


def events_of(webhooks, hook) -> list[str]:
    return [delivery.event for delivery in webhooks.deliveries(hook.id).items]


def test_nothing_is_written_and_no_payload_made_where_nobody_listens(webhooks, database):
    webhooks.create(URL, ["case.held"])

    def never():
        raise AssertionError("nobody asked for this")

    with database.write() as connection:
        assert webhooks.outbox.put(connection, "listing.decided", "default", never) == 0
        assert connection.execute(sa.select(DELIVERIES)).first() is None


def test_what_is_rolled_back_is_never_told(webhooks, database):
    hook, _secret = webhooks.create(URL, ["listing.decided"])

    def fail():
        with database.write() as connection:
            assert webhooks.outbox.put(connection, "listing.decided", "default", {}) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert events_of(webhooks, hook) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"events": ["case.*"]}, CASES),
        ({"events": ["case.held", "reference.active"]}, ["case.held", "reference.active"]),
        ({"events": ["listing.decided"], "decisions": ["hold"]}, []),
        ({"events": ["listing.decided", "case.*"], "decisions": ["review"]}, [*CASES, "listing.decided"]),
        ({"events": ["listing.decided", "case.*"], "marketplace": "shop"}, ["listing.decided"]),
        ({"events": ["case.*"], "marketplace": "shop"}, []),
    ],
)
def test_an_endpoint_hears_what_it_asked_for(webhooks, tell, asked, told):
    hook, _secret = webhooks.create(URL, **asked)
    tell(webhooks, "listing.decided", "shop", decision="review")
    tell(webhooks, "case.held", "default")
    tell(webhooks, "case.taken_down", "default")
    tell(webhooks, "reference.active", None)
    assert sorted(events_of(webhooks, hook)) == told


def test_the_tables_give_neither_secret_nor_payload_away(webhooks, database):
    _hook, secret = webhooks.create(URL, ["case.held"])
    with database.write() as connection:
        webhooks.outbox.put(connection, "case.held", "default", {"seller_link": "https://here/seller/very-secret"})
        rows = [*connection.execute(sa.select(WEBHOOKS)), *connection.execute(sa.select(DELIVERIES))]
    stored = " ".join(str(value) for row in rows for value in row)
    assert secret not in stored
    assert secret.removeprefix("whsec_") not in stored
    assert "very-secret" not in stored
