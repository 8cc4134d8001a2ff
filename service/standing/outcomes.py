"""What a move of a case says of the brand's claim: pure, by the move alone.

A removal by a reviewer, or because the seller said nothing in time, upholds the claim at once. One that only the brand
wanted, by its word or by its policy, counts once it stood unanswered for the settling time: nobody earns a lane by
agreeing with itself. Taking a claim back after the seller has answered is losing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.standing.values import Outcome, Terms


class Actor(Protocol):
    """Who moved the case."""

    @property
    def role(self) -> str:
        """`brand`, `reviewer`, `operator`, `seller` or `system`."""
        ...


class Moved(Protocol):
    """What is needed of a case after the move."""

    @property
    def id(self) -> str:
        """The case's id."""
        ...

    @property
    def brand_id(self) -> str:
        """Whose claim."""
        ...

    @property
    def kind(self) -> str:
        """The reason code."""
        ...

    @property
    def proofs(self) -> int:
        """Documents the seller has sent."""
        ...


class Move(Protocol):
    """What is needed of an entry of the audit."""

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def actor(self) -> Actor:
        """Who."""
        ...

    @property
    def action(self) -> str:
        """What."""
        ...

    @property
    def source(self) -> Any:
        """From which state; None for a case that was just opened."""
        ...

    @property
    def target(self) -> str:
        """To which state."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a claim, from when it counts, and whether a counter-notice did it."""

    outcome: Outcome | None
    counts_from: datetime
    countered: bool = False


def is_claim(move: Move) -> bool:
    """Does the brand stand behind the case with this: by its own word, or by a policy that removes at once?"""
    confirmed = move.action == "confirm" and move.actor.role == "brand"
    return confirmed or (move.source is None and move.target == "taken_down")


def outcome_of(case: Moved, move: Move, terms: Terms) -> Decided | None:
    """What the move says of the claim; None when it says nothing."""
    if move.source == move.target:
        return None
    answered = move.source == "counter_noticed"
    match move.target:
        case "taken_down":
            alone = move.source is None or move.actor.role == "brand"
            return Decided("upheld", move.at + terms.settling if alone else move.at)
        case "upheld":
            return Decided("upheld", move.at)
        case "reinstated" | "dismissed":
            return Decided("rejected", move.at, countered=answered)
        case "withdrawn":
            lost = answered or case.proofs > 0
            return Decided("rejected" if lost else "withdrawn", move.at, countered=answered)
    return Decided(None, move.at)
