"""Which pictures in the blob store are still needed, and removing those that are not.

Place in the flow: around every write of a row that names a picture, and after every erasure. A blob is put before
the row that names it; between the two a concurrent erasure of the same bytes must not take it away, hence the pins.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from indexes.blobs import BlobStore
from indexes.errors import BlobMissing

_AT_ONCE = 16
"""Pictures held in memory while they are removed, and names in one query."""


class PictureKeeper:
    """Puts and removes pictures that several rows may share. Safe among threads, and among processes on one store.

    `in_use` tells which of the given SHA-256 some row names, `forget` removes what was derived from a picture.
    """

    def __init__(
        self,
        blobs: BlobStore,
        in_use: Callable[[Collection[str]], frozenset[str]],
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._blobs, self._in_use, self._forget = blobs, in_use, forget
        self._lock = threading.Lock()
        self._pins: Counter[str] = Counter()
        self._owed: set[str] = set()

    @contextlib.contextmanager
    def keep(self, pictures: dict[str, bytes]) -> Iterator[None]:
        """Store `pictures` (by SHA-256) durably, and hold off their removal until the block has written its rows.

        When the block fails, pictures that no row names are removed again.
        """
        with self._lock:
            self._pins.update(list(pictures))
        try:
            for data in pictures.values():
                self._blobs.put(data)
            yield
            for sha256, data in pictures.items():
                if not self._blobs.exists(sha256):  # another process removed it before the row was there
                    self._blobs.put(data)
        except BaseException:
            self._unpin(pictures)
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self.release(pictures)
            raise
        self._unpin(pictures)

    def release(self, sha256s: Collection[str]) -> int:
        """Remove those pictures that no row names and nobody is about to name; returns how many went.

        Where the store or the database refuses, what is left is remembered for `settle`.
        """
        left, gone = sorted(sha256s), 0
        while left:
            try:
                gone += self._release(left[:_AT_ONCE])
            except BaseException:
                with self._lock:
                    self._owed.update(left)
                raise
            left = left[_AT_ONCE:]
        return gone

    def settle(self) -> int:
        """Remove what could not be removed when it was asked; returns how many went."""
        with self._lock:
            owed, self._owed = self._owed, set()
        return self.release(owed)

    def _release(self, sha256s: Collection[str]) -> int:
        with self._lock:
            unpinned = {sha256 for sha256 in sha256s if not self._pins[sha256]}
            gone = self._remove(unpinned - self._in_use(unpinned))
            # Another process, whose pins are not ours, may have named one since: that one is put back.
            named = self._in_use(gone.keys()) if gone else frozenset()
            for sha256 in named:
                self._blobs.put(gone[sha256])
        return len(gone) - len(named)

    def _remove(self, sha256s: Collection[str]) -> dict[str, bytes]:
        removed = {}
        for sha256 in sha256s:
            with contextlib.suppress(BlobMissing):  # not there, or damaged: there is nothing to put back, and it goes
                removed[sha256] = self._blobs.get(sha256)
            self._blobs.delete(sha256)
            self._forget(sha256)  # last: who derives something afterwards sees that the picture is gone
        return removed

    def _unpin(self, sha256s: Collection[str]) -> None:
        with self._lock:
            self._pins.subtract(list(sha256s))
            self._pins += Counter()  # drops those at zero
