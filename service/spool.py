"""The spool: where uploaded files wait while a request is read, in `data_dir/spool`.

Small files stay in memory. Larger ones go to files named by us, never by the sender, inside a directory that belongs
to this process alone and is held by a file lock; what a killed process left behind is removed when the next one
starts. The bytes on disk are bounded for all requests together. It knows nothing of HTTP.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO

from indexes.errors import StorageFailed
from service.errors import Overloaded

MEMORY_BYTES = 1 << 20
"""Files up to this size never touch the disk."""


class Spool:
    """This process's directory inside `folder`; `max_bytes` bounds what all its files take on disk."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._used = 0
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "start.lock").open("ab") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)  # nobody takes a directory for abandoned while it is being made
                _remove_abandoned(folder)
                self.folder = folder / secrets.token_hex(8)
                self.folder.mkdir()
                self._held = _hold(self.folder)

    def new_file(self) -> SpooledFile:
        """An empty file to write to."""
        return SpooledFile(self)

    def reserve(self, size: int) -> None:
        """Count `size` more bytes on disk; `Overloaded` when the spool is full."""
        with self._lock:
            if self._used + size > self.max_bytes:
                raise Overloaded("Too many large uploads are under way; send this one again later.", retry_after=30)
            self._used += size

    def release(self, size: int) -> None:
        """`size` bytes are off the disk, or are somebody else's now."""
        with self._lock:
            self._used -= size

    def close(self) -> None:
        """Remove this process's directory."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._held is not None:
            self._held.close()
            self._held = None


class SpooledFile:
    """One uploaded file: written once, hashed on the way, then read or kept."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._memory = bytearray()
        self._path: Path | None = None
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Hex digest of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Append; `StorageFailed` when the disk refuses, `Overloaded` when the spool is full."""
        self._hash.update(data)
        self.size += len(data)
        if self._file is None and self.size <= MEMORY_BYTES:
            self._memory += data
            return
        with disk_errors():
            if self._file is None:
                self._spill()
            self._append(data)

    def finish(self) -> None:
        """No more bytes will come."""
        if self._file is not None:
            with disk_errors():
                self._file.close()
            self._file = None

    def read(self) -> bytes:
        """Everything, in memory."""
        return bytes(self._memory) if self._path is None else self._path.read_bytes()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """A seekable reader."""
        if self._path is None:
            yield BytesIO(self._memory)
            return
        with self._path.open("rb") as file:
            yield file

    def keep(self, target: Path) -> None:
        """Move the file to `target`, on the same file system as the spool; it is on disk when this returns."""
        with disk_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._path is None:
                self._path = self._new_path()
                self._path.write_bytes(self._memory)
                self._spool.reserve(self.size)
            _sync(self._path)
            self._path.rename(target)
            _sync(target.parent)
        self._path = None
        self._spool.release(self.size)

    def discard(self) -> None:
        """Drop the bytes, wherever they are."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            reserved = self._path.stat().st_size if self._path.exists() else 0
            self._path.unlink(missing_ok=True)
            self._path = None
            self._spool.release(reserved)
        self._memory.clear()

    def _new_path(self) -> Path:
        return self._spool.folder / secrets.token_hex(12)

    def _spill(self) -> None:
        self._path = self._new_path()
        self._file = self._path.open("xb", buffering=0)
        self._append(bytes(self._memory))
        self._memory = bytearray()

    def _append(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError("the file is finished")
        self._spool.reserve(len(data))
        written = 0
        try:
            while written < len(data):
                written += self._file.write(memoryview(data)[written:])
        except OSError:
            self._spool.release(len(data) - written)
            raise


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the file system refuses into `StorageFailed`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The data directory could not be written ({error.strerror}); free or remount its disk, then send again."
        ) from error


def _hold(folder: Path) -> IO[bytes] | None:
    """Lock `folder` for as long as the returned file is open; None when another process holds it."""
    file = (folder / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _remove_abandoned(folder: Path) -> None:
    for child in filter(Path.is_dir, folder.iterdir()):
        held = _hold(child)
        if held is not None:
            shutil.rmtree(child, ignore_errors=True)
            held.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
