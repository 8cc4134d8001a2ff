"""The record of a restriction in the shape of the EU transparency database: pure, field by field.

Names no person: no seller, no page, no mail, and no free text of people. The brand's name is a free text of the brand
and is scrubbed like everything else. Fields and limits are those of the database's interface, version 1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from service.statements.scrubbing import cut, scrub
from service.statements.values import Automation, Grounds, Measure, Source
from service.territories import UNIONS, countries, is_world

LEGAL_GROUND_LIMIT: Final = 500
EXPLANATION_LIMIT: Final = 2_000
FACTS_LIMIT: Final = 5_000
EEA: Final = tuple(sorted({*UNIONS["EU"], "IS", "LI", "NO"}))
"""Where the Digital Services Act holds; the database knows no other territories."""
_MEASURES: Final[dict[Measure, dict[str, Any]]] = {
    "hold": {"decision_visibility": ["DECISION_VISIBILITY_CONTENT_DISABLED"]},
    "removal": {"decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"]},
    "restriction": {"decision_provision": "DECISION_PROVISION_PARTIAL_SUSPENSION"},
    "closure": {"decision_account": "DECISION_ACCOUNT_SUSPENDED"},
    "ban": {"decision_account": "DECISION_ACCOUNT_TERMINATED"},
}
_SOURCES: Final[dict[Source, str]] = {
    "voluntary": "SOURCE_VOLUNTARY",
    "notice": "SOURCE_ARTICLE_16",
    "trusted_flagger": "SOURCE_TRUSTED_FLAGGER",
}
_DECIDED: Final[dict[Automation, str]] = {
    "fully": "AUTOMATED_DECISION_FULLY",
    "partially": "AUTOMATED_DECISION_PARTIALLY",
    "not": "AUTOMATED_DECISION_NOT_AUTOMATED",
}
_KEYWORDS: Final = {
    "stolen_photo": ["KEYWORD_COPYRIGHT_INFRINGEMENT"],
    "logo_use": ["KEYWORD_TRADEMARK_INFRINGEMENT"],
    None: ["KEYWORD_COPYRIGHT_INFRINGEMENT", "KEYWORD_TRADEMARK_INFRINGEMENT"],
}
LEGAL_GROUNDS: Final = {
    "stolen_photo": "Copyright in the photograph: Articles 2 to 4 of Directive 2001/29/EC and the national law on "
    "copyright.",
    "logo_use": "Trade mark: Article 9(2) of Regulation (EU) 2017/1001, Article 10(2) of Directive (EU) 2015/2436 and "
    "the national law on trade marks.",
    None: "Repeated infringement of intellectual property: Article 23(1) of Regulation (EU) 2022/2065, with the law on "
    "copyright and on trade marks that each removed listing infringed.",
}
EXPLANATIONS: Final = {
    "stolen_photo": "A picture of the listing reproduces a photograph that is protected by copyright. Copying it and "
    "making it available to the public takes the consent of the owner of the right, which the seller has not shown.",
    "logo_use": "A picture of the listing shows a sign that is a registered trade mark, or one that can be confused "
    "with it, in the offer of goods. Using it in the course of trade takes the consent of the owner, which the seller "
    "has not shown.",
    None: "Several listings of the same seller were taken down because they infringed intellectual property. "
    "Suspending a recipient of the service that frequently provides manifestly illegal content is what the law asks.",
}


def make_record(grounds: Grounds) -> dict[str, Any] | None:
    """The record; None for a warning, which restricts nothing."""
    measure = _MEASURES.get(grounds.measure)
    if measure is None:
        return None
    listing = grounds.listing
    listed_on = listing.listed_on if listing is not None else grounds.applied_at
    record = {
        **measure,
        "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
        "illegal_content_legal_ground": cut(legal_ground(grounds), LEGAL_GROUND_LIMIT),
        "illegal_content_explanation": cut(EXPLANATIONS[grounds.kind], EXPLANATION_LIMIT),
        "content_type": ["CONTENT_TYPE_PRODUCT"] if listing is None else ["CONTENT_TYPE_PRODUCT", "CONTENT_TYPE_IMAGE"],
        "category": "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "category_specification": _KEYWORDS[grounds.kind],
        "content_date": _day(min(listed_on, grounds.applied_at)),
        "application_date": _day(grounds.applied_at),
        "decision_facts": cut(facts(grounds), FACTS_LIMIT),
        "source_type": _SOURCES[grounds.source],
        "automated_detection": "Yes" if grounds.detected else "No",
        "automated_decision": _DECIDED[grounds.decided],
        "puid": grounds.puid,
        "territorial_scope": scope(grounds.territories),
    }
    ean = ean_13(listing.gtin) if listing is not None else None
    return record if ean is None else record | {"content_id": {"EAN-13": ean}}


def legal_ground(grounds: Grounds) -> str:
    """The law, and the right on record where there is one."""
    right = f" Right on record: {cut(' '.join(grounds.right.split()), 120)}." if grounds.right else ""
    return LEGAL_GROUNDS[grounds.kind] + right


def facts(grounds: Grounds) -> str:
    """What the decision went by, without anybody's own words."""
    if grounds.listing is None or grounds.kind is None:
        return (
            f"Takedowns of the seller's listings for infringements weigh {grounds.points or 0:g} points by the "
            f"marketplace's published terms, which reaches the level of this measure."
        )
    what = (
        "a copy, possibly edited, of a protected product photograph"
        if grounds.kind == "stolen_photo"
        else "a protected logo or one that can be confused with it"
    )
    brand = scrub(grounds.brand or "", (grounds.seller_id,))
    sure = (
        "" if grounds.confidence is None else f" Comparing the pictures gave a confidence of {grounds.confidence:.2f}."
    )
    found = f"A picture of the listing was found to show {what}, of the brand {brand or 'on record'}.{sure}"
    return f"{found} {_HOW[grounds.decided]}"


_HOW: Final[dict[Automation, str]] = {
    "fully": "The measure was taken by the brand's policy and the marketplace's terms, without a person.",
    "partially": "A person and the terms of the procedure decided together.",
    "not": "A person looked at both pictures and decided.",
}


def scope(territories: tuple[str, ...]) -> list[str]:
    """Codes of the European Economic Area the measure holds in; all of them where nothing narrows it."""
    named = frozenset(EEA) if is_world(territories) else countries(territories)
    return [code for code in EEA if code in named]


def ean_13(gtin: str | None) -> str | None:
    """The number as an EAN-13, when its check digit is right."""
    digits = (gtin or "").replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()) or not 12 <= len(digits) <= 14:
        return None
    digits = digits.zfill(14)
    if digits[0] != "0" or set(digits) == {"0"}:
        return None
    digits = digits[1:]
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits[:12]))
    return digits if (10 - total % 10) % 10 == int(digits[12]) else None


def _day(when: datetime) -> str:
    return when.astimezone(UTC).date().isoformat()
