"""One picture against the catalogue: candidates from both spaces, joined to SQL, verified and scored.

Place in the flow: embedder → **search** → the service's decision. Candidates cost microseconds and see everything,
verification costs milliseconds and sees the few that survive. Thresholds and policies are not applied here, only the
calibration's floor below which a candidate has never been a match.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Literal, TypeAlias

from indexes.asking import Asked
from indexes.background import Background
from indexes.blobs import BlobStore
from indexes.brands import Brand, Brands
from indexes.cascade import ECONOMICAL, Effort, Settled, first_places, known, thorough
from indexes.catalog import Catalog, Reference
from indexes.clock import Clock
from indexes.descriptions import Descriptions, Kept
from indexes.gallery import Candidate, Gallery
from indexes.glancing import FirstLooks
from indexes.marks import MarkSearch, Rows
from indexes.monotone import NO_GATE
from indexes.names import Names
from indexes.sifting import normalised, sifted
from indexes.verifiers import EmbedsCrops, GlancesAtPhotos, P, ReadsWords, S, Scores, T, VerifiesLogos, VerifiesPhotos
from vision.boxes import Box
from vision.embedding import KINDS, Kind, Pixels, QueryEmbedding
from vision.images import VETTED, DecodeLimits
from vision.verification import Evidence

MatchKind: TypeAlias = Literal["stolen_photo", "logo_use"]
MATCH_KINDS: Final[Mapping[Kind, MatchKind]] = {"photo": "stolen_photo", "logo": "logo_use"}

_SPARE = 3  # photos whose rows are read for each that is verified
_REACH = 4  # candidates asked for each match wanted: some are disabled, or share a reference
_CACHE_BYTES = 192 << 20


@dataclass(frozen=True, slots=True)
class Match:
    """A verified reference. `score` ranks within a kind, `confidence` is a probability; boxes are fractions.

    `features` are what both were made of, `shift` the log-odds they were lowered by for the brand's own history.
    """

    kind: MatchKind
    reference: Reference
    brand: Brand
    confidence: float
    score: float
    box: Box
    reference_box: Box
    reasons: tuple[str, ...]
    features: Mapping[str, float]
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches by falling score, the index generation that was searched, and seconds by tier, 0 where none was spent.

    `complete` is whether every reference that was looked at could be read.
    """

    matches: tuple[Match, ...]
    generation: int
    seconds: Mapping[str, float]
    complete: bool = True


