"""Files that are written once and then only read: mapped into memory, and shared between snapshots by hard links.

Place in the flow: the large parts of `indexes.layered`. Whoever holds one keeps its content, also when the directory
it was opened in is gone. Mapped pages are read when they are touched and let go when many have been, so that a process
holds what it uses and not all it has ever looked at.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.embedding import Vectors

SCALE = np.float32(32_767.0)
_BLOCK = 4_096
_HELD = 2 << 30
"""Bytes that stay mapped: when more are, a file that is larger than this is let go."""
_LOOKED = 512
"""Rows that are touched before it is asked again how much is mapped: systems map up to a megabyte around each."""
_COPIED = 1 << 22


class KeptFile:
    """A file that stays readable, and can be put into other directories, as long as this object lives."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)

    def put(self, target: Path) -> None:
        """Make `target` the same file by a hard link, or a copy where there can be none."""
        try:
            # The open file has a name of its own in /proc, whatever became of the one it was opened by. A directory's
            # descriptor is what makes Python follow it; with an absolute path its value means nothing.
            opened = f"/proc/self/fd/{self.descriptor}"
            os.link(opened, target, src_dir_fd=self.descriptor, follow_symlinks=True)
        except (OSError, NotImplementedError):
            with target.open("wb") as copy:
                place = 0
                while block := os.pread(self.descriptor, _COPIED, place):
                    place += copy.write(block)


class FineVectors:
    """Unit vectors as 16-bit fixed point (inner products right to about 1e-5) in a mapped file of bare rows."""

    def __init__(self, path: Path, dim: int) -> None:
        """`ValueError` where the file does not hold whole rows."""
        self.file = KeptFile(path)
        size = path.stat().st_size
        if size % (2 * dim) or not size:
            raise ValueError(f"{path.name} has {size} bytes, which are no rows of {dim} numbers")
        self._map = mmap.mmap(self.file.descriptor, 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):  # rows are read here and there: reading ahead would read for nothing
            self._map.madvise(mmap.MADV_RANDOM)
        self._rows = np.frombuffer(self._map, "<i2").reshape(-1, dim)
        self._touched = 0

    def __len__(self) -> int:
        return len(self._rows)

    @staticmethod
    def encoded(vectors: Vectors) -> NDArray[np.int16]:
        """The rows as the file holds them, int16 `[n, d]`."""
        fixed: NDArray[np.int16] = np.rint(np.clip(vectors, -1.0, 1.0) * SCALE).astype("<i2")
        return fixed

    def products(self, rows: NDArray[np.int64], queries: Vectors) -> Vectors:
        """Inner products `[q, w]` of each query with its own `rows` `[q, w]`."""
        fine = self._rows[rows].astype(np.float32)
        self._let_go(rows.size)
        products: Vectors = np.matmul(fine, (queries / SCALE)[:, :, None])[:, :, 0]
        return products

    def all_products(self, rows: NDArray[np.int64], queries: Vectors) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """Rows, some thousand at a time, and the inner products `[q, n]` of every query with them."""
        across = np.ascontiguousarray((queries / SCALE).T)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            fine = self._rows[block].astype(np.float32)
            self._let_go(len(block))
            yield block, np.ascontiguousarray((fine @ across).T)

    def _let_go(self, touched: int) -> None:
        """Give mapped pages back now and then: they stay in the system's cache, where others may have the memory."""
        self._touched += touched
        if self._touched > _LOOKED and len(self._map) > _HELD and hasattr(mmap, "MADV_DONTNEED"):
            self._touched = 0
            if _mapped() > _HELD:
                self._map.madvise(mmap.MADV_DONTNEED)


def _mapped() -> int:
    """Bytes of files that this process has mapped in memory; where the system does not say, more than may be held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return _HELD + 1
