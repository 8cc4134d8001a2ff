"""The gauges that nobody sets as things happen, brought up to date when Prometheus asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.search import MATCH_KINDS

if TYPE_CHECKING:  # the runtime has these set
    from service.runtime import Runtime


def set_gauges(runtime: Runtime) -> None:
    """Set every gauge that follows from the state of an open runtime."""
    for kind, count in runtime.gallery.vectors.items():
        runtime.metrics.index_vectors.labels(kind).set(count)
    engine = runtime.embedder.engine
    runtime.metrics.engine.clear()
    runtime.metrics.engine.labels(engine.name, engine.precision, engine.why).set(1)
    runtime.metrics.index_generation.set(runtime.gallery.generation)
    runtime.metrics.index_lag.set(runtime.upkeep.lag)
    runtime.metrics.descriptions_bytes.set(runtime.shelves.nbytes)
    lowered = [null.kind for null in runtime.nulls.frozen.nulls if null.shift > 0]
    for found in MATCH_KINDS.values():
        runtime.metrics.null_shifts.labels(found).set(lowered.count(found))
    for state, count in runtime.webhooks.counts().items():
        runtime.metrics.webhooks.labels(state).set(count)
    runtime.metrics.webhook_lag.set(runtime.webhooks.lag())
    runtime.metrics.jobs.clear()
    for state, count in runtime.jobs.counts().items():
        runtime.metrics.jobs.labels(state).set(count)