class Searcher(Generic[P, S, T]):
    """Finds the references a picture shows. Thread-safe.

    `read` finds the words in a picture and `embed_crops` embeds places cut again; without them marks are found by
    shape alone. Pictures whose best window has less than `logoness` are looked at for marks with a glimpse only.
    `background` is the set the calibration's gates were measured with; without it every candidate is verified. With
    `glances` photos are verified that pass the calibration's first look. Holds at most `cache_bytes` of described
    photos in memory, as much of what glances need and as much of enrolled marks; with `kept_photos` and `kept_marks`
    they are on disk too. `on_skipped` is told why when a reference had to be passed over because its picture cannot
    be read.
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
        read: ReadsWords | None = None,
        embed_crops: EmbedsCrops | None = None,
        logoness: float = 0.0,
        background: Background | None = None,
        glances: GlancesAtPhotos[Any, Any] | None = None,
        cache_bytes: int = _CACHE_BYTES,
        kept_photos: Kept[P] | None = None,
        kept_marks: Kept[T] | None = None,
        limits: DecodeLimits | None = None,
        on_skipped: Callable[[str], None] | None = None,
    ) -> None:
        self._on_skipped = on_skipped
        self._skips = threading.local()  # references are described in the thread that searches
        self._catalog = catalog
        self._brands = brands
        self._gallery = gallery
        self._calibration = calibration
        self._background = background
        self._photo_verifier = photo_verifier
        self._logo_verifier = logo_verifier
        held = partial(Descriptions, blobs, max_bytes=cache_bytes, limits=limits or VETTED, on_skipped=self._skip)
        self._photos: Descriptions[P] = held(photo_verifier.enrol, kept=kept_photos)
        described: Descriptions[T] = held(logo_verifier.enrol, kept=kept_marks)
        gate = calibration.glance("photo") if background is not None else None
        self._looks: FirstLooks[Any, Any] | None = None
        if glances is not None and gate is not None:
            self._looks = FirstLooks(glances, held(glances.enrol), gate)
        self._read = read
        names = None if read is None else Names(catalog)
        self._marks = MarkSearch(described, logo_verifier, calibration, gallery, names, embed_crops, logoness)

    def search(
        self,
        pixels: Pixels,
        embedding: QueryEmbedding,
        *,
        kinds: tuple[Kind, ...] = KINDS,
        brand_ids: frozenset[str] | None = None,
        per_kind: int | None = None,
    ) -> SearchResult:
        """Matches of a picture, uint8 RGB `[h, w, 3]`, that was embedded as `embedding`.

        The `per_kind` most similar references of each of `kinds` are verified, all of them. Without a number
        verification goes by falling similarity and ends early: enough for a decision, a fraction of the cost. With
        `brand_ids` only these brands' references are looked at. A reference is matched once per kind.
        """
        self._skips.any = False
        clock = Clock()
        effort = ECONOMICAL if per_kind is None else thorough(per_kind)
        brand_pks = None if brand_ids is None else self._brands.pks(brand_ids)
        read = None if self._read is None else clock.apart("words", self._read)
        asked = Asked(pixels, embedding, self._photo_verifier, self._logo_verifier, read)
        found: dict[Kind, list[Candidate]] = {}
        generation = self._gallery.generation
        for kind in kinds:
            searched, found[kind] = self._candidates(kind, embedding, effort, brand_pks)
            generation = min(generation, searched)
        if "logo" in found:
            found["logo"] += self._marks.named(asked, found["logo"], generation, brand_pks)
        rows = self._rows(found, effort, brand_pks)
        clock.lap("search")
        matches: list[Match] = []
        for kind in kinds:
            shortlist = known(found[kind], rows)
            verify = self._photos_of if kind == "photo" else self._marks_of
            for group in _by_standing(shortlist, rows):
                matches += verify(asked, group, rows, effort, clock)
        matches.sort(key=lambda match: (-match.score, -match.confidence, match.reference.pk))
        return SearchResult(tuple(matches), generation, clock.seconds, complete=not self._skips.any)

    def _skip(self, reason: str) -> None:
        self._skips.any = True
        if self._on_skipped is not None:
            self._on_skipped(reason)

    def _candidates(
        self, kind: Kind, embedding: QueryEmbedding, effort: Effort, brand_pks: frozenset[int] | None
    ) -> tuple[int, list[Candidate]]:
        """Candidates of one kind that are worth verifying, by falling similarity.

        Those that are similar only because everything of their sort is are left out where only a decision is wanted.
        """
        vectors = embedding.of(kind).vectors
        if not len(vectors):
            return self._gallery.generation, []
        generation, found = self._gallery.candidates(kind, vectors, _REACH * effort.references, brand_pks)
        calibration, gated = self._calibration, self._background is not None and effort.stops
        gate, lead = (calibration.gate(kind), calibration.lead(kind)) if gated else (NO_GATE, NO_GATE)
        measured = normalised(self._background, kind, vectors, found)
        return generation, sifted(measured, floor=calibration.floor(kind), gate=gate, lead=lead)

    def _rows(self, found: Mapping[Kind, list[Candidate]], effort: Effort, brand_pks: frozenset[int] | None) -> Rows:
        """The rows of the candidates; of photos only the most similar where these hold enough of verified brands.

        Few photos are verified, so most of their rows would be read for nothing.
        """
        photos = [candidate.reference_pk for candidate in first_places(found.get("photo", []))]
        marks = {candidate.reference_pk for candidate in found.get("logo", [])}
        first, later = photos[: _SPARE * effort.photos], photos[_SPARE * effort.photos :]
        if not first and not marks:
            return {}
        rows = self._catalog.matchable({*first, *marks}, brand_pks)
        verified = sum(pk in rows and rows[pk][1].status == "verified" for pk in first)
        return rows | self._catalog.matchable(later, brand_pks) if later and verified < effort.photos else rows

    def _photos_of(
        self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows, effort: Effort, clock: Clock
    ) -> list[Match]:
        """Matches among the most similar photographs."""
        matches: list[Match] = []
        settled = Settled(effort)
        looks = self._looks if effort.stops else None
        first = None if looks is None else looks.of(asked.pixels, asked.embedding.photo)
        verify = self._photo_verifier.verify
        for candidate in first_places(shortlist)[: effort.photos]:
            if settled.without(candidate.similarity):
                break
            reference = rows[candidate.reference_pk][0]
            if first is not None:
                passed = first.lets_pass(candidate, reference)
                clock.lap("glances")
                if not passed:
                    continue
            evidence = self._photos.compared(reference, lambda described: verify(asked.photo, described))
            clock.lap("photos")
            if evidence is not None:
                matches.append(self._match("photo", rows[candidate.reference_pk], evidence, candidate))
                settled.note(matches[-1].confidence, candidate.similarity)
            clock.lap("score")
        return matches

    def _marks_of(
        self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows, effort: Effort, clock: Clock
    ) -> list[Match]:
        """Matches among the marks, the best place of each."""
        if not shortlist:
            return []
        found = self._marks.find(asked, shortlist, rows, effort)
        clock.lap("marks")
        matches = [self._match("logo", rows[one.candidate.reference_pk], one.evidence, one.candidate) for one in found]
        clock.lap("score")
        return matches

    def _match(self, kind: Kind, row: tuple[Reference, Brand], evidence: Evidence, candidate: Candidate) -> Match:
        reference, brand = row
        features = evidence.features() | {"similarity": candidate.similarity, "excess": candidate.excess}
        judgement = self._calibration.judge(kind, features)
        return Match(
            kind=MATCH_KINDS[kind],
            reference=reference,
            brand=brand,
            confidence=judgement.confidence,
            score=judgement.score,
            box=evidence.query_box.clipped(),
            reference_box=evidence.reference_box.clipped(),
            reasons=evidence.reasons(),
            features=features,
        )


def _by_standing(shortlist: list[Candidate], rows: Rows) -> tuple[list[Candidate], list[Candidate]]:
    """Candidates of verified brands and those of the others, which never take the places of the first."""
    verified = [candidate for candidate in shortlist if rows[candidate.reference_pk][1].status == "verified"]
    others = [candidate for candidate in shortlist if rows[candidate.reference_pk][1].status != "verified"]
    return verified, others
