"""Taking personal data out of a text that goes on public record: pure.

What names a person or leads to one is replaced, never shortened: addresses of pages and of mail, numbers that could
be a telephone's or an account's, and every name that the caller knows. A name nobody told of cannot be found, which is
why people's own words do not go on record at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

GONE: Final = "[removed]"
_SHORTEST: Final = 3
_ADDRESS: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE)
_MAIL: Final = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")
_ACCOUNT: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_HOST: Final = re.compile(
    r"\b(?:[a-z0-9-]+\.)+(?:com|net|org|shop|store|info|biz|eu|[a-z]{2})(?:/\S*)?\b", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"\+?\d(?:[\s()./-]{0,2}\d){6,}")
_BLANKS: Final = re.compile(r"\s+")


def scrub(text: str, known: Iterable[str | None] = ()) -> str:
    """`text` on one line, printable, without addresses, long numbers and any of the `known` names."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    for name in sorted({name for name in known if name and len(name) >= _SHORTEST}, key=len, reverse=True):
        text = re.sub(re.escape(name), GONE, text, flags=re.IGNORECASE)
    for pattern in (_ADDRESS, _MAIL, _ACCOUNT, _HOST, _NUMBER):
        text = pattern.sub(GONE, text)
    return _BLANKS.sub(" ", text).strip()


def cut(text: str, limit: int) -> str:
    """`text` with at most `limit` characters, shortened at a word."""
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"
