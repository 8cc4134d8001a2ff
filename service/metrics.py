"""Prometheus metrics of one process: requests, the pipeline's tiers, refusals, indexes, jobs.

One registry per `Metrics`, so that two runtimes in one process (tests, benchmarks) do not count each other's work.
Every name begins `brandwarden_`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LOG = logging.getLogger("brandwarden.metrics")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters, gauges and histograms, and the page that shows them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._before_render: list[Callable[[], None]] = []
        ProcessCollector(namespace="brandwarden", registry=self.registry)
        self.requests = self._counter("requests", "Requests answered.", "method", "route", "status")
        self.latency = self._histogram("request_seconds", "Time to answer a request.", "method", "route")
        self.in_flight = self._gauge("requests_in_flight", "Requests being answered.")
        self.refusals = self._counter("refusals", "Requests and pictures refused, by problem.", "reason")
        self.skipped = self._counter("references_skipped", "Candidates whose stored picture is unreadable.", "reason")
        self.descriptions = self._counter(
            "descriptions", "References looked at closely, by where their description was.", "kind", "source"
        )
        self.descriptions_bytes = self._gauge("descriptions_bytes", "Bytes of descriptions on the disk.")
        self.tier_seconds = self._histogram("tier_seconds", "Time a picture spends in a tier.", "tier")
        self.tier_pictures = self._counter("tier_pictures", "Pictures that reached a tier.", "tier")
        self.pictures = self._counter("pictures", "Pictures that entered the pipeline: the base of a tier's share.")
        self.queue_depth = self._gauge("queue_depth", "Pictures waiting for the pipeline.")
        self.queue_wait = self._gauge("queue_wait_seconds", "Wait that a picture which comes now would find.")
        self.batch_pictures = self._histogram(
            "batch_pictures", "Pictures in one pass of the backbone.", buckets=(1, 2, 4, 8, 16, 32)
        )
        self.remembered = self._counter(
            "remembered_pictures", "Pictures of listings: new, or known by their vectors or their result.", "what"
        )
        self.memory_bytes = self._gauge("memory_bytes", "Bytes of what is remembered of pictures.")
        self.engine = self._gauge("engine", "1 for the engine that computes vectors.", "engine", "precision", "why")
        self.index_vectors = self._gauge("index_vectors", "Vectors in the index.", "kind")
        self.index_generation = self._gauge("index_generation", "Generation of the index being searched.")
        self.null_shifts = self._gauge("null_shifts", "Brands at a marketplace whose matches are lowered.", "kind")
        self.index_lag = self._gauge("index_lag_seconds", "Seconds since the index last agreed with the database.")
        self.jobs = self._gauge("jobs", "Jobs by state.", "state")
        self.decisions = self._counter("decisions", "Listings judged, by decision.", "decision")
        self.shadow_listings = self._counter(
            "shadow_listings", "Listings offered to a space in shadow: judged, shed or failed.", "outcome"
        )
        self.webhooks = self._gauge("webhook_deliveries", "Webhook deliveries by state.", "state")
        self.webhook_attempts = self._counter(
            "webhook_attempts", "Attempts of this process: delivered, failed or dead.", "outcome"
        )
        self.webhook_lag = self._gauge("webhook_lag_seconds", "Age of the oldest message still to be delivered.")
        self.state = self._gauge("state", "1 for the state the process is in.", "state")

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is the template, never the path."""
        self.requests.labels(method, route, str(status)).inc()
        self.latency.labels(method, route).observe(seconds)

    def observe_tier(self, tier: str, seconds: float) -> None:
        """One picture spent `seconds` in `tier` (`decode`, `embed`, and the TIERS of `indexes.clock`)."""
        self.tier_seconds.labels(tier).observe(seconds)
        self.tier_pictures.labels(tier).inc()

    def observe_refusal(self, reason: str) -> None:
        """Something was refused; `reason` is the slug of the problem."""
        self.refusals.labels(reason).inc()

    def observe_webhook(self, outcome: str) -> None:
        """An attempt at a delivery ended: `delivered`, `failed` or `dead`."""
        self.webhook_attempts.labels(outcome).inc()

    def observe_skipped(self, reason: str) -> None:
        """A candidate was passed over because its own picture cannot be read."""
        self.skipped.labels(reason).inc()

    def observe_description(self, kind: str, source: str) -> None:
        """A reference's description was asked for and found in `memory`, on the `disk`, or `made`."""
        self.descriptions.labels(kind, source).inc()

    def before_render(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` each time the page is made, to bring gauges up to date."""
        self._before_render.append(refresh)

    def render(self) -> bytes:
        """The page in the text format of Prometheus."""
        for refresh in self._before_render:
            try:
                refresh()
            except Exception:  # noqa: BLE001  # what can still be told is told, above all while the database is gone
                _LOG.exception("a gauge could not be brought up to date")
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace="brandwarden", registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, namespace="brandwarden", registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(name, text, labels, namespace="brandwarden", registry=self.registry, buckets=buckets)
