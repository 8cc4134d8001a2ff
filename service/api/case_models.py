"""What the interface takes and answers about cases. The answers are made by `service.cases.documents`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.api.listing_models import ImageOut, MatchOut, PriceOut
from service.api.sent import Sent
from service.cases.cases import LONGEST_TEXT
from service.cases.states import Action, Actor, State
from service.policies.decisions import Decision


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_not_blank)]
Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_not_blank)]
NamedAction = Literal[
    "start_review",
    "hold",
    "remove",
    "dismiss",
    "confirm",
    "accept_proof",
    "reject_proof",
    "counter_notice",
    "uphold",
    "reinstate",
    "appeal",
    "withdraw",
]
"""Every action but the arrival of a proof, which is a document and not a word."""


class CounterNotice(Sent):
    """What a seller declares under penalty of perjury."""

    model_config = ConfigDict(extra="forbid")
    signature: Line = Field(description="The seller's name, typed as a signature.")
    statement: Words = Field(description="Why the material was removed by mistake, declared under penalty of perjury.")
    name: Line
    address: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_not_blank)]
    jurisdiction: Line = Field(description="Consent to the courts of this place.")


class Deed(Sent):
    """What to do with a case, why, and on which evidence."""

    model_config = ConfigDict(extra="forbid")
    action: NamedAction
    reason: Words
    evidence_version: Annotated[int, Field(ge=1, lt=1 << 31, description="Of the case you looked at.")]
    state: State | None = Field(default=None, description="The state you saw: 409 when somebody moved it since.")
    counter_notice: CounterNotice | None = Field(default=None, description="With the action of that name, only.")

    @model_validator(mode="after")
    def _with_its_counter_notice(self) -> Deed:
        if (self.action == "counter_notice") != (self.counter_notice is not None):
            raise ValueError("counter_notice goes with the action counter_notice, and only with it")
        return self


class NewMessage(Sent):
    """What to say."""

    model_config = ConfigDict(extra="forbid")
    text: Words


class ActorOut(BaseModel):
    """Who did something. `id` is null where you may not know it."""

    role: Actor
    id: str | None


class MessageOut(BaseModel):
    """A message of one side to the others."""

    id: str
    author: ActorOut
    text: str
    at: datetime


class EntryOut(BaseModel):
    """A line of the audit; `docs/cases.md` says how `digest` is made."""

    number: int
    at: datetime
    actor: ActorOut
    action: str
    from_: State | None = Field(alias="from", description="Null for the first one.")
    to: State
    reason: str
    evidence_version: int
    details: dict[str, Any]
    previous: str
    digest: str


class ClockOut(BaseModel):
    """The clock that runs."""

    name: Literal["seller_response", "brand_response", "counter_notice"]
    whose_turn: Literal["seller", "brand"]
    deadline: datetime
    on_silence: Action


class CaseListingOut(BaseModel):
    """The listing as it was judged."""

    listing_id: str
    marketplace: str
    decision: Decision
    images: list[ImageOut]
    space: str
    index_generation: int
    calibration: str
    nulls: str | None
    judged_at: datetime
    seller_id: str | None
    title: str | None
    url: str | None
    price: PriceOut | None
    gtin: str | None
    category: str | None
    territories: list[str]
    listed_at: datetime | None


class CaseOut(BaseModel):
    """A case."""

    id: str
    state: State
    marketplace: str
    listing_id: str
    seller_id: str | None
    brand_id: str
    brand: str
    kind: Literal["stolen_photo", "logo_use"]
    confidence: float
    policy_version: int = Field(description="Of the brand's policy that opened it; 0 for none.")
    proof_required: bool
    evidence_version: int = Field(description="Goes with every action; counts up when the listing is judged again.")
    found: bool = Field(description="Whether the last judgement of the listing still found the match.")
    clock: ClockOut | None
    reviewer: str | None
    appealed: bool
    opened_at: datetime
    moved_at: datetime
    listing: CaseListingOut
    match: MatchOut
    features: dict[str, float] = Field(description="What score and confidence were made of.")
    reference_sha256: str | None
    audit: list[EntryOut]
    messages: list[MessageOut]
    proofs: list[dict[str, Any]]
    allowed_actions: list[NamedAction] = Field(description="What this key may do now.")


class CasePage(BaseModel):
    """A page of cases, newest first."""

    items: list[CaseOut]
    next_cursor: str | None


class LinkOut(BaseModel):
    """A link for the seller, shown once."""

    url: str
    token: str
    expires_at: datetime
