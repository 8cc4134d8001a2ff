"""One pure function from a match to what is done about it, and the values it looks at.

Place in the flow: `service.listings.judging` asks for a ruling on each match of a listing, a replay on each stored
one. The `Rulebook` was read from SQL before; nothing here reads anything. What a machine may do by itself is limited
from above, in this order: by the brand's status, by whom it lets sell, by its rights and by its standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from indexes.brands import BrandStatus
from service.authorised import Authorisation, ListingFacts
from service.policies.decisions import Decision, rank
from service.policies.permits import Permits
from service.policies.values import Policy
from service.rights import Right, cover
from service.rights.values import NEEDED
from service.standing import Lane

UNVERIFIED: Final = "unverified_brand"
_REVIEW, _HOLD = rank("review"), rank("hold")
_WORDS: Final = {"monitor": "watched", "review": "reviewed", "hold": "held", "takedown": "taken down"}


class Claim(NamedTuple):
    """What a match says: which brand, which kind, how surely. `negative` is the harmless picture it was found in.

    Like `Ruling` no dataclass: a replay makes a hundred thousand of each.
    """

    brand_id: str
    kind: str
    confidence: float
    negative: str | None = None


@dataclass(frozen=True, slots=True)
class BrandRules:
    """All about one brand that a ruling depends on."""

    status: BrandStatus
    policy: Policy
    rights: tuple[Right, ...] = ()
    authorisations: tuple[Authorisation, ...] = ()
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    """Its lane by kind; `standard` where nothing is said."""
    _permits: Permits = field(init=False, repr=False, compare=False)
    _covered: dict[tuple[str, tuple[str, ...], datetime], bool] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_permits", Permits(self.authorisations))

    def permits(self, facts: ListingFacts, on: datetime) -> Authorisation | None:
        """The authorisation that lets a listing be, if there is one."""
        return self._permits.find(facts, on)

    def covers(self, kind: str, territories: tuple[str, ...], on: datetime) -> bool:
        """Whether its rights stand behind a match of `kind` in all of `territories`; worked out once for each."""
        key = (kind, territories, on)
        if key not in self._covered:
            self._covered[key] = cover(self.rights, kind, territories, on)
        return self._covered[key]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The brands concerned, and where a marketplace sells when a listing does not say so. What is missing is gone."""

    brands: Mapping[str, BrandRules] = field(default_factory=dict)
    territories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def placed(self, facts: ListingFacts) -> ListingFacts:
        """`facts` with the territories of its marketplace where it names none itself."""
        places = () if facts.territories else self.territories.get(facts.marketplace, ())
        return replace(facts, territories=places) if places else facts


class Ruling(NamedTuple):
    """What is done about a match. One that is suppressed is `clear` and shown with what suppressed it."""

    decision: Decision
    suppressed_by: str | None = None
    policy_version: int = 0
    proof_required: bool = False
    because: tuple[str, ...] = ()
    """Reasons in plain words, for who reviews it."""

    @property
    def shown(self) -> bool:
        """Whether anybody is told of the match at all."""
        return self.decision != "clear" or self.suppressed_by is not None


def rule(book: Rulebook, facts: ListingFacts, claim: Claim, on: datetime) -> Ruling:
    """What becomes of `claim` at `on`."""
    facts = book.placed(facts)
    brand = book.brands.get(claim.brand_id)
    if brand is None or brand.status == "suspended":
        return Ruling("clear")
    version = brand.policy.version
    asked, threshold = brand.policy.rule(claim.kind, facts.marketplace).decide(claim.confidence)
    if asked == "clear":
        return Ruling("clear", policy_version=version)
    suppressed_by, why = _suppression(brand, facts, claim, on)
    if suppressed_by is not None:
        return Ruling("clear", suppressed_by, version, because=(why,))
    source = f"policy version {version}" if version else "no policy of the brand"
    because = [f"confidence {claim.confidence:.2f}: {_WORDS[asked]} from {threshold:.2f} by {source}"]
    if rank(asked) < _REVIEW:
        return Ruling(asked, None, version, because=tuple(because))
    proof = brand.policy.proof(facts.category, facts.price_amount, facts.price_currency)
    if proof is not None:
        because.append(f"the policy asks sellers for proof {proof.describe()}")
        asked = asked if rank(asked) >= _HOLD else "hold"
    given, limit = _limited(asked, brand, claim.kind, facts.territories, on)
    held_for_proof = proof is not None and rank(given) >= _HOLD
    return Ruling(given, None, version, held_for_proof, (*because, *limit))


def _suppression(brand: BrandRules, facts: ListingFacts, claim: Claim, on: datetime) -> tuple[str | None, str]:
    if brand.status == "unverified":
        return UNVERIFIED, "the brand is not verified yet"
    if (authorisation := brand.permits(facts, on)) is not None:
        return authorisation.id, "the brand lets this listing be"
    if claim.negative is not None:
        return claim.negative, "the brand named this picture as harmless"
    return None, ""


def _limited(
    asked: Decision, brand: BrandRules, kind: str, territories: tuple[str, ...], on: datetime
) -> tuple[Decision, tuple[str, ...]]:
    """`asked`, as far as the brand's rights and its standing carry it, and why not further."""
    if rank(asked) < _HOLD:
        return asked, ()
    if not brand.covers(kind, territories, on):
        where = ", ".join(territories[:5]) or "every territory"
        return "review", (f"a person decides: the brand has shown no {NEEDED[kind]} for {where}",)
    if asked == "takedown" and brand.lanes.get(kind) != "fast":
        return "hold", ("held and not taken down: the brand is not in the fast lane",)
    return asked, ()
