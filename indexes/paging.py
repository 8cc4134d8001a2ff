"""Lists in pages: an opaque cursor over a falling or rising integer primary key."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from indexes.errors import BadCursor

T = TypeVar("T")
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_cursor` is None on the last one."""

    items: list[T]
    next_cursor: str | None


def encode_cursor(pk: int) -> str:
    """The cursor that continues after the row with primary key `pk`."""
    return base64.urlsafe_b64encode(b"p%d" % pk).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """The primary key a cursor stands for; `BadCursor` when it is not one of ours."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = int(raw[1:])
    except (ValueError, binascii.Error, UnicodeEncodeError) as error:
        raise _bad_cursor() from error
    if encode_cursor(found) != cursor or not 0 <= found < 1 << 63:
        raise _bad_cursor()
    return found


def _bad_cursor() -> BadCursor:
    return BadCursor("The cursor is not one this service made; start again without it.")
