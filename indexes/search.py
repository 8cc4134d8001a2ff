"""One picture against the catalogue: candidates from both spaces, joined to SQL, verified and scored.

Place in the flow: embedder → **search** → the service's decision. Candidates cost microseconds and see everything,
verification costs milliseconds and sees the few that survive. Thresholds and policies are not applied here, only the
calibration's floor below which a candidate has never been a match.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from indexes.blobs import BlobStore
from indexes.brands import Brand, Brands
from indexes.catalog import Catalog, Reference
from indexes.descriptions import Descriptions, Sized
from indexes.gallery import Candidate, Gallery
from indexes.scoring import Judgement
from vision.boxes import Box
from vision.embedding import KINDS, Kind, Pixels, QueryEmbedding
from vision.images import DecodeLimits
from vision.verification import Evidence

MatchKind: TypeAlias = Literal["stolen_photo", "logo_use"]
MATCH_KINDS: Final[Mapping[Kind, MatchKind]] = {"photo": "stolen_photo", "logo": "logo_use"}

_REACH = 4  # candidates asked for each match wanted: some are disabled, or share a reference
_WINDOWS = 2  # places of a picture in which one mark is looked for
_CACHE_BYTES = 192 << 20


@dataclass(frozen=True, slots=True)
class Match:
    """A verified reference. `score` ranks within a kind, `confidence` is a probability; boxes are fractions."""

    kind: MatchKind
    reference: Reference
    brand: Brand
    confidence: float
    score: float
    box: Box
    reference_box: Box
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches by falling score, the index generation that was searched, and seconds by tier."""

    matches: tuple[Match, ...]
    generation: int
    seconds: Mapping[str, float]


class Scores(Protocol):
    """What search asks of a calibration: `indexes.scoring.Calibration`."""

    def judge(self, kind: Kind, features: Mapping[str, float]) -> Judgement:
        """Score and confidence of one match."""
        ...

    def floor(self, kind: Kind) -> float:
        """Similarity below which a candidate is not worth verifying; -1 for none."""
        ...


P = TypeVar("P", bound=Sized)
S = TypeVar("S")
T = TypeVar("T", bound=Sized)


class VerifiesPhotos(Protocol[P]):
    """`vision.verification.PhotoVerifier`, or anything that answers like it."""

    def describe(self, pixels: Pixels) -> P:
        """A picture as verification needs it."""
        ...

    def verify(self, query: P, reference: P) -> Evidence | None:
        """Evidence that `query` shows the photograph `reference`, or None."""
        ...


class VerifiesLogos(Protocol[S, T]):
    """`vision.verification.LogoVerifier`, or anything that answers like it."""

    def describe(self, pixels: Pixels) -> S:
        """A scene to look for marks in."""
        ...

    def enrol(self, pixels: Pixels) -> T:
        """A mark to look for."""
        ...

    def verify(self, scene: S, window: Box | None, template: T) -> Evidence | None:
        """Evidence that the mark is in or near `window`, or None."""
        ...


