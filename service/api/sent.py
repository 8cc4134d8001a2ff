"""What bodies and queries are made of, beyond what pydantic refuses: text and times that every database can keep.

PostgreSQL takes no zero character and UTF-8 no half of a character, and the far ends of the calendar have no UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from service.territories import normalise

_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_storable(text: str) -> bool:
    """Whether `text` is free of zero characters and of halves of characters."""
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def _in_utc(when: datetime) -> datetime:
    """Aware, in UTC; a time without a zone is taken as UTC."""
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        raise ValueError(f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _whole_day(given: Any) -> Any:
    """A day without a time is meant to its end."""
    return f"{given}T23:59:59Z" if isinstance(given, str) and _DAY.fullmatch(given) else given


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A time of people, in UTC."""
LastMoment = Annotated[Moment, BeforeValidator(_whole_day)]
"""Until when something holds, that moment included; a day alone is meant to its end."""
Territories = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}$")]],
    Field(max_length=300, description="Codes such as `EU`, `DE` or `WO`; none is everywhere."),
    AfterValidator(lambda codes: list(normalise(codes))),
]
"""Where something holds."""


class Sent(BaseModel):
    """Base of every JSON body and of what it holds."""

    @model_validator(mode="after")
    def _storable(self) -> Sent:
        for name in self.model_fields_set:
            if not _all_storable(getattr(self, name)):
                raise ValueError(f"{name} holds a zero character or half of one")
        return self


def _all_storable(value: Any) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, dict):
        return all(_all_storable(part) for entry in value.items() for part in entry)
    return not isinstance(value, list) or all(map(_all_storable, value))
