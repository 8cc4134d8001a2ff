"""What an operator decides about a conflict, and what that does to the reference."""

from __future__ import annotations

from service.conflicts.records import Conflicts
from service.conflicts.values import Conflict, ConflictState, Resolution
from service.enrolment import Enrolment


class Resolutions:
    """Releases and rejects."""

    def __init__(self, conflicts: Conflicts, enrolment: Enrolment) -> None:
        self._conflicts, self._enrolment = conflicts, enrolment

    def resolve(self, conflict_id: str, resolution: Resolution, *, reason: str, by: str) -> Conflict:
        """Close a conflict; `NotFound`, or `StateConflict` when it is closed.

        The reference is matched again with the last conflict that held it; one rejection keeps it held for good.
        """
        state: ConflictState = "released" if resolution == "release" else "rejected"
        conflict, free = self._conflicts.resolve(conflict_id, state, reason=reason, by=by)
        if free and conflict.reference_status == "quarantined":
            self._enrolment.update(conflict.reference_id, status="active")
        return self._conflicts.get(conflict_id)
