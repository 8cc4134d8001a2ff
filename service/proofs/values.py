"""The values around a proof: what a seller sent with it, the proof itself, and what the checks say of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias, get_args

from service.stamps import stamp

ProofType: TypeAlias = Literal["invoice", "authorisation"]
PROOF_TYPES: tuple[ProofType, ...] = get_args(ProofType)
Outcome: TypeAlias = Literal["ok", "warning", "failed"]
Grade: TypeAlias = Literal["page", "nearly"]
"""How the first page of another proof resembles one's: it is the same, or the same but for a few places."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a seller says of a document."""

    type: ProofType
    number: str
    valid_until: date | None = None

    @property
    def number_key(self) -> str:
        """The letters and digits of the number in one case: `INV-00 12` is `inv0012`."""
        folded = unicodedata.normalize("NFKC", self.number).casefold()
        return "".join(letter for letter in folded if letter.isalnum())[:100]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `detail` names nobody; `cases` are the others concerned, for reviewers alone."""

    name: str
    outcome: Outcome
    detail: str
    for_seller: bool = False
    cases: tuple[str, ...] = ()

    def as_json(self, role: str) -> dict[str, Any]:
        """As `role` sees it."""
        shown: dict[str, Any] = {"name": self.name, "outcome": self.outcome, "detail": self.detail}
        return shown | ({"cases": list(self.cases)} if role in ("reviewer", "operator") else {})


@dataclass(frozen=True, slots=True)
class Proof:
    """A document of a case. `sha256` is that of the bytes as they were sent, `stored_sha256` of what is kept."""

    pk: int
    id: str
    case_pk: int
    brand_id: str
    marketplace: str
    seller: str
    type: ProofType
    number: str
    number_key: str
    valid_until: date | None
    media_type: str
    pages: int
    size: int
    sha256: str
    stored_sha256: str
    preview_sha256: str
    compared: bool
    """Whether its first page was compared with those of others."""
    received_at: datetime

    def as_json(self, checks: Sequence[Check], role: str) -> dict[str, Any]:
        """As the HTTP interface shows it to `role`; a seller is not told what its document was compared with."""
        same = ("id", "type", "number", "media_type", "pages", "size", "sha256")
        shown = [check.as_json(role) for check in checks if role != "seller" or check.for_seller]
        return {
            **{name: getattr(self, name) for name in same},
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "received_at": stamp(self.received_at),
            "checks": shown,
        }
