"""A stored match keeps what its score was made of, and does not show it."""

from __future__ import annotations

import base64

import pytest

from tests.photographs import jpeg
from vision.embedding import Kind

KIND: Kind = "photo"


def test_score_and_confidence_are_derived_again_from_what_is_stored(either, brand_of_either):
    runtime = either.app.state.lifecycle.runtime
    either.post(
        f"/v1/brands/{brand_of_either}/references", data={"kind": KIND}, files={"image": jpeg("coffee")}
    ).raise_for_status()
    picture = {"data": base64.b64encode(jpeg("coffee", 70)).decode()}
    shown = either.post("/v1/listings", json={"listing_id": "A-1", "images": [picture]}).json()
    (match,) = runtime.listings.get("default", "A-1").matches
    judged = runtime.calibration.judge(KIND, match.features, shift=match.null_shift)
    assert judged.score == pytest.approx(match.score, abs=1e-12)
    assert judged.confidence == pytest.approx(match.confidence, abs=1e-12)
    assert "features" not in shown["matches"][0]
