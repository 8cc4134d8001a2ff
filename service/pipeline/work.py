"""The values that pass through the pipeline: what a caller gets, and the ticket a picture travels with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from indexes.changes import Version
from vision.embedding import Embedder, Kind, Pixels, Prepared, QueryEmbedding, Regions, Space
from vision.images import Picture

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import SearchResult

Task: TypeAlias = Literal["query", "photo", "logo"]
"""What the backbone is asked for: a picture being checked, a reference photo or a reference logo."""


class Search(Protocol):
    """What the last stage asks: `indexes.search.Searcher`."""

    def search(
        self,
        pixels: Pixels,
        embedding: QueryEmbedding,
        *,
        kinds: tuple[Kind, ...],
        brand_ids: frozenset[str] | None,
        per_kind: int | None,
    ) -> SearchResult:
        """Verified and scored matches of one picture."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """What judges a picture: a model, the search over its index, and the version of its calibration.

    Exchanged as a whole: a picture ends with the engine it began with.
    """

    embedder: Embedder
    searcher: Search
    calibration: str

    @property
    def space(self) -> Space:
        """The space of the model."""
        return self.embedder.space


@dataclass(frozen=True, slots=True)
class Checked:
    """A picture that was checked: its pixels and size, what was found, the vectors it asked with, what judged it.

    One that is `remembered` found nothing when it was checked before, and was not decoded again: it has no pixels.
    """

    picture: Picture
    result: SearchResult
    embedding: QueryEmbedding
    space: Space
    calibration: str
    remembered: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddedReference:
    """A reference picture with its vectors, ready for the catalogue."""

    picture: Picture
    regions: Regions
    space: Space


@dataclass(frozen=True, slots=True)
class Question:
    """What to search for: the kinds, and the brands to stay within (None: all).

    `owner` is the marketplace whose earlier pictures may answer, None where none may.
    """

    kinds: tuple[Kind, ...]
    brand_ids: frozenset[str] | None
    per_kind: int | None
    owner: str | None = None


@dataclass(slots=True, eq=False)
class Ticket:
    """One picture on its way. It ends exactly once: with a result, an error, or dropped because nobody waits."""

    task: Task
    data: bytes
    engine: Engine
    question: Question | None
    counted: bool
    """Whether the ticket holds a place at the door (the canary does not)."""
    on_end: Callable[[Ticket], None]
    future: Future[Any] = field(default_factory=Future)
    picture: Picture | None = None
    prepared: Prepared | None = None
    embedded: QueryEmbedding | Regions | None = None
    result: SearchResult | None = None
    """What was found for these bytes before, where that still holds."""
    version: Version | None = None
    """Of the catalogue before it is searched, where what is found may be remembered."""

    @property
    def pixels(self) -> Pixels:
        """The decoded pixels; only after the decode stage."""
        if self.picture is None:
            raise RuntimeError("the picture is not decoded yet")
        return self.picture.pixels

    def dropped(self) -> bool:
        """True, and the ticket has ended, when whoever asked has gone."""
        if self.future.cancelled():
            self.on_end(self)
            return True
        return self.future.done()

    def succeed(self, result: object) -> None:
        """End with a result."""
        self.on_end(self)  # first, so that a caller who sees the answer also finds the place free
        with contextlib.suppress(InvalidStateError):  # cancelled or refused while the last stage ran
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        self.on_end(self)
        with contextlib.suppress(InvalidStateError):  # cancelled or refused while a stage ran
            self.future.set_exception(error)
