"""Opaque public ids: a prefix and 100 random bits, so that no id tells how many there are."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no letter is mistaken for a digit


def new_id(prefix: str) -> str:
    """A fresh id such as `brd_5k3j…` (20 characters after the prefix)."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(20))
