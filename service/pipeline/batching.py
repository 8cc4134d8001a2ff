"""One thread that runs the backbone over pictures of many requests at a time.

Place in the flow: after decoding, before search. A batch that fails is run again picture by picture, so that one
picture can only fail itself. Knows nothing of requests or listings.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from service.metrics import Metrics
from service.pipeline.work import Engine, Task, Ticket
from vision.embedding import Prepared, QueryEmbedding, Regions


class Batcher:
    """Gathers tickets up to `size`, or for `wait` seconds, and hands each on with `embedded` filled.

    `upstream` tells how many pictures are still on their way here: when none is, a batch starts at once, so that
    a lone client never pays the wait.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        size: int,
        wait: float,
        upstream: Callable[[], int],
        deliver: Callable[[Ticket], None],
    ) -> None:
        self._metrics = metrics
        self._size, self._wait = size, wait
        self._upstream, self._deliver = upstream, deliver
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="embed", daemon=True)
        self._thread.start()

    def put(self, ticket: Ticket) -> None:
        """Queue a decoded ticket."""
        self._queue.put(ticket)

    def close(self) -> None:
        """Finish what is queued and stop the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._gather()
            groups: dict[tuple[Engine, Task], list[Ticket]] = {}
            for ticket in batch:
                if not ticket.dropped():
                    groups.setdefault((ticket.engine, ticket.task), []).append(ticket)
            for (engine, task), tickets in sorted(groups.items(), key=lambda group: group[0][1] != "query"):
                self._embed(engine, task, tickets)

    def _gather(self) -> tuple[list[Ticket], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        batch, until = [first], time.monotonic() + self._wait
        while len(batch) < self._size:
            left = until - time.monotonic() if self._upstream() else 0.0
            try:
                ticket = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                return batch, False
            batch.append(ticket)
        return batch, True

    def _embed(self, engine: Engine, task: Task, tickets: Sequence[Ticket]) -> None:
        started = time.perf_counter()
        self._metrics.batch_pictures.observe(len(tickets))
        try:
            results = _forward(engine, task, tickets)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; each picture answers for itself
            if len(tickets) == 1:
                tickets[0].fail(error)
                return
            for ticket in tickets:
                self._embed(engine, task, [ticket])
            return
        seconds = (time.perf_counter() - started) / len(tickets)
        for ticket, embedded in zip(tickets, results, strict=True):
            self._metrics.observe_tier("embed", seconds)
            ticket.embedded = embedded
            self._deliver(ticket)


def _forward(engine: Engine, task: Task, tickets: Sequence[Ticket]) -> Sequence[QueryEmbedding | Regions]:
    if task == "logo":
        return engine.embedder.embed_logos([ticket.pixels for ticket in tickets])
    prepared = [_prepared(ticket) for ticket in tickets]
    if task == "query":
        return engine.embedder.embed_queries(prepared)
    return engine.embedder.embed_photos(prepared)


def _prepared(ticket: Ticket) -> Prepared:
    if ticket.prepared is None:
        raise RuntimeError("the picture is not prepared yet")
    return ticket.prepared
