"""Starting, ready, draining, failed: who gets the runtime, and when it is closed."""

from __future__ import annotations

import threading

import pytest

from service.errors import Overloaded
from service.keys import Keys
from service.lifecycle import Lifecycle
from service.runtime import Runtime
from tests.fakes import ThumbnailEmbedder


def wait_for_state(lifecycle: Lifecycle, state: str) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if lifecycle.state == state:
            return
        waiting.wait(0.01)
    raise AssertionError(f"{lifecycle.state} did not become {state}")


def test_the_runtime_opens_beside_and_is_refused_until_then(settings):
    go_on = threading.Event()

    def open_runtime(metrics):
        go_on.wait()
        return Runtime.open(settings, embedder=ThumbnailEmbedder(), metrics=metrics)

    lifecycle = Lifecycle(open_runtime)
    lifecycle.start()
    with pytest.raises(Overloaded) as refused:
        _ = lifecycle.runtime
    assert refused.value.retry_after > 0
    go_on.set()
    wait_for_state(lifecycle, "ready")
    assert lifecycle.runtime.metrics is lifecycle.metrics
    lifecycle.close()
    with pytest.raises(Overloaded):
        _ = lifecycle.runtime


def test_a_runtime_that_cannot_open_is_a_failure_that_is_kept(settings):
    def open_runtime(metrics):
        raise OSError("no such disk")

    lifecycle = Lifecycle(open_runtime)
    lifecycle.start()
    wait_for_state(lifecycle, "failed")
    assert "no such disk" in str(lifecycle.failure)
    with pytest.raises(Overloaded):
        _ = lifecycle.runtime
    lifecycle.close()


def test_what_began_before_a_drain_may_finish_and_nothing_else(runtime):
    lifecycle = Lifecycle(lambda metrics: runtime, runtime=runtime)
    with lifecycle.request():
        lifecycle.drain()
        assert lifecycle.runtime is runtime
        assert lifecycle.in_flight == 1
    with lifecycle.request(), pytest.raises(Overloaded):
        _ = lifecycle.runtime
    assert lifecycle.in_flight == 0
    lifecycle.close()
    assert isinstance(runtime.keys, Keys), "a runtime that was handed in stays open"
    assert runtime.brands.list().items == []


def test_a_drain_has_a_deadline(runtime):
    lifecycle = Lifecycle(lambda metrics: runtime, runtime=runtime, drain_timeout=5.0)
    assert lifecycle.drain_seconds_left() == 5.0
    lifecycle.drain()
    assert 0.0 <= lifecycle.drain_seconds_left() <= 5.0
