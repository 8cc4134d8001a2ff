"""A listing as it comes over HTTP, JSON or form, made into a `ListingInput`.

Parsing happens off the event loop: a listing may carry 64 MiB of pictures as base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from indexes.errors import NotFound
from service.api.sent import Moment, Sent
from service.errors import Forbidden, Invalid
from service.keys import Principal
from service.listings import ImageSource, ListingInput, Price
from service.marketplaces import DEFAULT, Marketplaces
from service.settings import Settings
from vision.errors import CorruptImage

Short = Annotated[str, Field(min_length=1, max_length=200)]
Territory = Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")]


class ImageIn(Sent):
    """One picture: its URL, or its bytes as base64."""

    url: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    data: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ImageIn:
        if (self.url is None) == (self.data is None):
            raise ValueError("give either url or data")
        return self


class PriceIn(Sent):
    """A price."""

    amount: Annotated[str, Field(pattern=r"^\d{1,18}(\.\d{1,6})?$", description="A decimal number as text.")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217.")]

    @field_validator("amount", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class ListingIn(Sent):
    """A listing to judge."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"listing_id": "A-1", "title": "…", "images": [{"url": "https://cdn.example/a-1.jpg"}]}]
        }
    )
    listing_id: Short
    marketplace: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Fixed by an ingest key; `default` for an operator who names none."
    )
    seller_id: Short | None = None
    title: Annotated[str, Field(max_length=2000)] | None = None
    url: Annotated[str, Field(max_length=4096)] | None = None
    price: PriceIn | None = None
    gtin: Annotated[str, Field(max_length=40)] | None = None
    category: Annotated[str, Field(max_length=500)] | None = None
    territories: Annotated[list[Territory], Field(max_length=300)] = Field([])
    listed_at: Moment | None = None
    images: list[ImageIn] = Field([], description="1 to 20 pictures.")

    @field_validator("listing_id")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("must be printable text without blanks around it")
        return value


def parse_listing(body: bytes | str) -> ListingIn:
    """Parse JSON; `RequestValidationError` says what is wrong where."""
    try:
        return ListingIn.model_validate_json(body)
    except ValidationError as error:
        listed = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_input=False)]
        raise RequestValidationError(listed) from error


def to_input(
    body: ListingIn, files: Sequence[bytes], *, principal: Principal, marketplaces: Marketplaces, settings: Settings
) -> ListingInput:
    """The listing that `principal` may judge; `files` are pictures sent beside the JSON, after those in it.

    `Invalid` for no or too many pictures or an unknown marketplace, `Forbidden` for another's marketplace.
    """
    count, most = len(body.images) + len(files), settings.listing_max_images
    if not 1 <= count <= most:
        detail = f"A listing has 1 to {most} pictures, this one {count}; mend images and send it again."
        raise Invalid(detail, errors=[{"loc": ["body", "images"], "msg": f"1 to {most} pictures"}])
    sources = [_source(image) for image in body.images] + [ImageSource(data=data) for data in files]
    plain = body.model_dump(exclude={"images", "marketplace", "price", "territories"})
    return ListingInput(
        **plain,
        marketplace=_marketplace(body.marketplace, principal, marketplaces),
        images=tuple(sources),
        price=Price(body.price.amount, body.price.currency) if body.price else None,
        territories=tuple(body.territories),
    )


def _source(image: ImageIn) -> ImageSource:
    if image.data is None:
        return ImageSource(url=image.url)
    try:
        return ImageSource(data=base64.b64decode("".join(image.data.split()), validate=True))
    except (binascii.Error, ValueError):
        return ImageSource(error=CorruptImage("data is not base64; encode the bytes of the picture and send again."))


def _marketplace(named: str | None, principal: Principal, marketplaces: Marketplaces) -> str:
    if principal.marketplace is not None:
        if named not in (None, principal.marketplace):
            raise Forbidden(f"This key sends listings of {principal.marketplace} only; leave marketplace out.")
        return principal.marketplace
    try:
        return marketplaces.get(named or DEFAULT).slug
    except NotFound as error:
        raise Invalid(
            f"There is no marketplace {named}; make it first or name another.",
            errors=[{"loc": ["body", "marketplace"], "msg": "unknown marketplace"}],
        ) from error
