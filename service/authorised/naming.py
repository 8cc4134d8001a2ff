"""When two addresses name one listing, and two numbers one product. Pure."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


def same_url(allowed: str, listed: str | None) -> bool:
    """Whether both addresses are the same page.

    Scheme, capitals of the host, the scheme's own port, a last slash and what follows `#` make no difference; the
    path and the query do. There are no prefixes: a brand that allows one page allows that page.
    """
    return listed is not None and plain_url(allowed) == plain_url(listed)


def plain_url(address: str) -> str:
    """The address in the form that is compared; an address that cannot be read is itself."""
    try:
        parts = urlsplit(address.strip())
        host, port = (parts.hostname or "").rstrip("."), _port(parts)
    except ValueError:
        return address.strip()
    if not host:
        return address.strip()
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}{parts.path.rstrip('/')}{query}"


def same_gtin(allowed: str, listed: str | None) -> bool:
    """Whether both numbers are the same product: signs between digits and zeros in front make no difference."""
    return listed is not None and bool(plain_gtin(allowed)) and plain_gtin(allowed) == plain_gtin(listed)


def plain_gtin(number: str) -> str:
    """The digits without zeros in front; letters stay, so that a wrong number equals no other."""
    return re.sub(r"[\s-]", "", number).upper().lstrip("0")


def _port(parts: SplitResult) -> str:
    return "" if parts.port is None or parts.port == _PORTS.get(parts.scheme.lower()) else f":{parts.port}"
