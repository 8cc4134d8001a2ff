"""Zip archives that strangers send: refused whole when built to harm, otherwise read entry by entry, never extracted.

`zipfile` itself guards against none of this. The central directory is bounded before it is parsed, entries may not
share bytes, sizes are counted while they are inflated rather than believed, and a name is only ever a name: nothing
is written to a path it spells. An entry that is unfit says so in `problem` and leaves the others alone. What entries
mean is `service.catalog_rows`' business.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from service.errors import ArchiveRefused, BodyTooLarge, Invalid
from service.settings import GIB, MIB

DIRECTORY_BYTES = 64 * MIB
"""The largest central directory that is read: room for 100,000 entries with long names."""
RATIO_FROM = MIB
_CHUNK = 64 * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x41  # flag bits of classic and of strong encryption
_NESTED = "Archives inside archives are not read; put its pictures into the archive itself."
_ARCHIVE_NAME = re.compile(r"\.(zip|jar|7z|rar|tar|tgz|gz|bz2|xz|zst|cab|iso)$", re.IGNORECASE)
_ARCHIVE_BYTES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ\x00")
_SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may hold. `ratio` is inflated bytes for each byte in the archive, from one MiB on."""

    entries: int = 100_000
    entry_bytes: int = 20 * MIB
    total_bytes: int = 8 * GIB
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; `problem` says why it cannot be read, if so."""

    name: str
    info: zipfile.ZipInfo
    problem: str | None


class Archive:
    """An opened, inspected archive. `entries` are its files in order, folders and system droppings left out.

    `read` may be called from several threads.
    """

    def __init__(self, archive: zipfile.ZipFile, limits: ArchiveLimits) -> None:
        self._archive = archive
        self._limits = limits
        self.entries = list(_entries(archive, limits))

    def read(self, entry: Entry, *, max_bytes: int | None = None) -> bytes:
        """The bytes of `entry`; `Invalid` or `BodyTooLarge` says why not. `max_bytes` replaces the entry limit."""
        if entry.problem is not None:
            raise Invalid(entry.problem)
        limit = self._limits.entry_bytes if max_bytes is None else max_bytes
        try:
            data = self._inflate(entry.info, limit)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise Invalid("This file is damaged inside the archive; pack it again.") from error
        if data.startswith(_ARCHIVE_BYTES):
            raise Invalid(_NESTED)
        return data

    def _inflate(self, info: zipfile.ZipInfo, limit: int) -> bytes:
        data = bytearray()
        with self._archive.open(info) as source:
            while chunk := source.read(_CHUNK):
                data += chunk
                if len(data) > limit:
                    raise BodyTooLarge(f"This file has more than {limit:,} bytes.")
                if len(data) > RATIO_FROM and len(data) > self._limits.ratio * info.compress_size:
                    raise BodyTooLarge(
                        f"This file is packed more than {self._limits.ratio} times smaller; send it plain."
                    )
        return bytes(data)


@contextmanager
def open_archive(path: Path | BinaryIO, limits: ArchiveLimits) -> Iterator[Archive]:
    """Open and inspect; `ArchiveRefused` for what is no zip or is built to harm, `BodyTooLarge` beyond the limits."""
    file = path.open("rb") if isinstance(path, Path) else path
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            _check_whole(archive, file, limits)
            yield Archive(archive, limits)
    except (zipfile.BadZipFile, struct.error, EOFError, UnicodeDecodeError, ValueError) as error:
        raise ArchiveRefused("The archive is not a zip file that can be read; pack it again.") from error
    finally:
        if isinstance(path, Path):
            file.close()


class _Bounded:
    """A file that refuses to hand out more at once than a sane central directory has."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        if size > DIRECTORY_BYTES:
            raise BodyTooLarge("The archive's directory is too large; split the archive.")
        return self._file.read(size)

    def close(self) -> None:
        """The opener closes the file."""


def _check_whole(archive: zipfile.ZipFile, file: BinaryIO, limits: ArchiveLimits) -> None:
    infos = archive.infolist()
    if len(infos) >= limits.entries:
        raise BodyTooLarge(f"The archive has {len(infos):,} entries; send fewer than {limits.entries:,} at once.")
    inflated = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if inflated > limits.total_bytes:
        raise BodyTooLarge(f"The archive unpacks to more than {limits.total_bytes:,} bytes; split it.")
    if inflated > 16 * RATIO_FROM and inflated > limits.ratio * packed:
        raise ArchiveRefused(f"The archive unpacks to more than {limits.ratio} times its size, as only a bomb does.")
    _check_overlaps(archive, file)


def _check_overlaps(archive: zipfile.ZipFile, file: BinaryIO) -> None:
    """Every entry must have its own bytes; sharing them is how a small archive inflates to petabytes."""
    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ArchiveRefused("Entries of the archive share the same bytes, as only a bomb does.")
        file.seek(info.header_offset)
        signature, name_size, extra_size = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if signature != b"PK\x03\x04":
            raise zipfile.BadZipFile("no local header")
        end = info.header_offset + _LOCAL_HEADER.size + name_size + extra_size + info.compress_size
    if end > archive.start_dir:
        raise ArchiveRefused("Entries of the archive reach into its directory, as only a bomb does.")


def _entries(archive: zipfile.ZipFile, limits: ArchiveLimits) -> Iterator[Entry]:
    seen: set[str] = set()
    for info in archive.infolist():
        parts = PurePosixPath(info.filename).parts
        if info.is_dir() or "__MACOSX" in parts or (parts and parts[-1].lower() in _SYSTEM_FILES):
            continue
        problem = _problem(info, limits)
        if problem is None and info.filename in seen:
            problem = "The archive has this name twice; the first one counts."
        seen.add(info.filename)
        yield Entry(info.filename, info, problem)


def _problem(info: zipfile.ZipInfo, limits: ArchiveLimits) -> str | None:
    """Why this entry alone is not read, from the directory alone."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_manifest = info.filename.lower().endswith(".csv")
    checks = (
        (
            not _is_plain_name(info),
            "The name is no plain relative path: absolute, with '..' or with odd characters.",
        ),
        (kind not in (0, stat.S_IFREG), "This is a link or a special file, not a picture."),
        (bool(info.flag_bits & _ENCRYPTED), "This file is encrypted; pack it without a password."),
        (info.compress_type not in _METHODS, "This file is packed by a method that is not read; use deflate or store."),
        (_ARCHIVE_NAME.search(info.filename) is not None, _NESTED),
        (
            info.file_size > limits.entry_bytes and not is_manifest,
            f"This file has more than {limits.entry_bytes:,} bytes.",
        ),
    )
    return next((sentence for applies, sentence in checks if applies), None)


def _is_plain_name(info: zipfile.ZipInfo) -> bool:
    name = info.orig_filename
    if not name.isprintable() or "\\" in name or len(name) > 1000:
        return False
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))
