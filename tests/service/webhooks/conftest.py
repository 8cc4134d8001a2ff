"""Webhooks on both databases, with a clock that is moved by hand and endpoints on loopback."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from indexes.database import Database, utc_now
from service.sealing import Sealer
from service.settings import Settings
from service.webhooks import Webhooks
from tests.service.webhooks.receiver import PATIENCE, Receiver

EVENTS = ("listing.decided", "case.held", "case.taken_down", "reference.active")


class Clock:
    """Now, and what was added to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self):
        return utc_now() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.end()


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.end()


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(b"of the tests")


@pytest.fixture
def allowing(settings: Settings) -> Settings:
    """Settings that let deliveries reach loopback."""
    return dataclasses.replace(settings, fetch_allow=("127.0.0.0/8",))


@pytest.fixture
def make(allowing, database, sealer, clock) -> Iterator[Callable[..., Webhooks]]:
    """Webhooks as a process has them; several are several processes."""
    opened: list[Webhooks] = []

    def make(*, sealer: Sealer = sealer, settings: Settings = allowing, **options) -> Webhooks:
        made = Webhooks(settings, database, sealer, events=EVENTS, clock=clock, **options)
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.close()


@pytest.fixture
def webhooks(make) -> Webhooks:
    """Not yet sending; `start` begins."""
    return make()


@pytest.fixture
def tell(database: Database):
    """Let something happen in a transaction of its own."""

    def tell(webhooks: Webhooks, event: str = "listing.decided", marketplace: str | None = "default", **options) -> int:
        with database.write() as connection:
            return webhooks.outbox.put(connection, event, marketplace, {"listing_id": "A-1"}, **options)

    return tell


def until(condition: Callable[[], object]) -> object:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return found
