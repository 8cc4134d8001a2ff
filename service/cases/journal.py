"""Writing what happened to a case: an entry of the audit, and word to whoever watches, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.cases import records
from service.cases.states import State
from service.cases.values import Acting, Case, Entry, Watcher


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody did something, and said why."""

    acting: Acting
    action: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """Appends entries. Watchers hear of every entry that opens or moves a case, in the order they were added."""

    def __init__(self, watchers: Iterable[Watcher] = ()) -> None:
        self._watchers = list(watchers)

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` as well, from now on."""
        self._watchers.append(watcher)

    def moved(self, connection: sa.Connection, case: Case, deed: Deed, source: State | None) -> Entry:
        """`deed` brought the case from `source` (None: it is new) to where it is."""
        entry = records.append(connection, case, _entry(case, deed, source, case.moved_at))
        for watcher in self._watchers:
            watcher.moved(connection, case, entry)
        return entry

    def noted(self, connection: sa.Connection, case: Case, deed: Deed, at: datetime) -> Entry:
        """`deed` moved nothing."""
        return records.append(connection, case, _entry(case, deed, case.state, at))


def _entry(case: Case, deed: Deed, source: State | None, at: datetime) -> Entry:
    return Entry(
        case_id=case.id,
        number=0,
        at=at,
        actor=deed.acting,
        action=deed.action,
        source=source,
        target=case.state,
        reason=deed.reason,
        evidence_version=case.evidence_version,
        details=dict(deed.details),
    )
