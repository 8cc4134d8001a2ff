"""The audit's chain: each entry carries the SHA-256 over its content and the digest before it.

Pure. Whoever holds the entries of a case can check them without the service: take an entry's members but `digest`,
write them as JSON with sorted keys, no spaces and nothing escaped but what JSON asks for, encode as UTF-8, hash.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from service.canonical import canonical
from service.cases.states import State
from service.cases.values import Entry
from service.stamps import stamp

BEGINNING: Final = "0" * 64
"""What the first entry has for `previous`."""


def content(entry: Entry) -> dict[str, Any]:
    """What the digest is over."""
    return {
        "case_id": entry.case_id,
        "number": entry.number,
        "at": stamp(entry.at),
        "actor": {"role": entry.actor.role, "id": entry.actor.id},
        "action": entry.action,
        "from": entry.source,
        "to": entry.target,
        "reason": entry.reason,
        "evidence_version": entry.evidence_version,
        "details": entry.details,
        "previous": entry.previous,
    }


def digest(entry: Entry) -> str:
    """The SHA-256 of the entry's content as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(content(entry))).hexdigest()


def sealed(entry: Entry, previous: Entry | None) -> Entry:
    """`entry` as the one after `previous`."""
    number = 1 if previous is None else previous.number + 1
    before = BEGINNING if previous is None else previous.digest
    placed = dataclasses.replace(entry, number=number, previous=before)
    return dataclasses.replace(placed, digest=digest(placed))


def verify_chain(entries: Sequence[Entry], *, state: State | None = None) -> int | None:
    """The number of the first entry that is not as it was written; None when all are whole.

    With `state`, the state the case is in, entries cut off at the end are noticed where they moved it: then the answer
    is the number the next entry would have.
    """
    previous: Entry | None = None
    for number, entry in enumerate(entries, 1):
        if entry != sealed(entry, previous) or (previous is not None and entry.case_id != previous.case_id):
            return number
        if previous is not None and entry.source not in (None, previous.target):
            return number
        previous = entry
    if state is not None and (previous is None or previous.target != state):
        return len(entries) + 1
    return None
