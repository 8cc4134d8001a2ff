"""What verification needs of a reference, made from its picture once: kept in memory while there is room, and on disk.

Place in the flow: `indexes.search` asks here for each candidate's description; the picture's bytes come from
`indexes.blobs`, what was made of them before from `indexes.shelves`. A picture that cannot be read is reported and
passed over, so one lost blob never fails a listing.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, Literal, Protocol, TypeVar

from indexes.blobs import BlobStore
from indexes.catalog import Reference
from indexes.errors import BlobMissing, StorageFailed
from indexes.shelves import Shelf, Shelves
from vision.embedding import Pixels
from vision.errors import ImageError
from vision.images import DecodeLimits, decode

_LOG = logging.getLogger("brandwarden.descriptions")
_SIDE: Final = 512  # verification looks at 256 pixels of a photo and 96 of a mark
_UNREADABLE: Final = (BlobMissing, StorageFailed, ImageError)


class Sized(Protocol):
    """A description knows what it weighs, which may grow with use."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


D = TypeVar("D", bound=Sized)
A = TypeVar("A")
Source = Literal["memory", "disk", "made"]


class Packing(Protocol[D]):
    """How descriptions become bytes: `vision.verification.packing`."""

    @property
    def version(self) -> str:
        """Changes with whatever the bytes depend on."""
        ...

    def pack(self, described: D) -> bytes:
        """A description as bytes."""
        ...

    def unpack(self, data: bytes, look: Callable[[], Pixels]) -> D:
        """The same description; `ValueError` where `data` is none. `look` reads the picture if it is needed."""
        ...


class Kept(Generic[D]):
    """Descriptions of one kind on a shelf. `on_found` is told for each that is asked for where it was."""

    def __init__(
        self, shelves: Shelves, name: str, packing: Packing[D], on_found: Callable[[Source], None] = lambda _: None
    ) -> None:
        self.shelf: Final[Shelf] = shelves.shelf(name, f"{packing.version} {_SIDE}")
        self.packing: Final = packing
        self.on_found: Final = on_found


class Descriptions(Generic[D]):
    """Descriptions of reference pictures of one kind, by SHA-256, the least recently used leaving memory first.

    At most `max_bytes` are held in memory. `describe` turns pixels into a description and must be safe in several
    threads. With `kept` what was made is on disk as well. `on_skipped` is told why a picture could not be described.
    """

    def __init__(
        self,
        blobs: BlobStore,
        describe: Callable[[Pixels], D],
        *,
        max_bytes: int,
        limits: DecodeLimits,
        kept: Kept[D] | None = None,
        on_skipped: Callable[[str], None] | None = None,
    ) -> None:
        self._blobs = blobs
        self._describe = describe
        self._max_bytes = max_bytes
        self._limits = limits
        self._disk = kept
        self._on_skipped = on_skipped
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[D, int]] = OrderedDict()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes held in memory now, as far as they were weighed."""
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
        if known is not None:
            self._tell("memory")
            return known[0]
        found = self._read(sha256)
        if found is not None:
            self._tell("disk")
            self._hold(sha256, found)
            return found
        try:
            made = self._make(sha256)
        except _UNREADABLE as error:
            self._skip(name, error)
            return None
        self._tell("made")
        self._hold(sha256, made)
        return made

    def compared(self, reference: Reference, ask: Callable[[D], A | None]) -> A | None:
        """What `ask` says of the reference's description, or None when its picture cannot be read."""
        return self.compared_picture(reference.sha256, reference.id, ask)

    def compared_picture(self, sha256: str, name: str, ask: Callable[[D], A | None]) -> A | None:
        """What `ask` says of the description of a stored picture, or None when the picture cannot be read."""
        described = self.of_picture(sha256, name)
        if described is None:
            return None
        try:
            answer = ask(described)
        except _UNREADABLE as error:  # the description was on disk, and its picture is not any more
            self._skip(name, error)
            return None
        self._hold(sha256, described)  # which may have grown
        return answer

    def keep(self, sha256: str) -> bool:
        """Have the description of a stored picture on disk, whether or not anybody asks for it; whether it was made.

        Memory is left to those that are asked for. Whatever reading the picture raises.
        """
        if self._disk is None or self._disk.shelf.has(sha256):
            return False
        self._make(sha256)
        return True

    def _read(self, sha256: str) -> D | None:
        """What is on disk, where it can be used."""
        if self._disk is None or (data := self._disk.shelf.read(sha256)) is None:
            return None
        try:
            return self._disk.packing.unpack(data, lambda: self._look(sha256))
        except ValueError as error:
            _LOG.warning("the description of %s is made again: %s", sha256, error)
            self._disk.shelf.discard(sha256)
            return None

    def _look(self, sha256: str) -> Pixels:
        return decode(self._blobs.get(sha256), limits=self._limits, side=_SIDE).pixels

    def _make(self, sha256: str) -> D:
        made = self._describe(self._look(sha256))
        if self._disk is None:
            return made
        data = self._disk.packing.pack(made)
        self._disk.shelf.write(sha256, data)
        if not self._blobs.exists(sha256):  # erased meanwhile, by somebody who found nothing here to remove
            self._disk.shelf.discard(sha256)
        return self._disk.packing.unpack(data, lambda: self._look(sha256))  # which is less to hold

    def _tell(self, source: Source) -> None:
        if self._disk is not None:
            self._disk.on_found(source)

    def _skip(self, name: str, error: Exception) -> None:
        _LOG.warning("%s is passed over: %s", name, error)
        if self._on_skipped is not None:
            self._on_skipped(type(error).__name__)

    def _hold(self, sha256: str, described: D) -> None:
        """Hold it as the one used last, weighed anew."""
        weight = described.nbytes
        with self._lock:
            _, before = self._kept.pop(sha256, (described, 0))
            self._kept[sha256] = described, weight
            self._bytes += weight - before
            while self._bytes > self._max_bytes and self._kept:
                _, (_, lighter) = self._kept.popitem(last=False)
                self._bytes -= lighter
