"""Judging listings from end to end, and everything that is asked about them afterwards.

Place in the flow: called by the HTTP interface, the command line and the demo. A listing goes through three steps,
`collect` its pictures, `check` them in the pipeline and `conclude`, so that an asynchronous caller can wait for the
futures between them without a thread; `judge` is the three in a row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from indexes.database import utc_now
from indexes.paging import Page
from service.errors import BodyTooLarge
from service.fetch_queue import Fetches, FetchQueue
from service.listings.judging import Judgement, Outcome, ReadBook, Recognise, judge, nothing_known, refuse_hopeless
from service.listings.store import ListingStore
from service.listings.values import BrandMatch, ImageSource, ListingInput, ListingResult
from service.listings.writing import BrandsGone
from service.pictures import PictureKeeper
from service.pipeline import Checked, Pipeline
from service.settings import Settings

if TYPE_CHECKING:  # nulls know the tables of listings
    from service.nulls import Nulls

Source: TypeAlias = bytes | BaseException


OnJudged: TypeAlias = Callable[[ListingInput, Sequence[Outcome], Judgement], None]
"""Told of every listing that was judged and stored; must cost nothing."""


def _ignore(*_: object) -> None:
    pass


class Listings:
    """Judges listings and keeps the results. Thread-safe; `close` it."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: ListingStore,
        pipeline: Pipeline,
        pictures: PictureKeeper,
        fetcher: Fetches,
        read_book: ReadBook,
        nulls: Nulls | None = None,
        recognise: Recognise | None = None,
        on_judged: OnJudged = _ignore,
    ) -> None:
        self._settings, self._store, self._pipeline = settings, store, pipeline
        self._pictures = pictures
        self._read_book, self._on_judged, self._nulls = read_book, on_judged, nulls
        self._recognise = recognise or nothing_known
        self._fetches = FetchQueue(fetcher, max_bytes=settings.image_max_bytes, places=settings.queue_size)

    def judge(self, listing: ListingInput, *, patience: float = 0.0) -> ListingResult:
        """Judge, store and answer; waits at most `patience` seconds for room in the pipeline.

        Raises `Overloaded`, `BodyTooLarge`, or `Invalid` when not one picture could be read.
        """
        started = time.perf_counter()
        sources = [outcome_of(future) for future in self.collect(listing)]
        outcomes = [outcome_of(future) for future in self.check(sources, patience=patience, owner=listing.marketplace)]
        return self.conclude(listing, sources, outcomes, time.perf_counter() - started)

    def collect(self, listing: ListingInput) -> list[Future[bytes]]:
        """Get the bytes of every picture; URLs are fetched side by side. `Overloaded` before anything is fetched."""
        self._pipeline.check_room(len(listing.images))
        urls = [source.url for source in listing.images if source.url is not None]
        fetched = iter(self._fetches.submit(urls))
        return [next(fetched) if source.url is not None else _ready(source) for source in listing.images]

    def fetch(self, url: str) -> Future[bytes]:
        """Fetch one picture in a thread that may wait for strangers; ends with `FetchFailed` where that fails."""
        return self._fetches.submit([url])[0]

    def check(
        self, sources: Sequence[Source], *, patience: float = 0.0, owner: str | None = None
    ) -> list[Future[Checked]]:
        """Send what was collected through the pipeline, all together; a source that failed stays failed.

        With `owner`, the listing's marketplace, pictures that it sent before may cost less.
        """
        readable = [source for source in sources if isinstance(source, bytes)]
        if sum(map(len, readable)) > self._settings.listing_max_bytes:
            limit = self._settings.listing_max_bytes // (1 << 20)
            raise BodyTooLarge(f"The pictures of a listing may have {limit} MiB together; send fewer or smaller ones.")
        sent = iter(self._pipeline.query_many(readable, patience=patience, owner=owner) if readable else [])
        return [next(sent) if isinstance(source, bytes) else _failed(source) for source in sources]

    def conclude(
        self, listing: ListingInput, sources: Sequence[Source], outcomes: Sequence[Outcome], seconds: float
    ) -> ListingResult:
        """Decide and store; returned once it is on disk. Pictures that are no longer needed are removed after it."""
        refuse_hopeless(outcomes)
        gone: frozenset[str] = frozenset()
        while True:
            judgement = self._judge(listing, outcomes, gone)
            try:
                stored = self._store_judgement(judgement, sources, seconds)
            except BrandsGone as error:
                gone |= error.brand_ids
            else:
                self._on_judged(listing, outcomes, judgement)
                return stored

    def _judge(self, listing: ListingInput, outcomes: Sequence[Outcome], without: frozenset[str]) -> Judgement:
        nulls = self._nulls
        rule_by = partial(
            judge, listing, outcomes, self._read_book, utc_now(), without=without, recognise=self._recognise
        )
        if nulls is None:
            return rule_by()
        frozen = nulls.frozen
        return rule_by(nulls=frozen.id, adjust=partial(nulls.adjust, frozen, listing.marketplace))

    def _store_judgement(self, judgement: Judgement, sources: Sequence[Source], seconds: float) -> ListingResult:
        kept = {
            row["sha256"]: source
            for row, source in zip(judgement.images, sources, strict=True)
            if row["kept"] and isinstance(source, bytes)
        }
        row = {
            **judgement.listing,
            "elapsed_ms": round(seconds * 1000),
            "judged_at": utc_now(),
        }
        with self._pictures.keep(kept):
            saved = self._store.save(row, judgement.images, judgement.matches, judgement.scores)
        self._pictures.release(saved.dropped - kept.keys())
        return saved.result

    def get(self, marketplace: str, listing_id: str) -> ListingResult:
        """The last result; `NotFound`."""
        return self._store.get(marketplace, listing_id)

    def list(
        self,
        *,
        marketplace: str | None = None,
        decision: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ListingResult]:
        """Results in the order they were judged."""
        return self._store.list(marketplace=marketplace, decision=decision, since=since, limit=limit, cursor=cursor)

    def matches_of_brand(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[BrandMatch]:
        """What was found for a brand, newest first."""
        return self._store.matches_of_brand(brand_id, limit=limit, cursor=cursor)

    def delete(self, marketplace: str, listing_id: str, *, judged_at: datetime | None = None) -> None:
        """Erase a listing: rows, vectors, matches, and pictures that nothing else needs; `NotFound`.

        With `judged_at` only when it was not judged again since.
        """
        self._pictures.release(self._store.delete(marketplace, listing_id, judged_at=judged_at))

    def release(self, pictures: Collection[str]) -> None:
        """Remove those of `pictures` (SHA-256) that nothing needs."""
        self._pictures.release(pictures)

    def close(self) -> None:
        """Stop fetching."""
        self._fetches.close()


def _ready(source: ImageSource) -> Future[bytes]:
    if source.error is not None:
        return _failed(source.error)
    ready: Future[bytes] = Future()
    ready.set_result(source.data or b"")
    return ready


def outcome_of(future: Future[Any]) -> Any:
    """Wait for `future`: its result, or the exception it ended with."""
    error = future.exception()
    return future.result() if error is None else error


def _failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future
