"""The values around a case: the case itself, an entry of its audit, who acts, and who wants to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from service.cases.states import Action, Actor, Clock, State


@dataclass(frozen=True, slots=True)
class Acting:
    """Who does something: a role, and the key, case token, clock or policy version that speaks for it."""

    role: Actor
    id: str


@dataclass(frozen=True, slots=True)
class Running:
    """A clock that runs: whose turn it is, until when, and what silence does then."""

    clock: Clock
    whose_turn: str
    deadline: datetime
    on_silence: Action


@dataclass(frozen=True, slots=True)
class Case:
    """A listing, a brand and a kind. `match_id` is its strongest match, `evidence_version` the listing's."""

    pk: int
    id: str
    marketplace: str
    listing_id: str
    seller_id: str | None
    brand_id: str
    kind: str
    """`stolen_photo` or `logo_use`."""
    match_id: str
    reference_id: str
    image_sha256: str | None
    """The listing's picture that the match is in."""
    confidence: float
    policy_version: int
    """Of the brand's policy that opened it; 0 for none."""
    state: State
    evidence_version: int
    clock: Running | None
    reviewer: str | None
    """The key id of who reviews it."""
    proof_required: bool
    """Held by a rule that asks for proof, whatever the confidence."""
    proofs: int
    """Documents the seller has sent."""
    appealed: bool
    opened_at: datetime
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One move of the audit, in a chain: `digest` is the SHA-256 over this entry's content and `previous`."""

    case_id: str
    number: int
    """From 1, without gaps."""
    at: datetime
    actor: Acting
    action: str
    """An `Action`, or `opened`, `judged_again`, `linked` and the like, which move nothing."""
    source: State | None
    target: State
    reason: str
    evidence_version: int
    details: dict[str, Any] = field(default_factory=dict)
    previous: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said to the others. Not part of the audit."""

    id: str
    author: Acting
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases to list; what is None does not matter."""

    state: State | None = None
    brand_id: str | None = None
    kind: str | None = None
    marketplace: str | None = None
    listing_id: str | None = None
    seller_id: str | None = None
    case_id: str | None = None


class Watcher(Protocol):
    """Whoever must act with a move, in its transaction: strikes, statements, the outbox."""

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """`case` as it is after `entry`. What is written on `connection` stays or goes with the move."""
        ...
