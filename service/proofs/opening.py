"""Opening the proofs of a runtime, and letting them be seen with its cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.proofs.proofs import Proofs
from vision.images import DecodeLimits

if TYPE_CHECKING:
    from service.runtime import Runtime


def open_proofs(runtime: Runtime) -> Proofs:
    """The proofs of `runtime`, whose storage, pipeline and cases are open."""
    settings = runtime.settings
    proofs = Proofs(
        runtime.database,
        blobs=runtime.blobs,
        pictures=runtime.pictures,
        cases=runtime.cases,
        pipeline=runtime.pipeline,
        limits=DecodeLimits(max_bytes=settings.image_max_bytes, max_pixels=settings.image_max_pixels),
    )
    runtime.cases.show_proofs_with(proofs.show)
    return proofs
