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


class PictureKeeper:
    """Puts and removes pictures that several rows may share. Thread-safe within one process.

    `in_use` tells which of the given SHA-256 some row names.
    """

    def __init__(self, blobs: BlobStore, in_use: Callable[[Collection[str]], frozenset[str]]) -> None:
        self._blobs, self._in_use = blobs, in_use
        self._lock = threading.Lock()
        self._pins: Counter[str] = Counter()

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
        except BaseException:
            self._unpin(pictures)
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self.release(pictures)
            raise
        self._unpin(pictures)

    def release(self, sha256s: Collection[str]) -> int:
        """Remove those pictures that no row names and nobody is about to name; returns how many went."""
        if not sha256s:
            return 0
        with self._lock:
            unpinned = {sha256 for sha256 in sha256s if not self._pins[sha256]}
            gone = unpinned - self._in_use(unpinned)
            for sha256 in gone:
                self._blobs.delete(sha256)
        return len(gone)

    def _unpin(self, sha256s: Collection[str]) -> None:
        with self._lock:
            self._pins.subtract(list(sha256s))
            self._pins += Counter()  # drops those at zero
