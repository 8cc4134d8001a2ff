"""Descriptions of references on the disk: which there are, and making those that nobody asked for yet.

Place in the flow: `indexes.search` keeps what it describes on the shelves opened here. A reference is described when
it is first a candidate or, before that, in a moment in which no picture is judged: an import costs its embedding only,
and a listing that comes later finds the description there. Nothing is lost when this stops at any point.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from indexes.blobs import BlobStore
from indexes.catalog import Catalog
from indexes.descriptions import Descriptions, Kept
from indexes.errors import StorageFailed
from indexes.shelves import InUse, Shelves
from service.metrics import Metrics
from service.retention import pictures_in_use
from vision.embedding import Kind
from vision.images import VETTED
from vision.verification import LogoTemplate, LogoVerifier, PhotoDescription, PhotoVerifier
from vision.verification.packing import MarkPacking, PhotoPacking

if TYPE_CHECKING:  # the runtime has this put together
    from service.runtime import Runtime

_LOG = logging.getLogger("brandwarden.describing")
_STRETCH: Final = 2.0  # seconds at a time
_PAUSE: Final = 60.0  # seconds, after the picture store refused
_PAGE: Final = 200


def kept_photos(shelves: Shelves, metrics: Metrics | None = None) -> Kept[PhotoDescription]:
    """Photos on the shelves; `metrics` count where each was found."""
    return Kept(shelves, "photo", PhotoPacking(), _teller(metrics, "photo"))


def kept_marks(shelves: Shelves, metrics: Metrics | None = None) -> Kept[LogoTemplate]:
    """Marks on the shelves; `metrics` count where each was found."""
    return Kept(shelves, "mark", MarkPacking(), _teller(metrics, "logo"))


def _teller(metrics: Metrics | None, kind: Kind) -> Callable[[str], None]:
    return (lambda _: None) if metrics is None else partial(metrics.observe_description, kind)


def open_describing(runtime: Runtime) -> Describing:
    """What an open runtime describes ahead."""
    return Describing(
        runtime.settings.descriptions_dir,
        runtime.shelves,
        runtime.catalog,
        runtime.blobs,
        busy=lambda: runtime.pipeline.inside > 0,  # a lone picture would wait for its core as well
        in_use=pictures_in_use(runtime.database),
    )


class Describing:
    """Describes active references in the order of their keys. `busy` says whether anybody waits for a picture.

    One process at a time does so in one folder. What gets another picture is described when it is first looked at.
    """

    def __init__(
        self,
        folder: Path,
        shelves: Shelves,
        catalog: Catalog,
        blobs: BlobStore,
        *,
        busy: Callable[[], bool],
        in_use: InUse,
    ) -> None:
        self._folder, self._shelves, self._catalog, self._busy, self._in_use = folder, shelves, catalog, busy, in_use
        self._photos = Descriptions(blobs, PhotoVerifier().enrol, max_bytes=0, limits=VETTED, kept=kept_photos(shelves))
        self._marks = Descriptions(blobs, LogoVerifier().enrol, max_bytes=0, limits=VETTED, kept=kept_marks(shelves))
        self._after = 0
        self._paused = 0.0
        self._closed = False

    def go_on(self) -> int:
        """Make what is missing until somebody waits, for two seconds at most; returns how many were made."""
        if self._shelves.full:
            self._shelves.tidy(self._in_use)
        until, made = time.monotonic() + _STRETCH, 0
        with self._held() as held:
            for pk, kind, sha256 in self._following() if held else ():
                if self._resting() or time.monotonic() > until:
                    break
                made += self._keep(kind, sha256)
                self._after = pk
        return made

    def close(self) -> None:
        """End with the picture that is under way."""
        self._closed = True

    def _following(self) -> Iterator[tuple[int, Kind, str]]:
        while not self._resting() and (page := self._catalog.pictures(self._after, _PAGE)):
            yield from page

    def _resting(self) -> bool:
        late = time.monotonic() < self._paused
        return self._closed or late or self._busy() or not self._shelves.roomy

    def _keep(self, kind: Kind, sha256: str) -> bool:
        descriptions: Descriptions[PhotoDescription] | Descriptions[LogoTemplate]
        descriptions = self._photos if kind == "photo" else self._marks
        try:
            return descriptions.keep(sha256)
        except StorageFailed as error:  # the store is away, or has this one out of reach: the others are not held up
            self._paused = time.monotonic() + _PAUSE
            _LOG.warning("references are described ahead again in %g s: %s", _PAUSE, error)
            return False
        except Exception as error:  # noqa: BLE001  # whoever needs this one is told; the others go on
            _LOG.info("the picture %s is not described ahead: %s", sha256, error)
            return False

    @contextlib.contextmanager
    def _held(self) -> Iterator[bool]:
        """Whether this process may work in the folder; while the block runs no other does."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "describing.lock").open("ab")
        except OSError:
            yield False
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
