"""The search over one model's index, put together from the parts of an open runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.cascade import LOGO_LIKE
from indexes.gallery import Gallery
from indexes.search import Searcher
from indexes.verifiers import ReadsWords
from service.describing import kept_marks, kept_photos
from service.pipeline.work import Search
from service.spaces.loading import Model
from vision.verification import LogoVerifier, PhotoGlances, PhotoVerifier

if TYPE_CHECKING:  # the runtime has this put together
    from service.runtime import Runtime


def make_search(runtime: Runtime, read: ReadsWords | None, model: Model, gallery: Gallery) -> Search:
    """Search with `model` in `gallery`; `read` finds the words in pictures, where they are read."""
    return Searcher(
        catalog=runtime.catalog,
        brands=runtime.brands,
        blobs=runtime.blobs,
        gallery=gallery,
        calibration=model.calibration,
        photo_verifier=PhotoVerifier(),
        logo_verifier=LogoVerifier(),
        read=read,
        embed_crops=model.embedder.embed_crops,
        logoness=LOGO_LIKE if model.calibration.calibrated else 0.0,
        background=model.background_of_calibration,
        glances=PhotoGlances(),
        kept_photos=kept_photos(runtime.shelves, runtime.metrics),
        kept_marks=kept_marks(runtime.shelves, runtime.metrics),
        on_skipped=runtime.metrics.observe_skipped,
    )
