"""From what was found in each picture to one result for the listing: best matches, decision, rows to store.

Place in the flow: after the pipeline, before the store. Touches no database, no network and no clock
but for the rulebook, which it asks for when there is something to rule on: a clean listing costs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

from indexes.monotone import logit
from service.authorised import ListingFacts
from service.errors import Invalid, Overloaded, ServiceError
from service.listings.values import ListingInput
from service.listings.vectors import pack
from service.pipeline import Checked
from service.policies.decisions import Decision, strongest
from service.policies.ruling import Claim, Rulebook, Ruling, rule
from service.policies.values import FAINTEST
from service.problems import describe
from vision.embedding import Regions
from vision.errors import ImageError

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import Match

Outcome: TypeAlias = Checked | BaseException
"""What became of one picture."""
Row: TypeAlias = dict[str, Any]
Adjust: TypeAlias = "Callable[[Checked, Match], Match]"
ReadBook: TypeAlias = Callable[[frozenset[str], str], Rulebook]
"""The rulebook of the brands with these ids at a marketplace, as it is now."""
Recognise: TypeAlias = "Callable[[Sequence[tuple[Checked, Match]]], Sequence[str | None]]"
"""For each match and the picture it is in: the id of the harmless picture of its brand that this is, or None."""
_EDGE = 1e-9


def _as_it_is(_checked: Checked, match: Match) -> Match:
    return match


def nothing_known(found: Sequence[tuple[Checked, Match]]) -> Sequence[str | None]:
    """No picture is known to be harmless."""
    return [None] * len(found)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of a listing as rows for the store."""

    decision: Decision
    listing: Row
    images: tuple[Row, ...]
    matches: tuple[Row, ...]
    scores: tuple[Row, ...] = ()
    """The best score of every brand and kind that was found at all, before any null: what nulls are learned from."""


