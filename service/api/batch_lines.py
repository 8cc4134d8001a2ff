"""Lines of an NDJSON body as it streams in, each bounded; a line that is too long is skipped, not fatal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from service.api.sent import is_storable
from service.errors import BodyTooLarge

_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `too_long` when it was skipped for its length."""

    raw: bytes
    too_long: bool = False

    def content(self) -> bytes:
        """The line; `BodyTooLarge` when it was skipped."""
        if self.too_long:
            raise BodyTooLarge("The line has more bytes than a batch line may; send that listing with fewer pictures.")
        return self.raw

    def listing_id(self) -> str | None:
        """The `listing_id` of a line that is valid JSON but no valid listing, where it has one that can be answered."""
        try:
            found = json.loads(self.raw).get("listing_id")
        except (ValueError, AttributeError, RecursionError):
            return None
        return found if isinstance(found, str) and len(found) <= _LONGEST_ID and is_storable(found) else None


async def read_lines(chunks: AsyncIterator[bytes], longest: int) -> AsyncIterator[Line]:
    """Lines of at most `longest` bytes, without their ends; blank lines are passed over."""
    parts: list[bytes] = []
    size, too_long = 0, False
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            line = _line([*parts, piece], too_long=too_long or size + len(piece) > longest)
            parts, size, too_long = [], 0, False
            if line is not None:
                yield line
        size += len(rest)
        too_long = too_long or size > longest
        parts = [] if too_long else [*parts, rest] if rest else parts
    last = _line(parts, too_long=too_long)
    if last is not None:
        yield last


def _line(parts: list[bytes], *, too_long: bool) -> Line | None:
    if too_long:
        return Line(b"", too_long=True)
    raw = b"".join(parts).strip()
    return Line(raw) if raw else None
