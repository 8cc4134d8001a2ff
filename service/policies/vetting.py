"""Whether a draft can be a policy: rules that do not contradict one another, marketplaces that exist, bounds kept.

Place in the flow: before a policy is stored or tried. Pure; where a number alone is wrong, the interface said so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from service.errors import Invalid
from service.policies.values import EVERYWHERE, REVIEW_FROM, Bounds, Draft, Rule
from service.rights.values import NEEDED

_LEVELS = ("monitor", "review", "hold", "takedown")
_Error = dict[str, Any]


def vet(draft: Draft, marketplaces: Collection[str], bounds: Bounds | None) -> None:
    """Raise `Invalid` with everything that is wrong with `draft`; without `bounds` any threshold may be chosen."""
    errors = [*_overlaps(draft.rules), *_unknown(draft.rules, marketplaces), *_unordered(draft.rules)]
    if bounds is not None:
        errors += [*_beyond(draft.rules, bounds), *_held_for_proof(draft, bounds)]
    if errors:
        raise Invalid("The policy contradicts itself or goes too far; mend its rules and send again.", errors=errors)


def _overlaps(rules: tuple[Rule, ...]) -> Iterator[_Error]:
    seen: dict[tuple[str, str], int] = {}
    for number, one in enumerate(rules):
        first = seen.setdefault((one.kind, one.marketplace), number)
        if first != number:
            yield _error(number, None, f"rule {first} is for the same kind and marketplace; keep one of them")


def _unknown(rules: tuple[Rule, ...], marketplaces: Collection[str]) -> Iterator[_Error]:
    for number, one in enumerate(rules):
        if one.marketplace != EVERYWHERE and one.marketplace not in marketplaces:
            yield _error(number, "marketplace", "unknown marketplace; name one that exists, or * for everywhere")


def _unordered(rules: tuple[Rule, ...]) -> Iterator[_Error]:
    for number, one in enumerate(rules):
        milder: tuple[str, float] | None = None
        for level in _LEVELS:
            value: float | None = getattr(one, level)
            if value is None:
                continue
            if milder is not None and value < milder[1]:
                yield _error(number, level, f"must not be lower than {milder[0]}")
            milder = level, value


def _beyond(rules: tuple[Rule, ...], bounds: Bounds) -> Iterator[_Error]:
    for number, one in enumerate(rules):
        for level, lowest in (("hold", bounds.hold), ("takedown", bounds.takedown)):
            value: float | None = getattr(one, level)
            if value is not None and value < lowest:
                yield _error(number, level, f"must be at least {lowest}: ask the operator for a lower bound")


def _held_for_proof(draft: Draft, bounds: Bounds) -> Iterator[_Error]:
    """Where sellers are asked for proof, what is reviewed is held: `review` is then bound as `hold` is."""
    if not draft.proof_required:
        return
    wanted = f"must be at least {bounds.hold} beside proof_required, which holds what is reviewed"
    for number, one in enumerate(draft.rules):
        if one.review is not None and one.review < bounds.hold:
            yield _error(number, "review", wanted)
    ruled = {one.kind for one in draft.rules if one.marketplace == EVERYWHERE}
    for kind in NEEDED:
        if kind not in ruled and bounds.hold > REVIEW_FROM:
            yield {"loc": ["body", "rules"], "msg": f"add a rule of {kind} for *, whose review {wanted}"}


def _error(number: int, member: str | None, message: str) -> _Error:
    return {"loc": ["body", "rules", number, *([] if member is None else [member])], "msg": message}
