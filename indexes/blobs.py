"""Picture bytes by their SHA-256, in a folder or a bucket (fsspec).

Place in the flow: a picture is put here, and is on disk, before any SQL row names it; so a crash leaves at worst a
blob nobody names, never a row without its picture. Does not know what the bytes mean or who may see them.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from indexes.errors import BlobMissing, StorageFailed

_SHA256 = re.compile(r"[0-9a-f]{64}")


class _Store(Protocol):
    def write(self, name: str, data: bytes) -> None: ...
    def read(self, name: str) -> bytes: ...
    def size(self, name: str) -> int | None: ...
    def delete(self, name: str) -> None: ...


class BlobStore:
    """Content-addressed bytes under an fsspec URL such as `file:///var/lib/brandwarden/blobs` or `s3://bucket/prefix`.

    `options` go to the fsspec filesystem (`endpoint_url`, …). Safe to use from several threads and processes.
    """

    def __init__(self, url: str, **options: Any) -> None:
        if url.startswith("s3:"):
            options.setdefault("use_listings_cache", False)  # another process's blob must be seen at once
        filesystem, root = fsspec.core.url_to_fs(url, **options)
        local = isinstance(filesystem, LocalFileSystem)
        self._store: _Store = _Folder(Path(root)) if local else _Bucket(filesystem, root.rstrip("/"))

    def put(self, data: bytes) -> str:
        """Store `data` durably and return its SHA-256 in hex; storing the same bytes again changes nothing.

        `StorageFailed` when the disk or bucket refuses; then nothing under that name was changed.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.write(_name(sha256), data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes; `BlobMissing` when there are none, or when they are no longer what their name says."""
        data = self._store.read(_name(sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BlobMissing(f"The picture {sha256} is damaged in the store; restore it from a backup.")
        return data

    def size(self, sha256: str) -> int:
        """Number of bytes; `BlobMissing` when there are none."""
        size = self._store.size(_name(sha256))
        if size is None:
            raise _missing(_name(sha256))
        return size

    def exists(self, sha256: str) -> bool:
        """Whether the store holds it."""
        return self._store.size(_name(sha256)) is not None

    def delete(self, sha256: str) -> None:
        """Remove it if it is there. The caller knows that no row names it any more."""
        self._store.delete(_name(sha256))


class _Folder:
    """A local folder: temporary file, fsync, rename, fsync of the directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, data: bytes) -> None:
        path = self._root / name
        try:
            _make_directory(path.parent)
            if self.size(name) != len(data):
                _write_durably(path, data)
            _sync_directory(path.parent)
        except OSError as error:
            raise StorageFailed(
                f"The picture store at {self._root} refused a write ({error.strerror or error}); "
                "free or remount its disk, then send again."
            ) from error

    def read(self, name: str) -> bytes:
        try:
            return (self._root / name).read_bytes()
        except OSError as error:
            raise _missing(name) from error

    def size(self, name: str) -> int | None:
        try:
            return (self._root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, name: str) -> None:
        path = self._root / name
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise StorageFailed(f"The picture store at {self._root} refused a delete ({error.strerror}).") from error


class _Bucket:
    """Any other fsspec filesystem, where a put is atomic and durable when it returns."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root

    def write(self, name: str, data: bytes) -> None:
        try:
            if self.size(name) != len(data):
                self._filesystem.pipe_file(f"{self._root}/{name}", data)
        except Exception as error:  # every backend raises from its own tree
            raise StorageFailed(
                f"The picture store {self._root} refused a write ({type(error).__name__}); "
                "check the bucket and its credentials, then send again."
            ) from error

    def read(self, name: str) -> bytes:
        try:
            data: bytes = self._filesystem.cat_file(f"{self._root}/{name}")
        except FileNotFoundError as error:
            raise _missing(name) from error
        except Exception as error:  # every backend raises from its own tree
            raise StorageFailed(f"The picture store {self._root} cannot be read ({type(error).__name__}).") from error
        return data

    def size(self, name: str) -> int | None:
        try:
            size: int = self._filesystem.info(f"{self._root}/{name}")["size"]
        except FileNotFoundError:
            return None
        except Exception as error:  # every backend raises from its own tree
            raise StorageFailed(f"The picture store {self._root} cannot be read ({type(error).__name__}).") from error
        return size

    def delete(self, name: str) -> None:
        try:
            self._filesystem.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:  # every backend raises from its own tree
            raise StorageFailed(f"The picture store {self._root} refused a delete ({type(error).__name__}).") from error


def _name(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise BlobMissing("A picture is named by 64 hexadecimal digits.")
    return f"{sha256[:2]}/{sha256}"


def _missing(name: str) -> BlobMissing:
    return BlobMissing(f"The picture {name.rsplit('/', 1)[-1]} is not in the store; restore it from a backup.")


def _write_durably(path: Path, data: bytes) -> None:
    """Write beside `path` and rename. After a failed fsync the temporary file is given up, never synced again."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _make_directory(path: Path) -> None:
    """Make `path` and its missing parents, each one's entry on disk."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(exist_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
