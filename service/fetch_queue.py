"""Pictures being fetched for listings and searches: side by side, and no more waiting than can be served.

Place in the flow: before the pipeline. Strangers decide how long a fetch takes, so it has threads of its own and a
door of its own: whoever sends slow addresses fills this queue and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

from service.pipeline.admission import Admission

_THREADS = 16


class Fetches(Protocol):
    """What gets a picture from its URL: `service.fetching.Fetcher`."""

    def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """The bytes at `url`; `FetchFailed` says why not."""
        ...


class FetchQueue:
    """At most `places` fetches under way or waiting; `close` it."""

    def __init__(self, fetcher: Fetches, *, max_bytes: int, places: int) -> None:
        self._fetcher = fetcher
        self._max_bytes = max_bytes
        self._door = Admission(places)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")

    def submit(self, urls: Sequence[str]) -> list[Future[bytes]]:
        """Fetch all of `urls`, or raise `Overloaded` and fetch none. A future that is cancelled gives up its place."""
        if not urls:
            return []
        self._door.admit(len(urls))
        fetches = (partial(self._fetcher.fetch, url, max_bytes=self._max_bytes) for url in urls)
        return [self._door.submit(self._threads, fetch) for fetch in fetches]

    def close(self) -> None:
        """Finish what is under way, drop what waits."""
        self._door.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
