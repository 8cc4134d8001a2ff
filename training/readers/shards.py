"""webdataset shards: tar files in which the members of one sample follow each other and share a name.

`0001.jpg`, `0001.cls`, `0001.txt`, `0001.json` are one sample: picture, label, text, and an object that may hold
`label`, `split`, `group` and `text`. Members are read, never unpacked onto the disk.
"""

from __future__ import annotations

import itertools
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from training.readers.folders import PICTURES
from training.readers.items import Item, Row, RowError

_MEMBER_BYTES: Final = 64 << 20
_TOLD: Final = ("label", "split", "group", "text")
_BRACES: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")


class ShardReader:
    """Shards in the order given."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def rows(self) -> Iterator[Row]:
        """In the order of the shards; one that is cut off gives what it holds and then an error."""
        for path in self._paths:
            try:
                with tarfile.open(path, "r|*") as archive:
                    yield from _samples(path.name, archive)
            except (tarfile.TarError, OSError, EOFError) as error:
                yield RowError(path.name, f"is damaged or cut off ({error}); fetch the shard again")


def shard_paths(pattern: str) -> list[Path]:
    """`data-{000..012}.tar` as its thirteen paths; a name without braces as itself."""
    braces = _BRACES.search(pattern)
    if braces is None:
        return [Path(pattern)]
    first, last = braces.groups()
    numbers = range(int(first), int(last) + 1)
    return [Path(pattern[: braces.start()] + str(n).zfill(len(first)) + pattern[braces.end() :]) for n in numbers]


def _samples(shard: str, archive: tarfile.TarFile) -> Iterator[Row]:
    files = ((_key(member), member) for member in archive if member.isfile())
    for key, members in itertools.groupby(files, key=lambda pair: pair[0][0]):
        parts: dict[str, bytes] = {}
        for (_, ending), member in members:
            content = archive.extractfile(member) if member.size <= _MEMBER_BYTES else None
            parts[ending] = content.read() if content else b""
        yield _sample(f"{shard}/{key}", parts)


def _key(member: tarfile.TarInfo) -> tuple[str, str]:
    """`a/b/0001.seg.png` is sample `a/b/0001`, part `seg.png`."""
    folder, _, name = member.name.rpartition("/")
    stem, _, ending = name.partition(".")
    return (f"{folder}/{stem}" if folder else stem), ending.lower()


def _sample(name: str, parts: dict[str, bytes]) -> Row:
    pictures = [data for ending, data in parts.items() if f".{ending}" in PICTURES]
    if len(pictures) != 1:
        return RowError(name, f"has {len(pictures)} pictures among {', '.join(parts)}; one is wanted")
    try:
        told = {"label": parts.get("cls", b"").decode().strip(), "text": parts.get("txt", b"").decode().strip()}
        more = json.loads(parts.get("json", b"{}"))
        told |= {field: str(more[field]) for field in _TOLD if more.get(field) is not None}
    except (ValueError, AttributeError, TypeError) as error:
        return RowError(name, f"what stands beside the picture cannot be read ({error})")
    return Item(name, pictures[0], **told)
