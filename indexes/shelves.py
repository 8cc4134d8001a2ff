"""What was derived from pictures, kept in local files so that it is made once: by SHA-256, within a number of bytes.

Place in the flow: `indexes.descriptions` looks here before it describes a picture. Never the truth: whatever is
missing, damaged or of another version is made again from the picture, and a disk that is full or cannot be written
costs time only. Several processes and threads may share the folder. It does not know what the bytes mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

_LOG = logging.getLogger("brandwarden.shelves")

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SHELF: Final = re.compile(r"[a-z]+-[0-9a-f]{16}")
_DIGEST: Final = 16
_MOST: Final = 4 << 20
"""Bytes of the largest file that is read; nothing that is written comes near it."""
_SPARE: Final = 512 << 20
"""Bytes of the disk that are left free for what cannot be made again."""
_LOW: Final = 0.9
"""Share of the room that is left taken when some of it has to be made free."""
_FULL: Final = 0.97
_REST: Final = 60.0  # seconds in which nothing is described ahead, or written, after the disk refused
_FRESH: Final = 3600.0  # seconds for which a file that was read counts as just read
_ABANDONED: Final = 86_400.0  # seconds after which another version, or an unfinished file, is nobody's
_AT_ONCE: Final = 500

InUse = Callable[[Collection[str]], frozenset[str]]
"""Which of these SHA-256 some row names."""


class Shelves:
    """All shelves of one folder, which share `max_bytes`. Thread-safe."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._bytes = 0
        self._resting = 0.0
        self._cramped = False
        self._current: set[str] = set()

    @property
    def nbytes(self) -> int:
        """Bytes on the disk, as far as this process knows: all at the last `tidy`, and what it wrote since."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether it is time for a `tidy`."""
        return self._bytes > _FULL * self._max_bytes

    @property
    def roomy(self) -> bool:
        """Whether there is room for what nobody asked for yet; what is made for it pushes nothing out."""
        room = self._bytes < _LOW * self._max_bytes and not self._cramped
        return room and time.monotonic() >= self._resting

    def shelf(self, name: str, version: str) -> Shelf:
        """The shelf `name` (small letters) of things made in the way `version`; those of other ways are not on it."""
        named = f"{name}-{hashlib.sha256(version.encode()).hexdigest()[:16]}"
        self._current.add(named)
        return Shelf(self, self._folder / named)

    def drop(self, sha256: str) -> None:
        """Remove what any version made of a picture: it is being erased."""
        for shelf in self._all():
            with contextlib.suppress(OSError):
                _path(shelf, sha256).unlink()

    def tidy(self, in_use: InUse) -> None:
        """Remove what no row names and what other versions left; while there is too much, what was not read longest."""
        for shelf in self._all():
            with contextlib.suppress(OSError):
                if shelf.name in self._current:
                    os.utime(shelf)
                elif time.time() - shelf.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(shelf, ignore_errors=True)
        left = sum(self._sifted(shelf, in_use) for shelf in self._all())
        if left > self._max_bytes * _LOW:
            left = self._make_room(left)
        with self._lock:
            self._bytes, self._cramped = left, False

    def note(self, written: int) -> bool:
        """Whether `written` more bytes may be written now; then they are counted."""
        with self._lock:
            fits = self._bytes + written <= self._max_bytes
            self._cramped |= not fits
            if not fits or time.monotonic() < self._resting:
                return False
            self._bytes += written
        return True

    def rest(self, why: str) -> None:
        """The disk refused, or has no room to spare."""
        with self._lock:
            self._resting = time.monotonic() + _REST
        _LOG.warning("%s takes no files (%s); pictures are described anew meanwhile", self._folder, why)

    def _all(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if _SHELF.fullmatch(path.name)]
        except OSError:
            return []

    def _sifted(self, shelf: Path, in_use: InUse) -> int:
        """Bytes of the shelf, after what no row names was removed."""
        left = 0
        files = _files(shelf)
        while some := list(islice(files, _AT_ONCE)):
            named = in_use({file.name for file in some})
            for file in some:
                if file.name in named:
                    left += _size(file)
                else:
                    _unlink(file)
        return left

    def _make_room(self, left: int) -> int:
        """Remove other versions' files and those read longest ago; returns what is left of `left` bytes."""
        found = []
        for shelf in self._all():
            for file in _files(shelf):
                with contextlib.suppress(OSError):
                    known = file.stat(follow_symlinks=False)
                    found.append((shelf.name in self._current, known.st_mtime, known.st_size, file.path))
        for _, _, size, path in sorted(found):
            if left <= self._max_bytes * _LOW:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
                left -= size
        return left


