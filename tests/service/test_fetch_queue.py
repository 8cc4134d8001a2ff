"""Fetches side by side, with a limit on how many may wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from service.errors import FetchFailed, Overloaded
from service.fetch_queue import FetchQueue


class SlowHosts:
    """Answers when it may; addresses with `bad` in them fail."""

    def __init__(self) -> None:
        self.may_go = threading.Event()

    def fetch(self, url: str, *, max_bytes: int) -> bytes:
        assert self.may_go.wait(60)
        if "bad" in url:
            raise FetchFailed("no such picture")
        return url.encode()[:max_bytes]


@pytest.fixture
def hosts() -> SlowHosts:
    return SlowHosts()


@pytest.fixture
def queue(hosts) -> Iterator[FetchQueue]:
    opened = FetchQueue(hosts, max_bytes=5, places=20)
    yield opened
    hosts.may_go.set()
    opened.close()


def test_fetches_run_side_by_side_and_fail_alone(queue, hosts):
    futures = queue.submit(["first", "bad", "third address"])
    hosts.may_go.set()
    assert isinstance(futures[1].exception(60), FetchFailed)
    assert [futures[0].result(60), futures[2].result(60)] == [b"first", b"third"]


def test_more_than_may_wait_are_refused_together_with_a_time(queue, hosts):
    waiting = queue.submit(["a"] * 18)
    with pytest.raises(Overloaded) as refused:
        queue.submit(["b"] * 3)
    assert refused.value.retry_after >= 1
    more = queue.submit(["c"] * 2)
    hosts.may_go.set()
    assert {future.result(60) for future in waiting + more} == {b"a", b"c"}
    assert len(queue.submit(["d"] * 20)) == 20


def test_what_is_cancelled_gives_up_its_place(queue):
    waiting = queue.submit(["a"] * 20)
    assert waiting[19].cancel()
    assert len(queue.submit(["b"])) == 1


def test_a_closed_queue_takes_nothing(queue, hosts):
    hosts.may_go.set()
    queue.close()
    with pytest.raises(Overloaded):
        queue.submit(["a"])
