"""A policy: from which confidence on a brand wants what done, and where a seller has to show proof. Pure values.

Without a policy a machine alone neither holds nor takes down a listing: matches are watched from `MONITOR_FROM` and
shown to a person from `REVIEW_FROM`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from service.policies.decisions import Decision

MONITOR_FROM: Final = 0.20
REVIEW_FROM: Final = 0.50
FAINTEST: Final = 0.05
"""No policy reaches below: what is fainter is never stored, so that every policy can be tried on what is."""
EVERYWHERE: Final = "*"
"""The marketplace of a rule that holds wherever no other rule of its kind does."""
_BETWEEN: Final = (">", "/")
"""What stands between the levels of a category."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The confidences from which matches of a kind at a marketplace are acted upon; None for never."""

    kind: str
    """`stolen_photo` or `logo_use`."""
    marketplace: str = EVERYWHERE
    monitor: float | None = MONITOR_FROM
    review: float | None = REVIEW_FROM
    hold: float | None = None
    takedown: float | None = None

    def decide(self, confidence: float) -> tuple[Decision, float]:
        """The strongest decision whose threshold is reached, and that threshold; `clear` from 0."""
        if self.takedown is not None and confidence >= self.takedown:
            return "takedown", self.takedown
        if self.hold is not None and confidence >= self.hold:
            return "hold", self.hold
        if self.review is not None and confidence >= self.review:
            return "review", self.review
        if self.monitor is not None and confidence >= self.monitor:
            return "monitor", self.monitor
        return "clear", 0.0

    def as_json(self) -> dict[str, Any]:
        """As it is stored and as the interface shows it."""
        names = ("kind", "marketplace", "monitor", "review", "hold", "takedown")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class ProofRule:
    """Listings whose seller has to show where the goods come from: of a category, from a price on, or both."""

    category: str | None = None
    min_price: Decimal | None = None
    currency: str | None = None
    """Of `min_price`; None is whatever the listing is priced in."""

    def asks(self, category: str | None, amount: Decimal | None, currency: str | None) -> bool:
        """Does it ask this of a listing? What is not known of a listing is not taken for a reason."""
        if self.min_price is not None and (amount is None or not self._dear(amount, currency)):
            return False
        return self.category is None or (category is not None and self._holds(category))

    def _dear(self, amount: Decimal, currency: str | None) -> bool:
        return self.currency in {None, currency} and amount >= (self.min_price or 0)

    def _holds(self, category: str) -> bool:
        mine, theirs = str(self.category).casefold().strip(), category.casefold().strip()
        return theirs == mine or (theirs.startswith(mine) and theirs[len(mine) :].lstrip().startswith(_BETWEEN))

    def describe(self) -> str:
        """In words, as the end of a sentence."""
        price = (
            None if self.min_price is None else f"from {self.min_price}{f' {self.currency}' if self.currency else ''}"
        )
        parts = [f"in {self.category}" if self.category else None, price]
        return " ".join(part for part in parts if part) or "everywhere"

    def as_json(self) -> dict[str, Any]:
        """As it is stored and as the interface shows it: what is not said is left out."""
        amount = None if self.min_price is None else str(self.min_price)
        price = amount if self.currency is None else {"amount": amount, "currency": self.currency}
        return {name: value for name, value in (("category", self.category), ("min_price", price)) if value is not None}


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy as somebody proposes it."""

    rules: tuple[Rule, ...] = ()
    proof_required: tuple[ProofRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a brand's policy. Version 0 is none: no rules, the defaults for every kind and marketplace."""

    brand_id: str
    version: int = 0
    rules: tuple[Rule, ...] = ()
    proof_required: tuple[ProofRule, ...] = ()
    made_by: str | None = None
    created_at: datetime | None = None
    _rules: Mapping[tuple[str, str], Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = {(one.kind, one.marketplace): one for one in self.rules}
        object.__setattr__(self, "_rules", MappingProxyType(rules))

    def rule(self, kind: str, marketplace: str) -> Rule:
        """The rule in force there: the marketplace's own, else the one for everywhere, else the default."""
        rules = self._rules
        return rules.get((kind, marketplace)) or rules.get((kind, EVERYWHERE)) or Rule(kind)

    def proof(self, category: str | None, amount: Decimal | None, currency: str | None) -> ProofRule | None:
        """The first rule that asks such a listing for proof."""
        return next((one for one in self.proof_required if one.asks(category, amount, currency)), None)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lowest thresholds a brand may choose by itself. The operator is not bound by them."""

    hold: float = 0.50
    takedown: float = 0.80