class Shelf:
    """The files of one version. `Shelves.shelf` makes it."""

    def __init__(self, shelves: Shelves, folder: Path) -> None:
        self._shelves, self._folder = shelves, folder

    def has(self, sha256: str) -> bool:
        """Whether there is a file, whatever is in it."""
        return _path(self._folder, sha256).is_file()

    def read(self, sha256: str) -> bytes | None:
        """What was written for this picture; None where there is nothing, or nothing whole."""
        path = _path(self._folder, sha256)
        try:
            content = _read(path)
        except OSError:
            return None
        data = content[_DIGEST:]
        if content[:_DIGEST] == self._digest(sha256, data):
            return data
        self.discard(sha256)
        return None

    def write(self, sha256: str, data: bytes) -> None:
        """Keep `data`, made of this picture, where there is room."""
        path = _path(self._folder, sha256)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        try:
            if _free(self._shelves_folder) < _SPARE:
                self._shelves.rest(f"its disk has less than {_SPARE >> 20} MiB left")
                return
            if not self._shelves.note(_DIGEST + len(data)):
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:  # not synced: what a crash leaves behind fails its digest
                    file.write(self._digest(sha256, data))
                    file.write(data)
                temporary.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
        except OSError as error:
            self._shelves.rest(error.strerror or str(error))

    def discard(self, sha256: str) -> None:
        """Remove what is kept of this picture."""
        with contextlib.suppress(OSError):
            _path(self._folder, sha256).unlink()

    @property
    def _shelves_folder(self) -> Path:
        return self._folder.parent

    def _digest(self, sha256: str, data: bytes) -> bytes:
        """Of the content and of what it is of: a file under another's name is as damaged as a torn one."""
        digest = hashlib.blake2b(f"{self._folder.name}/{sha256}\n".encode(), digest_size=_DIGEST)
        digest.update(data)
        return digest.digest()


def _path(shelf: Path, sha256: str) -> Path:
    if not _SHA256.fullmatch(sha256):
        raise ValueError("a picture is named by 64 hexadecimal digits")
    return shelf / sha256[:2] / sha256


def _read(path: Path) -> bytes:
    """The whole of a regular file; `OSError` where it is anything else, or too large."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode) or known.st_size > _MOST:
            raise OSError(f"{path} is no file of ours")
        if time.time() - known.st_mtime > _FRESH:
            with contextlib.suppress(OSError):  # a disk that cannot be written forgets what was used, no more
                os.utime(descriptor)
        return file.read(_MOST)


def _files(shelf: Path) -> Iterator[os.DirEntry[str]]:
    """The files of a shelf. What a killed process left half written is removed on the way."""
    for folder in _entries(shelf):
        for file in _entries(folder) if folder.is_dir(follow_symlinks=False) else ():
            if _SHA256.fullmatch(file.name):
                yield file
            elif _old(file):
                _unlink(file)


def _entries(folder: Path | os.DirEntry[str]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def _old(file: os.DirEntry[str]) -> bool:
    try:
        return time.time() - file.stat(follow_symlinks=False).st_mtime > _ABANDONED
    except OSError:
        return False


def _unlink(file: os.DirEntry[str]) -> None:
    with contextlib.suppress(OSError):
        Path(file).unlink()


def _free(folder: Path) -> int:
    """Free bytes of the disk that `folder`, or the nearest of its parents that is there, is on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    known = os.statvfs(folder)
    return known.f_bavail * known.f_frsize