class Searcher(Generic[P, S, T]):
    """Finds the references a picture shows. Thread-safe.

    Keeps at most `cache_bytes` of described photos and a quarter of that of enrolled marks. `on_skipped` is told why
    when a reference had to be passed over because its picture cannot be read.
    """

    def __init__(  # noqa: PLR0917 - the parts of a search, named at every call
        self,
        catalog: Catalog,
        brands: Brands,
        blobs: BlobStore,
        gallery: Gallery,
        calibration: Scores,
        photo_verifier: VerifiesPhotos[P],
        logo_verifier: VerifiesLogos[S, T],
        *,
        cache_bytes: int = _CACHE_BYTES,
        limits: DecodeLimits | None = None,
        on_skipped: Callable[[str], None] | None = None,
    ) -> None:
        self._catalog = catalog
        self._brands = brands
        self._gallery = gallery
        self._calibration = calibration
        self._photo_verifier = photo_verifier
        self._logo_verifier = logo_verifier
        vetted = limits or DecodeLimits(max_bytes=1 << 30, max_pixels=400_000_000)  # enrolment held the real limits
        self._photos = Descriptions(
            blobs, photo_verifier.describe, max_bytes=cache_bytes, limits=vetted, on_skipped=on_skipped
        )
        self._marks = Descriptions(
            blobs, logo_verifier.enrol, max_bytes=cache_bytes // 4, limits=vetted, on_skipped=on_skipped
        )

    def search(
        self,
        pixels: Pixels,
        embedding: QueryEmbedding,
        *,
        kinds: tuple[Kind, ...] = KINDS,
        brand_ids: frozenset[str] | None = None,
        per_kind: int = 8,
    ) -> SearchResult:
        """Matches of a picture, uint8 RGB `[h, w, 3]`, that was embedded as `embedding`.

        At most `per_kind` references of each of `kinds` are verified, those of `brand_ids` only where it is given.
        A reference is matched once per kind.
        """
        clock = _Clock()
        brand_pks = None if brand_ids is None else self._brands.pks(brand_ids)
        asked = _Asked(pixels, embedding, self._photo_verifier, self._logo_verifier)
        found: dict[Kind, list[Candidate]] = {}
        generation = self._gallery.generation
        for kind in kinds:
            searched, found[kind] = self._candidates(kind, embedding, per_kind, brand_pks)
            generation = min(generation, searched)
        rows = self._rows(found.values(), brand_pks)
        clock.lap("search")
        matches: list[Match] = []
        for kind in kinds:
            shortlist = _shortlist(found[kind], rows, per_kind)
            matches += [match for tries in shortlist if (match := self._verify(kind, asked, tries, rows, clock))]
        matches.sort(key=lambda match: (-match.score, -match.confidence, match.reference.pk))
        return SearchResult(tuple(matches), generation, clock.seconds)

    def _candidates(
        self, kind: Kind, embedding: QueryEmbedding, per_kind: int, brand_pks: frozenset[int] | None
    ) -> tuple[int, list[Candidate]]:
        """Candidates of one kind above the calibration's floor, by falling similarity."""
        vectors = embedding.of(kind).vectors
        if not len(vectors):
            return self._gallery.generation, []
        generation, found = self._gallery.candidates(kind, vectors, _REACH * per_kind, brand_pks)
        floor = self._calibration.floor(kind)
        return generation, [candidate for candidate in found if candidate.similarity >= floor]

    def _rows(
        self, found: Iterable[list[Candidate]], brand_pks: frozenset[int] | None
    ) -> dict[int, tuple[Reference, Brand]]:
        pks = {candidate.reference_pk for candidates in found for candidate in candidates}
        return self._catalog.matchable(pks, brand_pks) if pks else {}

    def _verify(
        self,
        kind: Kind,
        asked: _Asked[P, S],
        tries: list[Candidate],
        rows: Mapping[int, tuple[Reference, Brand]],
        clock: _Clock,
    ) -> Match | None:
        """The best evidence among the places where one reference may be, judged; None without any."""
        reference, brand = rows[tries[0].reference_pk]
        evidence = self._photo(asked, reference) if kind == "photo" else self._logo(asked, reference, tries)
        clock.lap("verify")
        similarity = tries[0].similarity
        judged = [(self._calibration.judge(kind, one.features() | {"similarity": similarity}), one) for one in evidence]
        clock.lap("score")
        if not judged:
            return None
        judgement, best = max(judged, key=lambda pair: pair[0].score)
        return Match(
            kind=MATCH_KINDS[kind],
            reference=reference,
            brand=brand,
            confidence=judgement.confidence,
            score=judgement.score,
            box=best.query_box.clipped(),
            reference_box=best.reference_box.clipped(),
            reasons=best.reasons(),
        )

    def _photo(self, asked: _Asked[P, S], reference: Reference) -> list[Evidence]:
        description = self._photos.of(reference)
        if description is None:
            return []
        evidence = self._photo_verifier.verify(asked.photo, description)
        return [] if evidence is None else [evidence]

    def _logo(self, asked: _Asked[P, S], reference: Reference, tries: list[Candidate]) -> list[Evidence]:
        template = self._marks.of(reference)
        if template is None:
            return []
        windows = [asked.embedding.logo.boxes[candidate.query] for candidate in tries[:_WINDOWS]]
        tried = (self._logo_verifier.verify(asked.scene, window, template) for window in windows)
        return [evidence for evidence in tried if evidence is not None]


class _Asked(Generic[P, S]):
    """The picture asked about, described for each kind when the first candidate of that kind needs it."""

    def __init__(
        self, pixels: Pixels, embedding: QueryEmbedding, photos: VerifiesPhotos[P], logos: VerifiesLogos[S, T]
    ) -> None:
        self.embedding = embedding
        self._pixels = pixels
        self._describe_photo = photos.describe
        self._describe_scene = logos.describe

    @cached_property
    def photo(self) -> P:
        return self._describe_photo(self._pixels)

    @cached_property
    def scene(self) -> S:
        return self._describe_scene(self._pixels)


class _Clock:
    """Seconds spent by tier; a lap goes to the tier it is named after."""

    def __init__(self) -> None:
        self.seconds = {"search": 0.0, "verify": 0.0, "score": 0.0}
        self._last = time.perf_counter()

    def lap(self, tier: str) -> None:
        now = time.perf_counter()
        self.seconds[tier] += now - self._last
        self._last = now


def _shortlist(
    candidates: list[Candidate], rows: Mapping[int, tuple[Reference, Brand]], limit: int
) -> list[list[Candidate]]:
    """The candidates that SQL knows, by reference, the most similar `limit` references and each one's places first."""
    by_reference: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.reference_pk in rows:
            by_reference.setdefault(candidate.reference_pk, []).append(candidate)
    return list(by_reference.values())[:limit]
