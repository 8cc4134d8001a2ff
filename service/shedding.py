"""Load is shed at the headers: a picture that finds no room is refused before a byte of it is read.

Place in the flow: asked by `service.bodies` at the start of every request. Reading, parsing and checking a key cost a
refused request more than its answer, and under overload most requests are refused. The door of the pipeline decides
again when the pictures are there; this only asks it early. Starting and draining are told here as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from service.errors import Overloaded
from service.lifecycle import Lifecycle

_JUDGED = frozenset({"/v1/listings", "/v1/search"})
"""Calls whose pictures go through the pipeline while the caller waits. Batches wait for room line by line."""


@dataclass(frozen=True, slots=True)
class _Route:
    """What metrics and the log call a request that no route has seen."""

    path: str


class Shedding:
    """Raises `Overloaded` for a request that the pipeline has no room for."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    def __call__(self, scope: Scope) -> None:
        """Ask for room for one picture, where the request carries any."""
        if scope["method"] != "POST" or scope["path"] not in _JUDGED:
            return
        try:
            self._lifecycle.runtime.pipeline.check_room(1)
        except Overloaded as refusal:
            scope["route"] = _Route(scope["path"])
            self._lifecycle.metrics.observe_refusal(refusal.slug)
            raise
