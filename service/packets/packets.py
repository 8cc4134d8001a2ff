"""The way in: the packet of a case for somebody who may see it, and the key it is signed with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from indexes.blobs import BlobStore
from indexes.database import Database
from indexes.errors import BlobMissing, NotFound
from service.cases import Acting, Case, Cases
from service.packets.calibrations import Calibrations
from service.packets.contents import Material, write_files
from service.packets.keys import InstallationKey, open_key
from service.packets.sealing import seal
from service.policies import Policies
from service.rights import Rights
from service.settings import Settings

if TYPE_CHECKING:
    from service.runtime import Runtime

Statements = Callable[[Case], Sequence[dict[str, Any]]]
"""The statements of reasons that a case gave, the last one first."""


class Packets:
    """Makes packets. Thread-safe; `make` decodes and draws two pictures, so it is called off the event loop."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        blobs: BlobStore,
        cases: Cases,
        rights: Rights,
        policies: Policies,
        name_model: Callable[[str], str],
        statements: Statements,
    ) -> None:
        self._settings, self._database, self._blobs, self._cases = settings, database, blobs, cases
        self._rights, self._policies, self._name_model = rights, policies, name_model
        self.calibrations = Calibrations(database)
        self._statements = statements
        self._key: InstallationKey | None = None
        self._lock = threading.Lock()

    @property
    def key(self) -> InstallationKey:
        """The installation's key; made when it is first asked for."""
        with self._lock:
            if self._key is None:
                self._key = open_key(self._settings)
            return self._key

    def make(self, case: Case, asker: Acting) -> bytes:
        """The signed zip of a case as `asker` may see it."""
        return seal(write_files(self._material(case, asker)), case.id, self.key)

    def _material(self, case: Case, asker: Acting) -> Material:
        evidence = self._cases.evidence(case)
        document = self._cases.documents([case], asker)[0]
        listing = evidence["listing"]
        index = evidence["match"]["image_index"]
        shown = next((image.get("sha256") for image in listing["images"] if image["index"] == index), None)
        with self._database.read() as connection:
            rights = self._rights.of_brand(connection, case.brand_id)
        return Material(
            case=document,
            evidence=evidence,
            role=asker.role,
            model=self._name_model(listing["space"]),
            calibration=self.calibrations.find(listing["calibration"]),
            policy=self._policy(case),
            rights=[right for right in rights if right.is_for(case.kind) and right.in_force(case.opened_at)],
            listing_picture=self._picture(shown),
            reference_picture=self._picture(evidence["reference_sha256"]),
            statements=self._statements(case),
        )

    def _policy(self, case: Case) -> dict[str, Any]:
        try:
            policy = self._policies.get(case.brand_id, case.policy_version or None)
        except NotFound:
            return {"version": case.policy_version, "rules": [], "proof_required": []}
        rules = [] if case.policy_version == 0 else [rule.as_json() for rule in policy.rules]
        proof = [] if case.policy_version == 0 else [rule.as_json() for rule in policy.proof_required]
        return {"version": case.policy_version, "rules": rules, "proof_required": proof}

    def _picture(self, sha256: str | None) -> bytes | None:
        try:
            return None if sha256 is None else self._blobs.get(sha256)
        except BlobMissing:
            return None


def open_packets(runtime: Runtime) -> Packets:
    """The packets of `runtime`, whose storage, spaces and cases are open."""
    names = runtime.spaces.records

    def name_model(space_id: str) -> str:
        return next((space.model for space in names.all() if space.id == space_id), "")

    def statements(case: Case) -> Sequence[dict[str, Any]]:
        try:
            return [statement.as_json() for statement in runtime.trust.statements.of_case(case)]
        except NotFound:
            return ()

    packets = Packets(
        runtime.settings,
        runtime.database,
        blobs=runtime.blobs,
        cases=runtime.cases,
        rights=runtime.rights,
        policies=runtime.policies,
        name_model=name_model,
        statements=statements,
    )
    packets.calibrations.remember(runtime.calibration)
    return packets
