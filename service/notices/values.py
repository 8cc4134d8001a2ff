"""The values of notices: what is sent, what is kept, and what became of each address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from service.errors import Invalid
from service.stamps import stamp

NoticeState: TypeAlias = Literal["received", "in_review", "acted", "founded", "unfounded"]
Outcome: TypeAlias = Literal["acted", "joined", "opened", "settled", "no_match", "unknown_listing"]
MOST_URLS: Final = 100
LONGEST_URL: Final = 4096
LONGEST_EXPLANATION: Final = 8_000
SHORTEST_EXPLANATION: Final = 20
"""Letters in which a reason can be given at all."""
_MAIL: Final = re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"'.]+(\.[^\s@<>\"'.]+)+")
_TEXTS: Final = {"brand": 200, "name": 200, "signature": 200, "work": 2_000}


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What Article 16 of the Digital Services Act and section 512(c)(3) of the DMCA ask a notice to say."""

    explanation: str
    urls: tuple[str, ...]
    name: str
    email: str
    bona_fide: bool
    """The statement of good faith: that what is said is believed to be true and complete."""
    brand: str
    signature: str | None = None
    work: str | None = None
    """The work or mark that is infringed."""
    accuracy: bool = False
    """The statement, under penalty of perjury, to be accurate and to act for the owner."""

    def check(self) -> None:
        """`Invalid` with everything that is missing or wrong: a notice is taken complete or not at all."""
        wrong = [{"loc": ["body", *loc], "msg": message} for loc, message in self._problems()]
        if wrong:
            raise Invalid("This notice is not complete; add what is named and send it again.", errors=wrong)

    def _problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        length = len(self.explanation.strip())
        if not SHORTEST_EXPLANATION <= length <= LONGEST_EXPLANATION:
            yield (
                ("explanation",),
                f"say in {SHORTEST_EXPLANATION} to {LONGEST_EXPLANATION} characters why it is illegal",
            )
        if not 1 <= len(self.urls) <= MOST_URLS:
            yield ("urls",), f"name 1 to {MOST_URLS} exact addresses"
        for position, url in enumerate(self.urls[:MOST_URLS]):
            if not is_address(url):
                yield ("urls", position), "must be the exact http or https address of a listing"
        for name, longest in _TEXTS.items():
            text = getattr(self, name)
            needed = name in ("brand", "name")
            if (needed and not (text or "").strip()) or len(text or "") > longest:
                yield (name,), f"1 to {longest} characters"
        if len(self.email) > 254 or not _MAIL.fullmatch(self.email):
            yield ("email",), "must be an e-mail address"
        if not self.bona_fide:
            yield ("bona_fide",), "state that you believe in good faith that what you say is true and complete"


def is_address(url: str) -> bool:
    """Is it an absolute http or https address of a page, without a user name?"""
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Named:
    """An address of a notice, and what became of it."""

    position: int
    url: str
    outcome: Outcome | None
    marketplace: str | None
    listing_id: str | None
    case_id: str | None

    def as_json(self) -> dict[str, Any]:
        """As the desk and the sender's brand see it."""
        return {name: getattr(self, name) for name in ("url", "outcome", "marketplace", "listing_id", "case_id")}

    def untold(self) -> Named:
        """The address alone."""
        return Named(self.position, self.url, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is kept."""

    pk: int
    id: str
    brand_id: str | None
    sent_by: str | None
    trusted: bool
    brand: str
    explanation: str
    name: str
    email: str
    signature: str | None
    work: str | None
    accuracy: bool
    received_at: datetime
    state: NoticeState
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None
    urls: tuple[Named, ...] = ()

    def receipt(self, *, known: bool) -> dict[str, Any]:
        """What the sender is told at once. Whether a listing is `known` here only a verified brand hears."""
        state = self.state if known else "received"
        return {
            "id": self.id,
            "received_at": stamp(self.received_at),
            "state": state,
            "urls": [{"url": one.url, "outcome": one.outcome if known else "received"} for one in self.urls],
            "next": NEXT[state],
        }

    def as_json(self, *, known: bool = True) -> dict[str, Any]:
        """As the desk sees it; where it is not to be `known` what was found, nothing of that."""
        same = ("id", "brand_id", "trusted", "brand", "explanation", "name", "email", "signature", "work", "accuracy")
        return {
            **{name: getattr(self, name) for name in same},
            "received_at": stamp(self.received_at),
            "state": self.state,
            "urls": [(one if known else one.untold()).as_json() for one in self.urls],
            "decided_at": stamp(self.decided_at) if self.decided_at else None,
            "decided_by": self.decided_by,
            "decision_reason": self.decision_reason,
        }


NEXT: Final[dict[NoticeState, str]] = {
    "received": "A person will read it without undue delay and decide. Keep the id: it is how to ask about the notice.",
    "in_review": "The listings are being reviewed with your notice. Keep the id: it is how to ask about the notice.",
    "acted": "It was acted on at once. The seller may answer; you will be asked to respond if that happens.",
    "founded": "It was decided: the notice was right.",
    "unfounded": "It was decided: the notice was not right. The decision can be challenged with the marketplace.",
}
