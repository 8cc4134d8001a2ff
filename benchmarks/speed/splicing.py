"""New JPEGs at the price of copying bytes: windows of a taller JPEG, cut between its restart markers.

Place in the flow: the load client sends a picture that was never there before with every request, on cores that it
shares with the service. Encoding one would cost as much as judging it. A JPEG whose every row of blocks ends with a
restart marker (ITU T.81, B.2.1) can be cut between rows without decoding: take some rows, count the markers anew,
write the height into the frame header. The pixels of two windows differ, not only their bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ROW = 16
"""Pixels in a row of blocks where colour is kept at half the size (4:2:0)."""
_MARKER = re.compile(rb"\xff[\xd0-\xd7]")
_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Roll:
    """A tall JPEG taken apart: what stands before the rows, where the height stands in it, and the rows."""

    head: bytes
    height_at: int
    rows: tuple[bytes, ...]

    def windows(self, height: int) -> int:
        """How many different windows of `height` pixels there are."""
        return len(self.rows) - height // ROW + 1

    def window(self, first: int, height: int) -> bytes:
        """The JPEG of `height` pixels, a multiple of `ROW`, that begins with row `first`."""
        shown = self.rows[first : first + height // ROW]
        parts = [self.head[: self.height_at], height.to_bytes(2, "big"), self.head[self.height_at + 2 :]]
        for number, row in enumerate(shown):
            parts += [bytes((0xFF, 0xD0 + (number - 1) % 8)), row] if number else [row]
        return b"".join([*parts, _END])


def unroll(data: bytes) -> Roll:
    """Take a baseline JPEG with a restart marker after every row apart; ValueError for any other."""
    at, height_at = 2, 0
    while data[at + 1] != 0xDA:  # start of scan
        if data[at + 1] == 0xC0:  # baseline frame: length, precision, height
            height_at = at + 5
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    rows = tuple(_MARKER.split(data[at : data.rindex(_END)]))
    height = int.from_bytes(data[height_at : height_at + 2], "big")
    if not height_at or len(rows) != -(-height // ROW):
        raise ValueError("only a baseline JPEG with a restart marker after every row of 16 pixels can be cut")
    return Roll(data[:at], height_at, rows)