def refuse_hopeless(outcomes: Sequence[Outcome]) -> None:
    """Raise when the listing cannot be judged: the service stopped or broke, or not one picture could be read."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in errors:
        if isinstance(error, Overloaded) or not isinstance(error, ImageError | ServiceError):
            raise error
    if len(errors) == len(outcomes):
        told = [{"loc": ["images", index], "msg": str(error)} for index, error in enumerate(errors)]
        problems = [
            {"index": index, "status": "error", "problem": describe(error).document()}
            for index, error in enumerate(errors)
        ]
        raise Invalid(
            "Not one picture of this listing could be read; mend them and send it again.", errors=told, images=problems
        )


def judge(
    listing: ListingInput,
    outcomes: Sequence[Outcome],
    read_book: ReadBook,
    on: datetime,
    *,
    without: frozenset[str] = frozenset(),
    nulls: str = "",
    adjust: Adjust = _as_it_is,
    recognise: Recognise = nothing_known,
) -> Judgement:
    """The judgement of `listing`, whose picture `i` became `outcomes[i]`; at least one was read.

    What no policy could reach is no match, and neither is anything of the brands `without`. `adjust` lowers matches
    by the brands' nulls, which are of the version `nulls`. `read_book` and `recognise` are asked when there is a match,
    and only then.
    """
    pairs = [
        (index, outcome, match)
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Checked)
        for match in outcome.result.matches
        if match.brand.id not in without
    ]
    adjusted = ((index, adjust(outcome, match)) for index, outcome, match in pairs)
    found = best_matches((index, match) for index, match in adjusted if match.confidence >= FAINTEST)
    shown_in = [(picture, match) for index, match in found if isinstance(picture := outcomes[index], Checked)]
    negatives = recognise(shown_in) if found else ()
    rulings = rule_on(listing, [match for _, match in found], read_book, on, negatives)
    matches = [
        {**_match_row(index, match, ruling), "negative_id": negative}
        for (index, match), ruling, negative in zip(found, rulings, negatives, strict=True)
    ]
    decision = strongest(ruling.decision for ruling in rulings)
    checked = [outcome for outcome in outcomes if isinstance(outcome, Checked)]
    made_by = {
        "space": checked[0].space.id,
        "index_generation": min(outcome.result.generation for outcome in checked),
        "calibration": checked[0].calibration,
        "nulls": nulls,
    }
    images = [_image_row(index, outcome, kept=decision != "clear") for index, outcome in enumerate(outcomes)]
    row = {**_listing_row(listing), **made_by, "decision": decision}
    scores = _score_rows(match for _, _, match in pairs)
    return Judgement(decision, row, tuple(images), tuple(matches), scores)


def best_matches(found: Iterable[tuple[int, Match]]) -> list[tuple[int, Match]]:
    """Each (brand, kind, reference) once, with the picture that shows it best, by falling confidence."""
    best: dict[tuple[str, str, str], tuple[int, Match]] = {}
    for index, match in found:
        key = (match.brand.id, match.kind, match.reference.id)
        if key not in best or match.score > best[key][1].score:
            best[key] = (index, match)
    return sorted(best.values(), key=lambda entry: (-entry[1].confidence, -entry[1].score))


def rule_on(
    listing: ListingInput,
    matches: Sequence[Match],
    read_book: ReadBook,
    on: datetime,
    negatives: Sequence[str | None] = (),
) -> list[Ruling]:
    """A ruling on each of `matches`, by the rules of their brands; `negatives` are those `Recognise` gave."""
    if not matches:
        return []
    book = read_book(frozenset(match.brand.id for match in matches), listing.marketplace)
    facts = facts_of(listing)
    return [
        rule(book, facts, Claim(match.brand.id, match.kind, match.confidence, negative), on)
        for match, negative in zip_longest(matches, negatives)
    ]


def facts_of(listing: ListingInput) -> ListingFacts:
    """What is known of a listing beside its pictures."""
    price = listing.price
    return ListingFacts(
        marketplace=listing.marketplace,
        seller_id=listing.seller_id,
        url=listing.url,
        gtin=listing.gtin,
        category=listing.category,
        price_amount=Decimal(price.amount) if price else None,
        price_currency=price.currency if price else None,
        territories=listing.territories,
        listed_at=listing.listed_at,
    )


def is_shown(row: Row) -> bool:
    """Whether anybody is told of a stored match; the others are kept so that another policy can be tried on them."""
    return row["decision"] != "clear" or row["suppressed_by"] is not None


def _score_rows(matches: Iterable[Match]) -> tuple[Row, ...]:
    best: dict[tuple[str, str], Match] = {}
    for match in matches:
        key = (match.brand.id, match.kind)
        if key not in best or match.score > best[key].score:
            best[key] = match
    return tuple(
        {
            "brand_id": brand_id,
            "kind": kind,
            "log_odds": logit(min(max(match.score, _EDGE), 1 - _EDGE)),
            "confidence": match.confidence,
        }
        for (brand_id, kind), match in best.items()
    )


def _listing_row(listing: ListingInput) -> Row:
    same = ("listing_id", "marketplace", "seller_id", "title", "url", "gtin", "category", "listed_at")
    price = listing.price
    return {
        **{name: getattr(listing, name) for name in same},
        "territories": list(listing.territories),
        "price_amount": price.amount if price else None,
        "price_currency": price.currency if price else None,
    }


def _match_row(index: int, match: Match, ruling: Ruling) -> Row:
    return {
        "image_index": index,
        "kind": match.kind,
        "brand_id": match.brand.id,
        "reference_id": match.reference.id,
        "external_id": match.reference.external_id,
        "confidence": match.confidence,
        "score": match.score,
        "box": match.box.as_list(6),
        "reference_box": match.reference_box.as_list(6),
        "reasons": list(match.reasons),
        "features": dict(match.features),
        "null_shift": match.shift,
        "suppressed_by": ruling.suppressed_by,
        "decision": ruling.decision,
        "policy_version": ruling.policy_version,
        "proof_required": ruling.proof_required,
        "because": list(ruling.because),
    }


def _image_row(index: int, outcome: Outcome, *, kept: bool) -> Row:
    empty = dict.fromkeys(("width", "height", "sha256", "photo_vectors", "logo_vectors", "regions", "problem"))
    row = {**empty, "position": index, "kept": False}
    if isinstance(outcome, BaseException):
        return row | {"problem": describe(outcome).document()}
    picture, asked = outcome.picture, outcome.embedding
    return row | {
        "kept": kept,
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "photo_vectors": pack(asked.photo.vectors),
        "logo_vectors": pack(asked.logo.vectors),
        "regions": {"photo": _boxes(asked.photo), "logo": _boxes(asked.logo)},
    }


def _boxes(regions: Regions) -> list[list[float]]:
    return [box.as_list() for box in regions.boxes]
