"""A case as the interface, the webhooks and the pages show it: one document, a few queries for a whole page of cases.

A seller never learns which person or key stands on the other side, nor a brand which reviewer: only whoever works the
cases sees who did what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from service.cases import evidence, moves, records
from service.cases.backing import Backed, all_backed
from service.cases.values import Acting, Case, Entry, Message, Running
from service.stamps import stamp

Document: TypeAlias = dict[str, Any]
ShowProofs: TypeAlias = Callable[[sa.Connection, Sequence[Case], Acting | None], Mapping[str, list[Document]]]
"""The proofs of each case by its id, as `Acting` may see them."""
_INSIDE = frozenset({"operator", "reviewer"})


def no_proofs(_connection: sa.Connection, _cases: Sequence[Case], _asker: Acting | None) -> dict[str, list[Document]]:
    """What is shown where nothing files proofs."""
    return {}


def documents(
    connection: sa.Connection,
    cases: Sequence[Case],
    asker: Acting | None,
    show_proofs: ShowProofs = no_proofs,
    backed: Backed = all_backed,
) -> list[Document]:
    """Each of `cases` as `asker` may see it; None is nobody in particular, such as a webhook."""
    stands_on = evidence.read(connection, cases)
    audit, said = records.entries(connection, cases), records.messages(connection, cases)
    around = moves.circumstances(connection, cases, asker, backed)
    proofs = show_proofs(connection, cases, asker)
    shown = []
    for case in cases:
        found = stands_on[case.pk]
        document = _case(case, found, inside=_is_inside(asker))
        document["audit"] = [_entry(entry, asker) for entry in audit.get(case.pk, [])]
        document["messages"] = [_message(message, asker) for message in said.get(case.pk, [])]
        document["proofs"] = proofs.get(case.id, [])
        document["allowed_actions"] = [] if asker is None else moves.allowed(case, asker, around[case.pk])
        shown.append(document)
    return shown


def _case(case: Case, found: Document, *, inside: bool) -> Document:
    return {
        "id": case.id,
        "state": case.state,
        "marketplace": case.marketplace,
        "listing_id": case.listing_id,
        "seller_id": case.seller_id,
        "brand_id": case.brand_id,
        "brand": found["match"]["brand"],
        "kind": case.kind,
        "confidence": round(case.confidence, 6),
        "policy_version": case.policy_version,
        "proof_required": case.proof_required,
        "evidence_version": case.evidence_version,
        "found": found["found"],
        "clock": None if case.clock is None else _clock(case.clock),
        "reviewer": case.reviewer if inside else None,
        "appealed": case.appealed,
        "opened_at": stamp(case.opened_at),
        "moved_at": stamp(case.moved_at),
        "listing": found["listing"],
        "match": found["match"] | {"case_id": case.id},
        "features": found["features"],
        "reference_sha256": found["reference_sha256"],
    }


def _clock(clock: Running) -> Document:
    return {
        "name": clock.clock,
        "whose_turn": clock.whose_turn,
        "deadline": stamp(clock.deadline),
        "on_silence": clock.on_silence,
    }


def _entry(entry: Entry, asker: Acting | None) -> Document:
    return {
        "number": entry.number,
        "at": stamp(entry.at),
        "actor": _actor(entry.actor, asker),
        "action": entry.action,
        "from": entry.source,
        "to": entry.target,
        "reason": entry.reason,
        "evidence_version": entry.evidence_version,
        "details": entry.details,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _message(message: Message, asker: Acting | None) -> Document:
    author = _actor(message.author, asker)
    return {"id": message.id, "author": author, "text": message.text, "at": stamp(message.at)}


def _actor(actor: Acting, asker: Acting | None) -> Document:
    known = _is_inside(asker) or actor.role == "system" or (asker is not None and asker.role == actor.role)
    return {"role": actor.role, "id": actor.id if known else None}


def _is_inside(asker: Acting | None) -> bool:
    return asker is not None and asker.role in _INSIDE
