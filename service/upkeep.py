"""What a runtime does by itself between requests: follow the index, write snapshots, forget what is over.

Seven threads at most. One asks twice a second whether any process committed changes to the catalogue, so that they are
searched within a second, one acts once a second on the clocks of cases that ran out; the others do slow work, which
must not hold those up: housekeeping, attending to the spaces, for which models are loaded, comparing new references,
minding brands and sellers, describing references. All survive every error: a database that is gone for a minute costs
staleness, which readiness tells, and not the process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from indexes.errors import IndexesError

_LOG = logging.getLogger("brandwarden.upkeep")
FOLLOW_SECONDS = 0.5
MAINTAIN_SECONDS = 10.0
FORGET_SECONDS = 3600.0
ATTEND_SECONDS = 1.0
DESCRIBE_SECONDS = 1.0
TICK_SECONDS = 1.0
MIND_SECONDS = 1.0
WEIGH_SECONDS = 60.0


class Follows(Protocol):
    """The index to keep in step: `indexes.gallery.Gallery`."""

    def catch_up(self) -> int:
        """Apply what was committed since; the generation reached."""
        ...

    def maintain(self, every: int) -> bool:
        """Snapshot after `every` changes; whether it did anything."""
        ...


class Upkeep:
    """The threads, from `start` to `close`.

    `forget` erases what is over, `attend` looks after the spaces, `tick` after the clocks of cases, `compare` compares
    new references with what was there before them, where `compare_every` so many seconds is not 0, `mind` after the
    pictures of sellers, `weigh` after what time does to the standing of brands and sellers, `describe` makes what
    verification will need of references.
    """

    def __init__(
        self,
        index: Follows,
        *,
        snapshot_every: int,
        forget: Callable[[], object],
        attend: Callable[[], object] = lambda: None,
        tick: Callable[[], object] = lambda: None,
        compare: Callable[[], object] = lambda: None,
        compare_every: float = 0.0,
        mind: Callable[[], object] = lambda: None,
        weigh: Callable[[], object] = lambda: None,
        describe: Callable[[], object] = lambda: None,
    ) -> None:
        self._index = index
        self._snapshot_every = snapshot_every
        self._forget = forget
        self._stopping = threading.Event()
        self._followed = time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, args=(((self._follow, FOLLOW_SECONDS),),), name="follow-index"),
            threading.Thread(
                target=self._run,
                args=(((self._maintain, MAINTAIN_SECONDS), (self._forget, FORGET_SECONDS)),),
                name="housekeeping",
            ),
            threading.Thread(target=self._run, args=(((attend, ATTEND_SECONDS),),), name="spaces"),
            threading.Thread(target=self._run, args=(((tick, TICK_SECONDS),),), name="clocks"),
            threading.Thread(target=self._run, args=(((mind, MIND_SECONDS), (weigh, WEIGH_SECONDS)),), name="trust"),
            threading.Thread(target=self._run, args=(((describe, DESCRIBE_SECONDS),),), name="describing"),
        ]
        if compare_every > 0:
            comparing = (((compare, compare_every),),)
            self._threads.append(threading.Thread(target=self._run, args=comparing, name="comparing"))

    @property
    def lag(self) -> float:
        """Seconds since the index last agreed with the database."""
        return time.monotonic() - self._followed

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; what is under way is finished."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _follow(self) -> None:
        self._index.catch_up()
        self._followed = time.monotonic()

    def _maintain(self) -> None:
        self._index.maintain(self._snapshot_every)

    def _run(self, duties: tuple[tuple[Callable[[], object], float], ...]) -> None:
        due = dict.fromkeys((duty for duty, _ in duties), 0.0)
        while not self._stopping.wait(min(period for _, period in duties)):
            for duty, period in duties:
                if time.monotonic() >= due[duty] and not self._stopping.is_set():
                    _attempt(duty)
                    due[duty] = time.monotonic() + period * 0.9


def _attempt(duty: Callable[[], object]) -> None:
    try:
        duty()
    except IndexesError as error:  # a database that is away would fill the log with traces
        _LOG.error("%s: %s", getattr(duty, "__name__", "?"), error)
    except Exception:  # noqa: BLE001  # the thread lives as long as the process, whatever one round meets
        _LOG.exception("upkeep failed and will be tried again", extra={"duty": getattr(duty, "__name__", "?")})
