"""Times as the interface and the documents write them."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(when: datetime) -> str:
    """RFC 3339 in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
