"""Words for people: kinds, states and what silence does."""

from __future__ import annotations

from typing import Final

KINDS: Final = {"stolen_photo": "Copied photo", "logo_use": "Logo in the picture"}
STATES: Final = {
    "open": "new",
    "in_review": "in review",
    "held": "held",
    "taken_down": "taken down",
    "counter_noticed": "disputed",
    "upheld": "upheld",
    "reinstated": "reinstated",
    "dismissed": "dismissed",
    "withdrawn": "withdrawn",
}
SILENCE: Final = {"remove": "removes the listing", "reinstate": "reinstates the listing"}
NOTICE_STATES: Final = {
    "received": "to read",
    "in_review": "in review",
    "acted": "acted on",
    "founded": "founded",
    "unfounded": "unfounded",
}
