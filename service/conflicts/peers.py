"""Other brands' references with the same picture.

Place in the flow: `service.conflicts.checking` asks for each new reference. The index proposes, the verifier and the
calibration that judge listings decide. Only active references of brands that are not suspended are looked at.
"""

from __future__ import annotations

from typing import Final

from indexes.blobs import BlobStore
from indexes.brands import Brand
from indexes.catalog import Catalog, Reference
from service.conflicts.values import Agreement, Finding, Side, held_of
from service.likeness import SAME, Comparison
from service.pipeline import Pipeline
from service.spaces.loading import LoadedSpace

_NEAR: Final = 64
_VERIFIED: Final = 8
_PATIENCE: Final = 60.0


class Peers:
    """Compares references of different brands."""

    def __init__(self, catalog: Catalog, blobs: BlobStore, comparison: Comparison, pipeline: Pipeline) -> None:
        self._catalog, self._blobs = catalog, blobs
        self._comparison, self._pipeline = comparison, pipeline

    def find(self, space: LoadedSpace, reference: Reference) -> list[Finding]:
        """What speaks against `reference`, or against another one because of it."""
        near = self._near(space, reference)
        row = self._catalog.matchable([reference.pk]).get(reference.pk)
        if not near or row is None:
            return []
        sides = [(side, similarity) for side, similarity in near if _is_settled(row, side)]
        same = self._same_photos if reference.kind == "photo" else self._same_marks
        return [_finding(row, side, how, confidence) for side, how, confidence in same(space, row, sides[:_VERIFIED])]

    def _near(self, space: LoadedSpace, reference: Reference) -> list[tuple[Side, float]]:
        """Other brands' references by falling similarity."""
        vectors = space.gallery.vectors_of(reference.kind, [reference.pk]).get(reference.pk)
        if vectors is None:
            return []
        floor = space.model.calibration.floor(reference.kind)
        best: dict[int, float] = {}
        for one in space.gallery.candidates(reference.kind, vectors, _NEAR)[1]:
            if one.similarity >= floor:
                best[one.reference_pk] = max(one.similarity, best.get(one.reference_pk, -1.0))
        rows = self._catalog.matchable(best.keys())
        others = [(row, best[pk]) for pk, row in rows.items() if row[0].brand_pk != reference.brand_pk]
        return sorted(others, key=lambda entry: -entry[1])

    def _same_photos(
        self, space: LoadedSpace, row: Side, sides: list[tuple[Side, float]]
    ) -> list[tuple[Side, Agreement, float]]:
        if not sides:
            return []
        query = self._comparison.stored(row[0].sha256)
        if query is None:
            return []
        vector = space.gallery.vectors_of("photo", [row[0].pk])[row[0].pk][0]
        found: list[tuple[Side, Agreement, float]] = []
        for side, similarity in sides:
            if side[0].sha256 == row[0].sha256:
                found.append((side, "bytes", 1.0))
                continue
            likeness = self._comparison.compare(query, vector, side[0].sha256, similarity)
            if likeness is not None and likeness.same:
                found.append((side, "pixels", likeness.confidence))
        return found

    def _same_marks(
        self, _space: LoadedSpace, row: Side, sides: list[tuple[Side, float]]
    ) -> list[tuple[Side, Agreement, float]]:
        by_id = {side[0].id: side for side, _ in sides}
        if not by_id:
            return []
        brand_ids = frozenset(side[1].id for side in by_id.values())
        data = self._blobs.get(row[0].sha256)
        asked = self._pipeline.query(data, kinds=("logo",), brand_ids=brand_ids, per_kind=_VERIFIED, patience=_PATIENCE)
        matches = [match for match in asked.result().result.matches if match.reference.id in by_id]
        return [
            (by_id[match.reference.id], "pixels", match.confidence) for match in matches if match.confidence >= SAME
        ]


def _is_settled(one: Side, other: Side) -> bool:
    """Whether one of the two would be held. Marks are compared with verified brands' only: a name is not a picture."""
    stays: Brand = held_of(one, other)[1][1]
    return one[0].kind == "photo" or stays.status == "verified"


def _finding(one: Side, other: Side, agreement: Agreement, confidence: float) -> Finding:
    (held, _), (stays, brand) = held_of(one, other)
    return Finding(held, "reference", agreement, confidence, stays.created_at, stays.id, brand.id)
