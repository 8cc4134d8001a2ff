"""A right: a trade mark, a copyright or a design of a brand, and which matches it stands behind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from service import territories as places

RightType: TypeAlias = Literal["trademark", "copyright", "design"]
RIGHT_TYPES: Final[tuple[RightType, ...]] = get_args(RightType)
NEEDED: Final[dict[str, RightType]] = {"stolen_photo": "copyright", "logo_use": "trademark"}
"""The right that a match of each kind needs to go beyond `review`. A design is kept and shown; no kind needs it."""


@dataclass(frozen=True, slots=True)
class NewRight:
    """What a brand says of a right. No territories, or `WO`, is everywhere; `valid_until` None is without an end."""

    type: RightType
    title: str
    """The mark's text, or what the work or design is called."""
    owner: str
    office: str | None = None
    registration_number: str | None = None
    nice_classes: tuple[int, ...] = ()
    vienna_codes: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Right(NewRight):
    """A right on record."""

    pk: int = 0
    id: str = ""
    brand_id: str = ""
    document_sha256: str | None = None
    document_media_type: str | None = None
    created_by: str = ""
    """The key id of who sent it."""
    created_at: datetime | None = None

    def in_force(self, on: datetime) -> bool:
        """Whether it has not run out at `on`."""
        return self.valid_until is None or on <= self.valid_until

    def is_for(self, kind: str) -> bool:
        """Whether it is the sort of right that a match of `kind` needs."""
        return self.type == NEEDED.get(kind)

    def covers(self, kind: str, territories: Iterable[str], on: datetime) -> bool:
        """Whether it alone stands behind a match of `kind` in every one of `territories` at `on`.

        No territories is everywhere, which only a right that holds everywhere covers.
        """
        return self.is_for(kind) and self.in_force(on) and places.hold(self.territories, territories)


def cover(rights: Sequence[Right], kind: str, territories: Iterable[str], on: datetime) -> bool:
    """Whether `rights` together stand behind a match of `kind` in every one of `territories` at `on`.

    National registrations add up: marks in Germany and in France cover a listing that is sold in both.
    """
    standing = [right for right in rights if right.is_for(kind) and right.in_force(on)]
    if not standing:
        return False
    everywhere = any(places.is_world(right.territories) for right in standing)
    held = {code for right in standing for code in right.territories}
    return everywhere or places.hold(held, territories)
