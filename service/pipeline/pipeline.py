"""The pipeline itself: its threads, its door, and how it ends.

Stages: decode pool (`vision.images.decode`, `embedder.prepare`) → one batching embed thread → search and verify
pool. A bad picture fails its own future only. A cancelled future is dropped before the next stage. A service that
stops finishes what it let in within its time and refuses the rest aloud.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from indexes.changes import Version
from service.errors import Overloaded
from service.metrics import Metrics
from service.pipeline.admission import Admission
from service.pipeline.batching import Batcher
from service.pipeline.canary import canary_picture
from service.pipeline.recalling import Recall
from service.pipeline.work import Checked, EmbeddedReference, Engine, Question, Task, Ticket
from service.settings import Settings
from vision.embedding import KINDS, Kind, QueryEmbedding, Regions, Space
from vision.images import DecodeLimits, Picture, decode
from vision.parallelism import limit_threads

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import SearchResult


class Pipeline:
    """Pictures in, futures out. Thread-safe; `close` it."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        metrics: Metrics,
        *,
        version: Callable[[], Version] | None = None,
        wants_pixels: Callable[[], bool] = lambda: False,
    ) -> None:
        """`version` tells what searches depend on now; without it no picture is remembered."""
        self._recall = None if version is None else Recall(settings.result_cache_bytes, version, metrics, wants_pixels)
        self._settings, self._engine, self._metrics = settings, engine, metrics
        self._limits = DecodeLimits(max_bytes=settings.image_max_bytes, max_pixels=settings.image_max_pixels)
        self._door = Admission(settings.queue_size, settings.queue_wait)
        self._lock = threading.Lock()
        self._tickets: set[Ticket] = set()
        self._decoding = 0
        self._canary = canary_picture()
        limit_threads(1)  # the stages below run side by side already
        self._decode_pool = ThreadPoolExecutor(settings.decode_threads, thread_name_prefix="decode")
        self._search_pool = ThreadPoolExecutor(settings.verify_threads, thread_name_prefix="search")
        metrics.before_render(self._set_gauges)
        self._batcher = Batcher(
            metrics,
            size=settings.batch_size,
            wait=settings.batch_wait,
            upstream=lambda: self._decoding,
            deliver=self._deliver,
        )

    @property
    def inside(self) -> int:
        """Pictures on their way."""
        return self._door.inside

    @property
    def decoding(self) -> int:
        """Pictures on their way that are not decoded yet."""
        return self._decoding

    @property
    def draining(self) -> bool:
        """Whether the pipeline takes no more pictures."""
        return self._door.draining

    @property
    def busy(self) -> bool:
        """Whether so much is inside that what can wait should."""
        return 4 * self._door.inside > self._door.capacity

    @property
    def space(self) -> Space:
        """The space that judges pictures which come in now."""
        return self._engine.space

    def serve(self, engine: Engine) -> None:
        """Judge with `engine` whatever comes in from now on; what is inside ends as it began."""
        self._engine = engine

    def check_room(self, count: int) -> None:
        """Raise `Overloaded` when `count` pictures would be refused now; takes no place."""
        self._door.check(count)

    def query(
        self,
        data: bytes,
        *,
        kinds: tuple[Kind, ...] = KINDS,
        brand_ids: frozenset[str] | None = None,
        per_kind: int | None = None,
        patience: float = 0.0,
    ) -> Future[Checked]:
        """Check one picture; see `query_many`."""
        return self.query_many([data], kinds=kinds, brand_ids=brand_ids, per_kind=per_kind, patience=patience)[0]

    def query_many(
        self,
        pictures: Sequence[bytes],
        *,
        kinds: tuple[Kind, ...] = KINDS,
        brand_ids: frozenset[str] | None = None,
        per_kind: int | None = None,
        patience: float = 0.0,
        owner: str | None = None,
    ) -> list[Future[Checked]]:
        """Check pictures that belong together: all are let in, or `Overloaded` after `patience` seconds.

        With `owner`, a marketplace, what was found for the same bytes of that marketplace is used again.

        Each future ends with `Checked`, a `vision.errors.ImageError` of that picture, or `Overloaded` when the
        service stopped first.
        """
        question = Question(kinds, brand_ids, per_kind, owner)
        self._door.admit(len(pictures), patience=patience)
        engine = self._engine
        return [self._start("query", data, engine, question) for data in pictures]

    def reference(self, data: bytes, kind: Kind, *, patience: float = 0.0) -> Future[EmbeddedReference]:
        """Embed one reference picture of `kind`; waits at most `patience` seconds for room, then `Overloaded`."""
        self._door.admit(1, patience=patience)
        return self._start(kind, data, self._engine, None)

    def canary(self, timeout: float) -> float:
        """Send a picture the whole way, past the door, and return the seconds it took; `Overloaded` says why not."""
        if self.draining:
            raise Overloaded("The service is shutting down.")
        started = time.perf_counter()
        question = Question(KINDS, None, 1)
        future: Future[Checked] = self._start("query", self._canary, self._engine, question, counted=False)
        try:
            future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise Overloaded(f"A canary picture took longer than {timeout:g} s through the pipeline.") from None
        return time.perf_counter() - started

    def close(self, drain: float | None = None) -> None:
        """Take no more, finish what is inside within `drain` seconds (default: the setting), refuse the rest."""
        self._door.close()
        if not self._door.wait_empty(self._settings.drain_timeout if drain is None else drain):
            with self._lock:
                left = list(self._tickets)
            for ticket in left:
                ticket.fail(Overloaded("The service stopped before this picture was done; send it again."))
        self._decode_pool.shutdown(wait=True, cancel_futures=True)
        self._batcher.close()
        self._search_pool.shutdown(wait=True, cancel_futures=True)

    def _set_gauges(self) -> None:
        self._metrics.queue_depth.set(self._door.inside)
        self._metrics.queue_wait.set(self._door.wait)

    def _start(
        self, task: Task, data: bytes, engine: Engine, question: Question | None, *, counted: bool = True
    ) -> Future[Any]:
        ticket = Ticket(task, data, engine, question, counted, self._end)
        self._metrics.pictures.inc()
        with self._lock:
            self._tickets.add(ticket)
            self._decoding += 1
        self._run(self._decode_pool, self._decode, ticket)
        return ticket.future

    def _run(self, pool: ThreadPoolExecutor, stage: Callable[[Ticket], None], ticket: Ticket) -> None:
        try:
            pool.submit(stage, ticket)
        except RuntimeError:  # the pool is shut down: the drain time is over
            ticket.fail(Overloaded("The service stopped before this picture was done; send it again."))

    def _decode(self, ticket: Ticket) -> None:
        try:
            if ticket.dropped():
                return
            if self._recall is not None and (known := self._recall.ask(ticket)) is not None:
                ticket.succeed(known)
                return
            started = time.perf_counter()
            ticket.picture = decode(ticket.data, limits=self._limits)
            ticket.data = b""
            if ticket.embedded is None and ticket.task != "logo" and not ticket.dropped():
                ticket.prepared = ticket.engine.embedder.prepare(ticket.pixels)
            self._metrics.observe_tier("decode", time.perf_counter() - started)
            if ticket.embedded is None:
                self._batcher.put(ticket)
            else:
                self._deliver(ticket)
        except Exception as error:  # noqa: BLE001 - whatever a picture provokes is that picture's answer
            ticket.fail(error)
        finally:
            with self._lock:
                self._decoding -= 1

    def _deliver(self, ticket: Ticket) -> None:
        if ticket.task == "query":
            self._run(self._search_pool, self._search, ticket)
        elif ticket.picture is not None and isinstance(ticket.embedded, Regions):
            ticket.succeed(EmbeddedReference(ticket.picture, ticket.embedded, ticket.engine.space))

    def _search(self, ticket: Ticket) -> None:
        if ticket.dropped():
            return
        try:
            ticket.succeed(self._answer(ticket))
        except Exception as error:  # noqa: BLE001 - whatever a picture provokes is that picture's answer
            ticket.fail(error)

    def _answer(self, ticket: Ticket) -> Checked:
        picture, embedding, question = ticket.picture, ticket.embedded, ticket.question
        if picture is None or question is None or not isinstance(embedding, QueryEmbedding):
            raise RuntimeError("a ticket reached the search stage unfinished")
        result = ticket.result or self._found(ticket.engine, picture, embedding, question)
        checked = Checked(picture, result, embedding, ticket.engine.space, ticket.engine.calibration)
        if self._recall is not None:
            self._recall.keep(checked, ticket)
        return checked

    def _found(self, engine: Engine, picture: Picture, embedding: QueryEmbedding, question: Question) -> SearchResult:
        kinds, brand_ids, per_kind = question.kinds, question.brand_ids, question.per_kind
        result = engine.searcher.search(picture.pixels, embedding, kinds=kinds, brand_ids=brand_ids, per_kind=per_kind)
        for tier, seconds in result.seconds.items():
            if seconds > 0:  # most pictures are not read and not verified: they never reached those tiers
                self._metrics.observe_tier(tier, seconds)
        return result

    def _end(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket not in self._tickets:
                return
            self._tickets.discard(ticket)
        if ticket.counted:
            self._door.leave()
