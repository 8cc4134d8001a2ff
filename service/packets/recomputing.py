"""The two pictures of a packet judged anew, as a listing is: in a service of its own that knows nothing else.

A scratch service with the model of this machine takes the reference into an empty catalogue and is asked for the
listing's picture, so that the real embedder, search and verifier do it. A model that a packet names is never fetched:
only the one that the settings name is used, where its space is the one that judged.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexes.scoring import Judgement
from service.packets.checking import Recompute
from service.runtime import Runtime
from service.settings import Settings
from vision.embedding import Embedder, Kind
from vision.errors import VisionError


def recomputer(settings: Settings, embedder: Embedder | None = None) -> Recompute:
    """A function that judges the pictures of a case with the model of `settings`."""

    def recompute(case: Mapping[str, Any], listing: bytes, reference: bytes) -> Judgement | str:
        with tempfile.TemporaryDirectory(prefix="brandwarden-") as folder:
            alone = dataclasses.replace(
                settings, data_dir=Path(folder), database_url=None, blob_url=None, signing_key=None
            )
            runtime = Runtime.open(alone, embedder=embedder)
            try:
                return _judge(runtime, case, listing, reference)
            except VisionError as error:
                return f"A picture cannot be read here: {error}."
            finally:
                runtime.close()

    return recompute


def _judge(runtime: Runtime, case: Mapping[str, Any], listing: bytes, reference: bytes) -> Judgement | str:
    space, wanted = runtime.embedder.space, case["judged_by"]["space"]
    if space.id != wanted:
        return f"The model of this machine makes vectors of the space {space.id}; the packet was judged in {wanted}."
    if runtime.calibration.version != case["judged_by"]["calibration"]:
        return "This machine has another calibration of the model than the one that judged."
    kind: Kind = "photo" if case["case"]["kind"] == "stolen_photo" else "logo"
    brand = runtime.brands.create(str(case["case"]["brand"])[:200])
    runtime.enrolment.add(brand.id, kind, reference)
    checked = runtime.pipeline.query(listing, kinds=(kind,)).result()
    matches = checked.result.matches
    if not matches:
        return Judgement(0.0, 0.0)
    return runtime.calibration.judge(kind, matches[0].features, shift=case["case"]["match"]["null_shift"])
