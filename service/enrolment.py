"""Reference pictures into the catalogue: embedded, stored, indexed, and taken out again.

Place in the flow: called by the references API and by catalogue imports. When a method returns, what it did is on
disk and the index of this process follows it. Refuses what is too generic to be a reference; a picture the brand has
already is taken, and `twin` names the one that was there first. Knows no HTTP and no roles.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Final, Protocol

from indexes.background import Background
from indexes.catalog import Catalog, NewReference, Reference
from indexes.errors import Conflict
from indexes.gallery import Candidate
from service.generic import refuse_generic
from service.pictures import PictureKeeper
from service.pipeline import EmbeddedReference, Pipeline
from vision.embedding import Kind

TWIN: Final = 0.985
"""Similarity of two whole pictures from which they can hardly be told apart: the same file saved again has 0.99."""
_NEAR: Final = 8
_PATIENCE = 60.0
_MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg"}


class Serves(Protocol):
    """The spaces: which model judges, and the indexes that have to learn of a change (`service.spaces.Spaces`)."""

    def steady(self) -> AbstractContextManager[None]:
        """While the block runs the model is not exchanged."""
        ...

    def background(self, space_id: str) -> Background | None:
        """The background set of a space."""
        ...

    def catch_up(self) -> object:
        """Apply what was committed since."""
        ...

    def similar(self, kind: Kind, reference_pk: int, k: int) -> list[Candidate]:
        """What in the catalogue is nearest to a reference."""
        ...


class Enrolment:
    """Adds and removes references. Thread-safe."""

    def __init__(self, pipeline: Pipeline, catalog: Catalog, spaces: Serves, pictures: PictureKeeper) -> None:
        self._pipeline, self._catalog, self._spaces, self._pictures = pipeline, catalog, spaces, pictures

    def add(
        self,
        brand_id: str,
        kind: Kind,
        data: bytes,
        *,
        external_id: str | None = None,
        title: str | None = None,
        gtin: str | None = None,
        right_id: str | None = None,
        update_existing: bool = False,
        patience: float = 0.0,
    ) -> Reference:
        """Enrol one picture; it is found by search when this returns. `TooGeneric` when it has nothing of its own.

        With `update_existing` a used `external_id` gets the new picture and the fields that are given; otherwise it
        is a `Conflict`. Waits at most `patience` seconds for room in the pipeline, then `Overloaded`.
        """
        existing = self.known(brand_id, kind, external_id, update_existing=update_existing)
        embedded = self.embed(data, kind, patience=patience).result()
        given = {"title": title, "gtin": gtin, "right_id": right_id}
        if existing is not None:
            return self.renew(existing, data, embedded, given)
        return self.store(brand_id, kind, data, embedded, {"external_id": external_id, **given})

    def known(
        self, brand_id: str, kind: Kind, external_id: str | None, *, update_existing: bool = False
    ) -> Reference | None:
        """The reference that has this `external_id`; `Conflict` unless it is to be updated."""
        existing = self._catalog.find_external(brand_id, kind, external_id) if external_id else None
        if existing is not None and not update_existing:
            raise Conflict(
                f"The external_id {external_id!r} is taken by {existing.id}; update that one instead.",
                existing_id=existing.id,
            )
        return existing

    def embed(self, data: bytes, kind: Kind, *, patience: float = 0.0) -> Future[EmbeddedReference]:
        """The first half of `add`, for callers that wait without a thread; `store` or `renew` is the second."""
        return self._pipeline.reference(data, kind, patience=patience)

    def store(
        self, brand_id: str, kind: Kind, data: bytes, embedded: EmbeddedReference, fields: dict[str, str | None]
    ) -> Reference:
        """Store a picture that the pipeline has embedded. `fields`: external_id, title, gtin, right_id."""
        picture = embedded.picture
        self._refuse_generic(kind, embedded)
        new = NewReference(
            brand_id=brand_id,
            kind=kind,
            external_id=fields.get("external_id"),
            title=fields.get("title"),
            gtin=fields.get("gtin"),
            right_id=fields.get("right_id"),
            sha256=picture.sha256,
            width=picture.width,
            height=picture.height,
            media_type=media_type(picture.format),
        )
        with self._spaces.steady(), self._pictures.keep({picture.sha256: data}):
            embedded = self._present(embedded, new.kind, data)
            reference = self._catalog.add(new, embedded.space, embedded.regions)
        self._spaces.catch_up()
        return reference

    def renew(
        self, existing: Reference, data: bytes, embedded: EmbeddedReference, fields: dict[str, str | None]
    ) -> Reference:
        """Give an existing reference a new picture and those `fields` that are not None."""
        picture = embedded.picture
        self._refuse_generic(existing.kind, embedded)
        with self._spaces.steady(), self._pictures.keep({picture.sha256: data}):
            embedded = self._present(embedded, existing.kind, data)
            reference = self._catalog.replace_image(
                existing.id,
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                media_type=media_type(picture.format),
                space=embedded.space,
                regions=embedded.regions,
            )
            given = {name: value for name, value in fields.items() if value is not None}
            if given:
                reference = self._catalog.update(existing.id, **given)
        self._spaces.catch_up()
        if existing.sha256 != reference.sha256:
            self._pictures.release([existing.sha256])
        return reference

    def twin(self, reference: Reference) -> Reference | None:
        """An older active reference of the same brand and kind with the same picture, or one nearly the same.

        The same bytes are always noticed, a picture saved anew once the index knows both.
        """
        return self._catalog.same_picture(reference) or self._look_alike(reference)

    def _look_alike(self, reference: Reference) -> Reference | None:
        found = self._spaces.similar(reference.kind, reference.pk, _NEAR)
        near = {one.reference_pk for one in found if one.similarity >= TWIN and one.reference_pk < reference.pk}
        rows = self._catalog.matchable(near, {reference.brand_pk}) if near else {}
        return rows[min(rows)][0] if rows else None

    def _refuse_generic(self, kind: Kind, embedded: EmbeddedReference) -> None:
        background = self._spaces.background(embedded.space.id)
        refuse_generic(kind, embedded.picture.pixels, embedded.regions, background)

    def _present(self, embedded: EmbeddedReference, kind: Kind, data: bytes) -> EmbeddedReference:
        """`embedded`, anew if the model was exchanged since: what is acknowledged is searchable."""
        if embedded.space.id == self._pipeline.space.id:
            return embedded
        return self._pipeline.reference(data, kind, patience=_PATIENCE).result()

    def update(self, reference_id: str, **changes: str | None) -> Reference:
        """Change `title`, `gtin` or `status`; a disabled one is not matched any more when this returns."""
        reference = self._catalog.update(reference_id, **changes)
        self._spaces.catch_up()
        return reference

    def delete(self, reference_id: str) -> None:
        """Erase a reference with its vectors, and its picture where nothing else needs it."""
        gone = self._catalog.delete(reference_id)
        self._spaces.catch_up()
        self._pictures.release([gone.sha256])


def media_type(picture_format: str) -> str:
    """The media type of a format as `vision.images` names it, such as `JPEG`."""
    return _MEDIA_TYPES.get(picture_format.upper(), f"image/{picture_format.lower()}")
