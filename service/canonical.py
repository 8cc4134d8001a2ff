"""JSON with one spelling: sorted names, no blanks, UTF-8. What is signed or hashed is written like this."""

from __future__ import annotations

import json
from typing import Any


class NotCanonical(ValueError):
    """Bytes that are no JSON object, or are spelled in another way than `canonical` does."""


def canonical(value: Any) -> bytes:
    """`value` as JSON, the same bytes every time; `ValueError` for numbers that are not finite."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def read_canonical(data: bytes) -> dict[str, Any]:
    """The object that `canonical` wrote; `NotCanonical` for anything else, so that no byte goes unread."""
    try:
        value = json.loads(data)
        if isinstance(value, dict) and canonical(value) == data:
            return value
    except (ValueError, RecursionError) as error:
        raise NotCanonical("is not JSON that can be read") from error
    raise NotCanonical("is JSON, but spelled in another way than it was written")
