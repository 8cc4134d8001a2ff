"""Standard Webhooks (standardwebhooks.com): the secret, and the three headers that sign a message.

The signature covers id, time and body, so that none can be exchanged, and a receiver refuses what is older than five
minutes. Every attempt is signed anew with its own time; the id stays.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """A fresh secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def show(secret: bytes) -> str:
    """The secret as an endpoint's operator gets it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def sign(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
