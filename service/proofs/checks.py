"""What is said of a proof to whoever decides: each thing that was looked at, and what came of it.

Place in the flow: when a case is shown, from the proof's row and from what resembles it now; so a document that a
second seller sends later is told of in the first one's case too. Pure. No check decides anything, and none says whose
the other document is: only reviewers are given the cases to look at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from service.proofs.records import Other
from service.proofs.values import Check, Outcome, Proof

_WORDS = {
    "file": "Another seller has sent the very same file.",
    "page": "Another seller has sent the same document: nothing that is printed on the first page differs.",
    "nearly": "Another seller has sent the same document but for a few places; compare the two.",
}


def checks_of(proof: Proof, others: Sequence[Other], today: date) -> tuple[Check, ...]:
    """The checks of `proof`, which `others` resemble."""
    found = [_document(proof), *_validity(proof, today), _number(others), _same_document(proof, others)]
    return tuple(found)


def _document(proof: Proof) -> Check:
    what = "A picture" if proof.media_type.startswith("image/") else "A PDF"
    pages = f" of {proof.pages} page{'s' if proof.pages > 1 else ''}" if what == "A PDF" else ""
    return Check("document", "ok", f"{what}{pages} that can be opened.", for_seller=True)


def _validity(proof: Proof, today: date) -> list[Check]:
    if proof.valid_until is None:
        if proof.type == "invoice":
            return []
        detail = "It is not said how long the authorisation holds."
        return [Check("validity", "warning", detail, for_seller=True)]
    if proof.valid_until < today:
        return [Check("validity", "failed", f"It ended on {proof.valid_until}.", for_seller=True)]
    return [Check("validity", "ok", f"It holds until {proof.valid_until}.", for_seller=True)]


def _number(others: Sequence[Other]) -> Check:
    if cases := _cases(others, ("number",)):
        detail = "Another seller has sent a document with this number for the same brand."
        return Check("number", "warning", detail, cases=cases)
    return Check("number", "ok", "No other seller has sent this number for the brand.")


def _same_document(proof: Proof, others: Sequence[Other]) -> Check:
    for how, words in _WORDS.items():
        if cases := _cases(others, (how,)):
            outcome: Outcome = "warning" if how == "nearly" else "failed"
            return Check("same_document", outcome, words, cases=_cases(others, _WORDS) or cases)
    if not proof.compared:
        return Check("same_document", "warning", "It is still being compared with what other sellers sent.")
    return Check("same_document", "ok", "No other seller has sent this document.")


def _cases(others: Sequence[Other], hows: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(other.case_id for other in others if other.how in hows))
