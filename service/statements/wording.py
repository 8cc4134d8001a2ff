"""The text of a statement of reasons, for the seller to read: pure.

Says what Article 17(3) of the Digital Services Act asks for, in its order: the measure with its scope and duration,
the facts, the part that machines had in it, the legal ground and why it applies, and what can be done against it.
Plain text: whoever shows it escapes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from service.statements.record import EXPLANATIONS, legal_ground
from service.statements.values import Automation, Grounds, Measure, Source

_MEASURES: Final[dict[Measure, str]] = {
    "hold": "is held: buyers do not see it until the case is decided",
    "removal": "was taken down: buyers do not see it any more",
    "warning": "This is a warning. It takes nothing from the account; further infringements will.",
    "restriction": "The account is restricted: it may not put up new listings.",
    "closure": "The account is closed for the time being: none of its listings is shown.",
    "ban": "The account is closed for good.",
}
_SOURCES: Final[dict[Source, str]] = {
    "voluntary": "The marketplace looked by itself; nobody sent a notice.",
    "notice": "A notice was received that named the listing (Article 16).",
    "trusted_flagger": "A trusted flagger sent a notice that named the listing (Article 22).",
}
_DECIDED: Final[dict[Automation, str]] = {
    "fully": "The decision was taken automatically, by the policy in force.",
    "partially": "The decision follows from what a person said and from terms that run by themselves.",
    "not": "A person looked at it and decided.",
}
_AGAINST_LISTING: Final = (
    "- Answer in this case, free of charge, with the link you were sent: show an invoice or an authorisation, or send "
    "a counter-notice. A decision against a counter-notice can be appealed once, and another reviewer looks at it."
)
_AGAINST_SELLER: Final = (
    "- Complain to the marketplace, free of charge, within six months. A person decides (Article 20). Points of a case "
    "that ends in your favour are taken back, and a restriction that stood on them ends."
)
_OUTSIDE: Final = (
    "- Take the dispute to a certified body for out-of-court settlement (Article 21).\n"
    "- Go to court at any time; none of the above takes that right away."
)


def make_text(grounds: Grounds) -> str:
    """The whole text."""
    sections = (
        ("What was done", _done(grounds)),
        ("Why", _why(grounds)),
        ("The part of machines", _machines(grounds)),
        ("Legal ground", f"{legal_ground(grounds)}\n{EXPLANATIONS[grounds.kind]}"),
        ("What you can do", f"{_AGAINST_LISTING if grounds.listing else _AGAINST_SELLER}\n{_OUTSIDE}"),
    )
    parts = (f"{number}. {title}\n{body}" for number, (title, body) in enumerate(sections, 1))
    head = "Statement of reasons, Article 17 of Regulation (EU) 2022/2065 (Digital Services Act)"
    return "\n\n".join((f"{head}\nReference {grounds.puid}, {_moment(grounds.applied_at)}", *parts)) + "\n"


def _done(grounds: Grounds) -> str:
    where = ", ".join(grounds.territories) or "everywhere the marketplace sells"
    if grounds.listing is None:
        return f"{_MEASURES[grounds.measure]}\nMarketplace: {grounds.marketplace}. {_duration(grounds)}"
    listing = grounds.listing
    named = f"“{listing.title}” ({listing.listing_id})" if listing.title else listing.listing_id
    page = f"\nAddress: {listing.url}" if listing.url else ""
    return (
        f"Your listing {named} at {grounds.marketplace} {_MEASURES[grounds.measure]}.{page}\n"
        f"Where: {where}. {_duration(grounds)}"
    )


def _duration(grounds: Grounds) -> str:
    match grounds.measure:
        case "hold":
            answer = f" You have until {_moment(grounds.until)} to answer; then it is removed." if grounds.until else ""
            return f"How long: until the case is decided.{answer}"
        case "removal":
            return "How long: without an end, unless the decision is changed."
        case "ban":
            return "How long: without an end; time does not lift it."
        case "warning":
            return "How long: it is remembered until the points behind it have faded."
    if grounds.until is not None:
        return f"How long: until {_moment(grounds.until)}."
    return "How long: until the points behind it have faded below the mark of this level."


def _why(grounds: Grounds) -> str:
    lines = []
    if grounds.listing is not None and grounds.kind is not None:
        what = "is a copy of a product photograph of" if grounds.kind == "stolen_photo" else "shows a logo of"
        sure = "" if grounds.confidence is None else f", with a confidence of {grounds.confidence:.2f}"
        lines.append(f"A picture of the listing {what} {grounds.brand or 'a brand on record'}{sure}.")
    if grounds.points is not None:
        lines.append(f"Takedowns of your listings weigh {grounds.points:g} points by the marketplace's terms.")
    lines += [f"In the words of the decision: {grounds.reason}", _SOURCES[grounds.source]]
    return "\n".join(lines)


def _machines(grounds: Grounds) -> str:
    found = "The pictures were compared and the match was found by automated means."
    by_hand = "It was not found by automated means."
    return f"{found if grounds.detected else by_hand} {_DECIDED[grounds.decided]}"


def _moment(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if when else ""
