"""The steps of a space's life, as an operator asks for them: begin, shadow, promote, roll back, delete.

Place in the flow: called by the HTTP interface. Each step is checked and written in `service.spaces.records`; what is
expensive (loading, embedding what is lacking) happens before anything changes, so that a step that fails leaves the
service as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from indexes.catalog import Catalog
from service.errors import ServiceError, StateConflict
from service.jobs import Job, Jobs, Starter
from service.spaces.filling import Filling
from service.spaces.preparing import KIND
from service.spaces.records import CANDIDATES, Space, SpaceRecords, SpaceStatus, predecessor
from service.spaces.spaces import Spaces
from service.spaces.statistics import Statistics


class GateNotPassed(ServiceError):
    """A space may not be promoted: no gate was passed, and no reason was given for doing without."""

    status, slug, title = 409, "gate-not-passed", "Gate not passed"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a step, and why where they said so."""

    by: str
    reason: str | None = None


class Life:
    """Moves spaces on. Thread-safe; one step at a time is decided by SQL."""

    def __init__(
        self,
        spaces: Spaces,
        filling: Filling,
        jobs: Jobs,
        catalog: Catalog,
        statistics: Statistics,
        *,
        setting: str,
        share: float,
    ) -> None:
        self._spaces, self._filling, self._jobs, self._catalog = spaces, filling, jobs, catalog
        self._statistics = statistics
        self._setting, self._share = setting, share

    @property
    def records(self) -> SpaceRecords:
        """The rows of the spaces."""
        return self._spaces.records

    def start(self, model: str, owner: Starter) -> tuple[Space, Job]:
        """Load a model beside the current one and begin to embed every reference with it.

        `ModelRefused` for one that cannot be used; `StateConflict` when it serves or another is being tried.
        """
        made = self._spaces.try_model(model)
        space = self.records.begin(made.identity, owner.key_id)
        job = self._jobs.start(KIND, owner, {"space_id": space.id})
        self.records.note_job(space.id, job.id)
        return self.records.get(space.id), job

    def shadow(self, space_id: str, asked: Asked, *, share: float | None, gate: dict[str, Any] | None) -> Space:
        """Let a complete space judge a share of the live listings beside the active one; a share of 0 ends that."""
        share = self._share if share is None else share
        space = self.records.get(space_id)
        if gate is not None:
            self._keep_gate(space, gate)
        status: SpaceStatus = "shadow" if share > 0 else "ready"
        moved = self.records.move(
            space_id, status, since={"ready", "shadow"}, by=asked.by, reason=asked.reason, share=share
        )
        if space.status == "ready" and status == "shadow":
            self._statistics.clear(space_id)
        self._spaces.follow()
        return moved

    def promote(self, space_id: str, asked: Asked, *, gate: dict[str, Any] | None) -> Space:
        """Let a complete space judge from now on. Without a gate that was passed it takes a reason.

        `GateNotPassed`, `StateConflict`, `ModelRefused`.
        """
        space, active = self.records.get(space_id), self._spaces.active
        if space.status not in ("ready", "shadow"):
            raise StateConflict(
                f"The space {space_id} is {space.status}; only one that is ready or in shadow can serve."
            )
        if gate is not None:
            self._keep_gate(space, gate)
        if asked.reason is None:
            check_gate(gate or space.gate, space_id, active.id)
        loaded = self._spaces.ensure(space)
        self._filling.complete(loaded)
        with self._spaces.enrolling.writing():
            self._filling.complete(loaded)
            moved = self.records.activate(
                space_id, instead_of=active.id, setting=self._setting, by=asked.by, reason=asked.reason
            )
            self._spaces.switch(loaded)
        self._spaces.follow()
        return moved

    def roll_back(self, space_id: str, asked: Asked) -> Space:
        """Let the space judge again that judged before `space_id`; it was kept complete. `StateConflict`."""
        space = self.records.get(space_id)
        if space.status != "active":
            raise StateConflict(f"The space {space_id} is {space.status}; what is rolled back is the active one.")
        loaded = self._spaces.ensure(self.records.get(predecessor(space)))
        self._filling.complete(loaded)
        with self._spaces.enrolling.writing():
            self._filling.complete(loaded)
            moved = self.records.go_back(space_id, setting=self._setting, by=asked.by, reason=asked.reason)
            self._spaces.switch(loaded)
        return moved

    def delete(self, space_id: str) -> None:
        """Forget a space that does not judge, its job and its vectors; `StateConflict` for the active one."""
        space = self.records.get(space_id)
        if space.status == "preparing" and space.job_id is not None:
            self._jobs.cancel(space.job_id)
        self.records.delete(space_id)
        self._spaces.follow()
        self._catalog.forget(space_id)

    def _keep_gate(self, space: Space, gate: dict[str, Any]) -> None:
        if space.status not in CANDIDATES:
            raise StateConflict(f"The space {space.id} is {space.status}; a gate is for one that is being tried.")
        if gate["candidate"]["space"] != space.id:
            raise StateConflict(f"The gate's report is about {gate['candidate']['space']}, not about {space.id}.")
        self.records.note_gate(space.id, gate)


def check_gate(gate: dict[str, Any] | None, space_id: str, active_id: str) -> None:
    """Raise `GateNotPassed` unless `gate` says that `space_id` is no worse than `active_id`."""
    how = "Run `brandwarden-train gate`, or give a `reason` to promote it all the same."
    if gate is None:
        raise GateNotPassed(f"The space {space_id} has passed no gate. {how}")
    if gate["current"]["space"] != active_id:
        raise GateNotPassed(f"The gate compared it with {gate['current']['space']}, and {active_id} serves now. {how}")
    if not gate["passed"]:
        failed = ", ".join(str(name) for name in gate.get("failed", ())) or "its report says so"
        raise GateNotPassed(f"The space {space_id} did not pass its gate: {failed}. {how}")
