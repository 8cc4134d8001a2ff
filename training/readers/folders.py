"""Class folders: `<root>/<label>/<picture>`, or `<root>/<split>/<label>/<picture>`.

A first level of which every folder is named like a split (`train`, `val`, `validation`, `dev`, `test`) is the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.readers.items import Item, Row, RowError

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
SPLITS: Final = frozenset({"train", "val", "validation", "dev", "test"})


class FolderReader:
    """Pictures below `root`; the label of `root/shoes/nike/1.jpg` is `shoes/nike`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def rows(self) -> Iterator[Row]:
        """In the order of their paths; files that are no pictures by their ending are passed over."""
        top = [path.name for path in self._root.iterdir() if path.is_dir()]
        has_splits = bool(top) and set(top) <= SPLITS
        for path in sorted(self._root.rglob("*")):
            if path.suffix.lower() in PICTURES and path.is_file():
                yield self._row(path, has_splits=has_splits)

    def _row(self, path: Path, *, has_splits: bool) -> Row:
        relative = path.relative_to(self._root)
        folders = relative.parts[:-1]
        split, classes = (folders[0], folders[1:]) if has_splits else ("", folders)
        try:
            return Item(relative.as_posix(), path.read_bytes(), label="/".join(classes), split=split)
        except OSError as error:
            return RowError(relative.as_posix(), f"cannot be read ({error.strerror}); check its permissions")
