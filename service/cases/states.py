"""The table of moves: from which state who may do what, where it leads, and whose clock runs then.

Pure data and pure questions about it. Everything that is not in `MOVES` is refused; silence moves a case by the same
table, as `system`. An operator may do whatever the state allows, and is named as the operator in the audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

State: TypeAlias = Literal[
    "open",
    "in_review",
    "held",
    "taken_down",
    "counter_noticed",
    "upheld",
    "reinstated",
    "dismissed",
    "withdrawn",
]
Action: TypeAlias = Literal[
    "start_review",
    "hold",
    "remove",
    "dismiss",
    "confirm",
    "submit_proof",
    "accept_proof",
    "reject_proof",
    "counter_notice",
    "uphold",
    "reinstate",
    "appeal",
    "withdraw",
]
Actor: TypeAlias = Literal["system", "operator", "reviewer", "brand", "seller"]
Clock: TypeAlias = Literal["seller_response", "brand_response", "counter_notice"]
"""The name of a clock in a marketplace's settings."""

STATES: Final[tuple[State, ...]] = get_args(State)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
ENDED: Final[frozenset[State]] = frozenset({"upheld", "reinstated", "dismissed", "withdrawn"})
"""Nothing more happens by itself here; an appeal leads out of `upheld`."""
FREED: Final[frozenset[State]] = frozenset({"reinstated", "dismissed", "withdrawn"})
"""Entering one of these takes back what the case did to the seller."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is while a clock runs, and what silence does."""

    clock: Clock
    whose: Literal["seller", "brand"]
    on_silence: Action


SELLER_ANSWERS: Final = Turn("seller_response", "seller", "remove")
BRAND_ANSWERS: Final = Turn("brand_response", "brand", "reinstate")
BRAND_SUES: Final = Turn("counter_notice", "brand", "reinstate")


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the table. `fast` is where it leads for a brand in the fast lane, when that differs."""

    sources: frozenset[State]
    action: Action
    actors: frozenset[Actor]
    target: State
    turn: Turn | None = None
    fast: State | None = None
    after_proof: bool = False
    """Only once the seller has sent a proof."""


def _move(
    sources: str,
    action: Action,
    actors: str,
    target: State,
    turn: Turn | None = None,
    *,
    fast: State | None = None,
    after_proof: bool = False,
) -> Move:
    froms, whos = frozenset(sources.split()), frozenset(actors.split())
    if not froms <= set(STATES) or not whos <= set(get_args(Actor)):
        raise ValueError(f"the move {action} names a state or an actor that does not exist")
    return Move(froms, action, whos, target, turn, fast, after_proof)  # type: ignore[arg-type]  # checked just above


MOVES: Final[tuple[Move, ...]] = (
    _move("open", "start_review", "reviewer", "in_review"),
    _move("open in_review", "hold", "reviewer", "held", SELLER_ANSWERS),
    _move("open in_review", "remove", "reviewer", "taken_down"),
    _move("open in_review", "confirm", "brand", "held", SELLER_ANSWERS, fast="taken_down"),
    _move("held", "submit_proof", "seller", "held", BRAND_ANSWERS),
    _move("held", "accept_proof", "brand reviewer", "reinstated"),
    _move("held", "reject_proof", "reviewer", "taken_down"),
    _move("held", "confirm", "brand", "taken_down", after_proof=True),
    _move("held", "remove", "reviewer system", "taken_down"),
    _move("held", "reinstate", "system", "reinstated", after_proof=True),
    _move("held taken_down", "counter_notice", "seller", "counter_noticed", BRAND_SUES),
    _move("counter_noticed", "uphold", "reviewer", "upheld"),
    _move("counter_noticed", "reinstate", "reviewer system", "reinstated"),
    _move("taken_down", "reinstate", "reviewer", "reinstated"),
    _move("upheld", "appeal", "seller", "in_review"),
    _move("open in_review held taken_down counter_noticed", "withdraw", "brand", "withdrawn"),
    _move("open in_review held taken_down counter_noticed", "dismiss", "reviewer", "dismissed"),
)
"""What the interface promises. `submit_proof` is what the arrival of a document does; no caller names it."""


def find_move(state: State, action: Action, actor: Actor) -> Move | None:
    """The line of the table that lets `actor` do `action` in `state`; None when there is none."""
    for move in MOVES:
        if move.action == action and state in move.sources and (actor == "operator" or actor in move.actors):
            return move
    return None


def may_ever(action: Action, actor: Actor) -> bool:
    """May `actor` do `action` in any state at all?"""
    return any(move.action == action and (actor == "operator" or actor in move.actors) for move in MOVES)
