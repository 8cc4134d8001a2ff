"""Answers a picture from what became of the same bytes before, as far as that still holds.

Place in the flow: the decode stage asks before it decodes, the search stage tells what it found. A picture in which
nothing was found, in a catalogue that has not changed since, is answered at once. One with matches is decoded, for who
looks at its pixels, and not searched. After a change its vectors are searched again: only the backbone is spared.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from indexes.changes import Version
from indexes.errors import IndexesError
from service.metrics import Metrics
from service.pipeline.remembering import Key, Memory, Remembered
from service.pipeline.work import Checked, Engine, Question, Ticket
from vision.images import Picture

_FRESH_SECONDS: Final = 0.5
"""An older version than the one that is searched is a safe name for what was found: it is only forgotten sooner."""


class Recall:
    """The memory of one pipeline, of at most `max_bytes`; `version` tells what searches depend on now.

    While somebody `wants_pixels` of whatever is judged, as a model in shadow does, every picture is decoded.
    """

    def __init__(
        self, max_bytes: int, version: Callable[[], Version], metrics: Metrics, wants_pixels: Callable[[], bool]
    ) -> None:
        self._wants_pixels = wants_pixels
        self._memory, self._metrics = Memory(max_bytes), metrics
        self._version = version
        self._on = max_bytes > 0
        self._lock = threading.Lock()
        self._seen: tuple[float, Version] | None = None
        metrics.before_render(lambda: metrics.memory_bytes.set(self._memory.bytes))

    def ask(self, ticket: Ticket) -> Checked | None:
        """The whole answer, or None; then `ticket` has what is known of it."""
        if not self._on or ticket.question is None or ticket.question.owner is None:
            return None
        key = _key(hashlib.sha256(ticket.data).hexdigest(), ticket.question, ticket.engine)
        known = self._memory.get(key)
        with contextlib.suppress(IndexesError):  # the database is away: whoever stores the result will say so
            ticket.version = self._recent() if known is None else self._now()
        if known is None or ticket.version is None:
            self._count("new")
            return None
        ticket.embedded = known.embedding
        if known.version != ticket.version:
            self._count("vectors")
            return None
        self._count("result")
        if known.result.matches or self._wants_pixels():
            ticket.result = known.result
            return None
        picture = Picture(np.zeros((0, 0, 3), np.uint8), known.width, known.height, known.format, key[0])
        engine = ticket.engine
        return Checked(picture, known.result, known.embedding, engine.space, engine.calibration, remembered=True)

    def keep(self, checked: Checked, ticket: Ticket) -> None:
        """Remember what was found for `ticket`, at the generation that was searched."""
        if ticket.version is None or ticket.question is None or ticket.result is not None:
            return
        if not checked.result.complete:  # a reference could not be read, which says nothing of the next time
            return
        picture, version = checked.picture, Version(checked.result.generation, ticket.version.standing)
        size = picture.width, picture.height, picture.format
        entry = Remembered(*size, checked.embedding, checked.result, version)
        self._memory.put(_key(picture.sha256, ticket.question, ticket.engine), entry)

    def _recent(self) -> Version:
        """The version, as it was at most a moment ago."""
        with self._lock:
            if self._seen is not None and time.monotonic() - self._seen[0] < _FRESH_SECONDS:
                return self._seen[1]
        return self._now()

    def _now(self) -> Version:
        at, version = time.monotonic(), self._version()
        with self._lock:
            self._seen = at, version
        return version

    def _count(self, what: str) -> None:
        self._metrics.remembered.labels(what).inc()


def _key(sha256: str, question: Question, engine: Engine) -> Key:
    return sha256, engine.space.id, engine.calibration, question
