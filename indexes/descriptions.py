"""What verification needs of a reference, made from its picture once and kept while there is room.

Place in the flow: `indexes.search` asks here for each candidate's description; the picture's bytes come from
`indexes.blobs`. A picture that cannot be read is reported and passed over, so one lost blob never fails a listing.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from indexes.blobs import BlobStore
from indexes.catalog import Reference
from indexes.errors import BlobMissing, StorageFailed
from vision.embedding import Pixels
from vision.errors import ImageError
from vision.images import DecodeLimits, decode

_LOG = logging.getLogger("brandwarden.descriptions")
_SIDE = 512  # verification looks at 256 pixels of a photo and 96 of a mark


class Sized(Protocol):
    """A description knows what it weighs."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


D = TypeVar("D", bound=Sized)


class Descriptions(Generic[D]):
    """Descriptions of reference pictures of one kind, by SHA-256, the least recently used leaving first.

    At most `max_bytes` are kept. `describe` turns pixels into a description and must be safe in several threads.
    `on_skipped` is told why a picture could not be described.
    """

    def __init__(
        self,
        blobs: BlobStore,
        describe: Callable[[Pixels], D],
        *,
        max_bytes: int,
        limits: DecodeLimits,
        on_skipped: Callable[[str], None] | None = None,
    ) -> None:
        self._blobs = blobs
        self._describe = describe
        self._max_bytes = max_bytes
        self._limits = limits
        self._on_skipped = on_skipped
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, D] = OrderedDict()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def of(self, reference: Reference) -> D | None:
        """The reference's description, or None when its picture cannot be read."""
        return self.of_picture(reference.sha256, reference.id)

    def of_picture(self, sha256: str, name: str) -> D | None:
        """The description of a stored picture, or None when it cannot be read; `name` is for the log."""
        with self._lock:
            known = self._kept.get(sha256)
            if known is not None:
                self._kept.move_to_end(sha256)
                return known
        made = self._make(sha256, name)
        if made is not None:
            self._keep(sha256, made)
        return made

    def _make(self, sha256: str, name: str) -> D | None:
        try:
            picture = decode(self._blobs.get(sha256), limits=self._limits, side=_SIDE)
        except (BlobMissing, StorageFailed, ImageError) as error:
            _LOG.warning("%s is passed over: %s", name, error)
            if self._on_skipped is not None:
                self._on_skipped(type(error).__name__)
            return None
        return self._describe(picture.pixels)

    def _keep(self, sha256: str, made: D) -> None:
        with self._lock:
            if sha256 in self._kept:
                return
            self._kept[sha256] = made
            self._bytes += made.nbytes
            while self._bytes > self._max_bytes and self._kept:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.nbytes
