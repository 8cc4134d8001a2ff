"""The sender: takes from the outbox what is due and brings it to the endpoints.

One thread leases rows and writes down what became of them; the requests themselves run in threads of their own. Every
endpoint has a few places, one that fails has a single one, and there are threads for all places together: an endpoint
that is slow or dead holds up nobody else. Order is not promised. The sender survives every error: while the database
is away nothing is sent, and what was sent and could not be written down is sent again.
"""

from __future__ import annotations

import collections
import logging
import queue
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from indexes.database import utc_now
from indexes.errors import IndexesError
from service.sealing import Sealer, Unsealable
from service.webhooks.deliveries import Claimed, DeliveryRows, Outcome
from service.webhooks.rows import WebhookRows
from service.webhooks.schedule import next_attempt
from service.webhooks.signing import sign
from service.webhooks.targets import Answer, Targets
from service.webhooks.values import Webhook

PLACES: Final = 4
"""Requests that one endpoint gets at once from one process."""
MAX_ENDPOINTS: Final = 50
_POLL_SECONDS: Final = 0.5
_GONE: Final = 410
_LOG = logging.getLogger("brandwarden.webhooks")

OnOutcome = Callable[[str], None]


class Sender:
    """The threads, from `start` to `close`. `wake` says that something was, or is about to be, put."""

    def __init__(
        self,
        webhooks: WebhookRows,
        deliveries: DeliveryRows,
        sealer: Sealer,
        targets: Targets,
        *,
        on_outcome: OnOutcome = lambda _state: None,
        clock: Callable[[], datetime] = utc_now,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        self._webhooks, self._deliveries, self._sealer, self._targets = webhooks, deliveries, sealer, targets
        self._on_outcome, self._clock, self._poll_seconds = on_outcome, clock, poll_seconds
        self._lease = secrets.token_hex(16)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._unwritten: list[Outcome] = []
        self._busy: collections.Counter[int] = collections.Counter()
        self._failing: set[int] = set()
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._workers = ThreadPoolExecutor(max_workers=MAX_ENDPOINTS * PLACES, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, name="webhook-sender")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look for what is due now, and not at the next round."""
        self._woken.set()

    def close(self) -> None:
        """Stop; requests under way are finished and written down."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self._workers.shutdown(wait=True)
        _attempt(self.settle)

    def settle(self) -> None:
        """Write down the outcomes there are."""
        while not self._outcomes.empty():
            self._unwritten.append(self._outcomes.get())
        if not self._unwritten:
            return
        self._deliveries.record(self._unwritten)
        written, self._unwritten = self._unwritten, []
        for outcome in written:
            self._free(outcome)

    def claim(self) -> int:
        """Lease what is due and hand it to the threads; how many."""
        targets = self._webhooks.targets()
        self._failing &= targets.keys()
        places = {pk: (1 if pk in self._failing else PLACES) - self._busy[pk] for pk in targets}
        free = {pk: count for pk, count in places.items() if count > 0}
        claimed = self._deliveries.claim(free, self._lease, self._clock()) if free else []
        for one in claimed:
            self._busy[one.webhook_pk] += 1
            self._workers.submit(self._send, *targets[one.webhook_pk], one)
        return len(claimed)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            _attempt(self.settle)
            if _attempt(self.claim):
                continue  # there may be more
            if self._woken.wait(self._poll_seconds):
                self._stopping.wait(0.01)  # what was put is about to be committed

    def _send(self, webhook: Webhook, sealed: bytes, claimed: Claimed) -> None:
        try:
            outcome = self._judge(claimed, self._ask(webhook, sealed, claimed))
        except Exception:  # noqa: BLE001  # a place that is never given back would silence the endpoint
            _LOG.exception("a delivery failed", extra={"webhook": webhook.id, "delivery": claimed.id})
            outcome = self._judge(claimed, Answer(error="failed inside the service"))
        self._outcomes.put(outcome)
        self._woken.set()

    def _ask(self, webhook: Webhook, sealed: bytes, claimed: Claimed) -> Answer:
        try:
            secret = self._sealer.open(sealed, webhook.id)
            body = self._sealer.open(claimed.payload, claimed.id)
        except Unsealable as error:
            return Answer(error=str(error))
        return self._targets.post(webhook.url, sign(secret, claimed.id, self._clock(), body), body)

    def _judge(self, claimed: Claimed, answer: Answer) -> Outcome:
        now = self._clock()
        if answer.status is not None and 200 <= answer.status < 300:
            return Outcome(claimed, "delivered", now, now, answer.status, None)
        error = answer.error or f"the endpoint answered with status {answer.status}"
        again = next_attempt(claimed.round, now, claimed.give_up_at)
        if answer.status == _GONE:
            return Outcome(claimed, "dead", now, now, answer.status, error, gone=True)
        return Outcome(claimed, "pending" if again else "dead", now, again or now, answer.status, error[:300])

    def _free(self, outcome: Outcome) -> None:
        """Give back the place, and remember how the endpoint does."""
        webhook_pk = outcome.claimed.webhook_pk
        self._busy[webhook_pk] -= 1
        (self._failing.discard if outcome.state == "delivered" else self._failing.add)(webhook_pk)
        if outcome.gone:
            self._webhooks.disable(webhook_pk, "The endpoint answered 410 Gone.", outcome.at)
        self._on_outcome(outcome.state if outcome.state != "pending" else "failed")


def _attempt(duty: Callable[[], int | None]) -> int:
    try:
        return duty() or 0
    except IndexesError as error:  # a database that is away would fill the log with traces
        _LOG.error("webhooks: %s", error)
    except Exception:  # noqa: BLE001  # the thread lives as long as the process, whatever one round meets
        _LOG.exception("the webhook sender failed and goes on")
    return 0
