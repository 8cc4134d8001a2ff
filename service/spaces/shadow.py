"""Judges a share of the live listings with a candidate as well, after their answers have been given.

Place in the flow: `service.listings` offers each listing it concluded; one thread judges what was taken, with the
pictures as they were decoded. Bounded: a sample by the listing's id, a few pictures waiting, and nothing at all while
the pipeline is busy, so that it is the first thing to go under load. What it finds are statistics and never decisions.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from indexes.database import utc_now
from service.listings.judging import Judgement, Outcome, ReadBook, judge
from service.listings.values import ListingInput
from service.metrics import Metrics
from service.pipeline import Checked, Engine
from service.spaces.comparing import Compared, Tally, confidence, found
from service.spaces.loading import LoadedSpace
from service.spaces.statistics import Statistics
from vision.embedding import KINDS

_LOG = logging.getLogger("brandwarden.shadow")
MOST_PICTURES: Final = 24
FLUSH_SECONDS: Final = 1.0
Candidate = tuple[LoadedSpace, float]
"""A space in shadow, and the share of listings it judges."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A listing as it was concluded."""

    listing: ListingInput
    outcomes: Sequence[Outcome]
    judgement: Judgement


class Shadow:
    """The thread and its queue, from `start` to `close`.

    `candidate` tells what is in shadow, `busy` when to pause, `read_book` by which rules it is judged.
    """

    def __init__(
        self,
        candidate: Callable[[], Candidate | None],
        busy: Callable[[], bool],
        statistics: Statistics,
        metrics: Metrics,
        read_book: ReadBook,
    ) -> None:
        self._candidate, self._busy, self._read_book = candidate, busy, read_book
        self._statistics, self._metrics = statistics, metrics
        self._queue: queue.SimpleQueue[tuple[LoadedSpace, Judged] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0  # pictures
        self._tallies: dict[str, Tally] = {}
        self._flushed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="shadow")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Drop what waits and write down what was found."""
        with self._lock:
            self._waiting = MOST_PICTURES + 1  # nothing more comes in, and what waits is passed over
        self._queue.put(None)
        self._thread.join()

    def offer(self, judged: Judged) -> None:
        """Take a listing, or not; costs its caller nothing."""
        chosen = self._candidate()
        if chosen is None or not sampled(judged.listing, chosen[1]) or _is_remembered(judged):
            return
        space, pictures = chosen[0], _pictures(judged)
        with self._lock:
            if self._busy() or (self._waiting and self._waiting + pictures > MOST_PICTURES):
                self._count(space, "shed")
                return
            self._waiting += pictures
        self._queue.put((space, judged))

    def _run(self) -> None:
        open_ = True
        while open_:
            try:
                taken = self._queue.get(timeout=FLUSH_SECONDS)
                open_ = taken is not None
                if taken is not None:
                    self._judge(*taken)
            except queue.Empty:
                pass
            if not open_ or time.monotonic() - self._flushed > FLUSH_SECONDS:
                self._flush()

    def _judge(self, space: LoadedSpace, judged: Judged) -> None:
        if self._waiting > MOST_PICTURES:
            return  # closing
        try:
            compared = compare(space.engine, judged, self._read_book)
            with self._lock:
                self._tallies.setdefault(space.id, Tally()).add(compared)
            self._metrics.shadow_listings.labels("judged").inc()
        except Exception:  # noqa: BLE001  # whatever a candidate does, it fails only itself
            _LOG.exception("the space %s failed on a listing in shadow", space.id)
            with self._lock:
                self._count(space, "failed")
        finally:
            with self._lock:
                self._waiting -= _pictures(judged)

    def _count(self, space: LoadedSpace, what: str) -> None:
        self._tallies.setdefault(space.id, Tally()).totals[what] += 1
        self._metrics.shadow_listings.labels(what).inc()

    def _flush(self) -> None:
        with self._lock:
            tallies, self._tallies = self._tallies, {}
        self._flushed = time.monotonic()
        for space_id, tally in tallies.items():
            try:
                self._statistics.add(space_id, tally)
            except Exception:  # noqa: BLE001  # statistics of a second are not worth the thread
                _LOG.exception("what the space %s found in shadow could not be stored", space_id)


def sampled(listing: ListingInput, share: float) -> bool:
    """Whether a listing is in the sample: always the same ones, in every process."""
    digest = hashlib.sha256(f"{listing.marketplace}\0{listing.listing_id}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:4]) < share * 2**32


def compare(engine: Engine, judged: Judged, read_book: ReadBook) -> Compared:
    """Judge with `engine` what was judged, and put the two side by side."""
    started = time.perf_counter()
    read = [outcome for outcome in judged.outcomes if isinstance(outcome, Checked)]
    embedder = engine.embedder
    embedded = embedder.embed_queries([embedder.prepare(one.picture.pixels) for one in read])
    embed_seconds = time.perf_counter() - started
    again = []
    for one, embedding in zip(read, embedded, strict=True):
        result = engine.searcher.search(one.picture.pixels, embedding, kinds=KINDS, brand_ids=None, per_kind=None)
        again.append(Checked(one.picture, result, embedding, engine.space, engine.calibration))
    other = judge(judged.listing, again, read_book, utc_now())
    return Compared(
        marketplace=judged.listing.marketplace,
        listing_id=judged.listing.listing_id,
        pictures=len(read),
        before=judged.judgement.decision,
        after=other.decision,
        before_confidence=confidence(judged.judgement),
        after_confidence=confidence(other),
        current=found(judged.judgement.matches),
        candidate=found(other.matches),
        current_seconds=sum(sum(one.result.seconds.values()) for one in read),
        candidate_seconds=sum(sum(one.result.seconds.values()) for one in again),
        embed_seconds=embed_seconds,
    )


def _is_remembered(judged: Judged) -> bool:
    """Pictures that were judged before have no pixels to judge again, and were in the sample then."""
    return any(isinstance(outcome, Checked) and outcome.remembered for outcome in judged.outcomes)


def _pictures(judged: Judged) -> int:
    return sum(isinstance(outcome, Checked) for outcome in judged.outcomes)
