"""Marks in one picture: from candidates by vector and by name to the evidence for each.

Place in the flow: `indexes.search` hands over candidates joined to SQL and gets evidence to judge. A glimpse at the
windows is cheap and always taken; pictures that look like bearing a mark are also read, lined up by local features
and embedded again at the places found. Words are evidence beside the rest: a missing one never counts against a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias

import numpy as np

from indexes.asking import Asked
from indexes.brands import Brand
from indexes.cascade import Effort, Settled, first_places, places
from indexes.catalog import Reference
from indexes.descriptions import Descriptions
from indexes.gallery import Candidate, Gallery
from indexes.names import Names
from indexes.verifiers import EmbedsCrops, Glimpse, P, S, Scores, T, VerifiesLogos
from vision.verification import MarkEvidence
from vision.verification.wording import Spelling, names_of, spelled

Rows: TypeAlias = Mapping[int, tuple[Reference, Brand]]
Spellings: TypeAlias = Mapping[int, Spelling]
"""What was read of the names of marks, by the reference's key."""

_NAMED: Final = 16  # references looked at because their name was read
_SAME_PLACE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence for a candidate and what it is worth."""

    candidate: Candidate
    evidence: MarkEvidence
    score: float
    confidence: float


class MarkSearch(Generic[S, T]):
    """Looks for enrolled marks in pictures. Thread-safe; keeps the described marks in `marks`."""

    def __init__(  # noqa: PLR0917 - the parts of a search, named at the one call
        self,
        marks: Descriptions[T],
        verifier: VerifiesLogos[S, T],
        calibration: Scores,
        gallery: Gallery,
        names: Names | None,
        embed_crops: EmbedsCrops | None,
        logoness: float,
    ) -> None:
        self._marks = marks
        self._verifier = verifier
        self._calibration = calibration
        self._gallery = gallery
        self._names = names
        self._embed_crops = embed_crops
        self._logoness = logoness

    def named(
        self, asked: Asked[P, S], known: Sequence[Candidate], generation: int, brand_pks: frozenset[int] | None
    ) -> list[Candidate]:
        """Candidates whose name is read in the picture and that are not `known` by their vectors.

        Where nothing enrolled resembles any window the picture is not read: most pictures are of that sort.
        """
        if self._names is None or not known or not self._close(asked) or not self._names.any(generation):
            return []
        meant = self._names.meant(asked.words, generation, brand_pks, _NAMED)
        missing = set(meant) - {candidate.reference_pk for candidate in known}
        windows = asked.embedding.logo.vectors
        found = []
        for pk, vectors in self._gallery.vectors_of("logo", missing).items() if missing else ():
            products = windows @ vectors.T
            query, ordinal = np.unravel_index(int(products.argmax()), products.shape)
            found.append(Candidate(pk, int(ordinal), int(query), float(products[query, ordinal])))
        return sorted(found, key=lambda candidate: (-candidate.similarity, candidate.reference_pk))

    def find(self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows, effort: Effort) -> list[Found]:
        """The best evidence for each reference of the shortlist that anything speaks for."""
        if not shortlist:
            return []
        seen = [*self._settled(asked, shortlist, rows, effort)]
        spellings = self._spellings(asked, shortlist, rows)
        if self._close(asked):
            seen += self._lined_up(asked, shortlist, spellings, rows, effort)
        best = self._with_words(_best(seen), shortlist, spellings)
        if self._embed_crops is not None and self._close(asked):
            self._liken(asked, best, shortlist, effort, self._embed_crops)
        return self._beside_others(self._supported(list(best.values()), rows), rows)

    def _close(self, asked: Asked[P, S]) -> bool:
        """Whether the picture looks enough like bearing a mark to be searched closely."""
        return len(asked.embedding.logo) > 0 and asked.logoness >= self._logoness

    def _settled(self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows, effort: Effort) -> Iterable[Found]:
        """A close look at the windows that look most alike at a glimpse."""
        settled = Settled(effort)
        for glimpse, candidate in self._glimpses(asked, places(shortlist, effort), rows)[: effort.settled]:
            if settled.without(glimpse.strength):
                break
            evidence = glimpse.settle()
            if evidence is not None:
                found = self._judged(candidate, MarkEvidence(evidence))
                settled.note(found.confidence, glimpse.strength)
                yield found

    def _glimpses(self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows) -> list[tuple[Glimpse, Candidate]]:
        """A glimpse at each place that has anything to see, the strongest first."""
        found: list[tuple[Glimpse, Candidate]] = []
        for candidate in shortlist:
            template = self._marks.of(rows[candidate.reference_pk][0])
            if template is not None:
                window = asked.embedding.logo.boxes[candidate.query]
                glimpse = self._verifier.glimpse(asked.scene, window, template)
                if glimpse is not None:
                    found.append((glimpse, candidate))
        return sorted(found, key=lambda pair: -pair[0].strength)

    def _lined_up(
        self, asked: Asked[P, S], shortlist: list[Candidate], spellings: Spellings, rows: Rows, effort: Effort
    ) -> Iterable[Found]:
        """Marks laid over the whole picture by their local features; those whose name was read come first."""
        hopeful = (
            one for one in first_places(shortlist) if one.excess >= effort.above or one.reference_pk in spellings
        )
        marks = sorted(hopeful, key=lambda candidate: candidate.reference_pk not in spellings)
        for candidate in marks[: effort.lined_up]:
            template = self._marks.of(rows[candidate.reference_pk][0])
            evidence = None if template is None else self._verifier.line_up(asked.scene, template)
            if evidence is not None:
                yield self._judged(candidate, MarkEvidence(evidence))

    def _with_words(self, best: dict[int, Found], shortlist: list[Candidate], spellings: Spellings) -> dict[int, Found]:
        """Each mark with the reading of its name; one whose name alone was found is found there."""
        for candidate in first_places(shortlist):
            spelling = spellings.get(candidate.reference_pk)
            if spelling is not None:
                read = self._judged(candidate, MarkEvidence(None, spelling))
                seen = best.get(candidate.reference_pk)
                elsewhere = seen is not None and seen.evidence.query_box.iou(spelling.box) == 0
                if seen is None or (elsewhere and seen.score < read.score):
                    best[candidate.reference_pk] = read
                else:
                    best[candidate.reference_pk] = self._judged(candidate, replace(seen.evidence, spelling=spelling))
        return best

    def _spellings(self, asked: Asked[P, S], shortlist: list[Candidate], rows: Rows) -> Spellings:
        """The reading of each mark's name, where it was read."""
        found: dict[int, Spelling] = {}
        if not self._close(asked) or not asked.words:
            return found
        for pk in {candidate.reference_pk for candidate in shortlist}:
            reference, brand = rows[pk]
            spelling = spelled(names_of(brand.name, reference.title), asked.words)
            if spelling is not None:
                found[pk] = spelling
        return found

    def _liken(
        self,
        asked: Asked[P, S],
        best: dict[int, Found],
        shortlist: list[Candidate],
        effort: Effort,
        embed_crops: EmbedsCrops,
    ) -> None:
        """Compare windows and the likeliest places, cut again from the original pixels, with the references' vectors.

        What is found joins `best`: a mark that looks alike in a window may have no place of its own yet.
        """
        ranked = sorted((one for one in best.values() if one.evidence.place), key=lambda one: -one.score)
        placed = [one.candidate.reference_pk for one in ranked[: effort.likened]]
        windows = asked.windows(effort.windows)
        boxes = [best[pk].evidence.query_box.clipped() for pk in placed]
        vectors = asked.embedded_again(embed_crops, [*windows, *boxes])
        known = self._gallery.vectors_of("logo", {candidate.reference_pk for candidate in shortlist})
        alike = {pk: (own @ vectors.T).max(axis=0) for pk, own in known.items()}
        likest = sorted(alike, key=lambda pk: (-float(alike[pk][: len(windows)].max()), pk))
        looked_at = {*best, *[pk for pk in likest if pk not in best][: effort.settled]}
        for candidate in first_places(shortlist):
            pk = candidate.reference_pk
            if pk in alike and pk in looked_at:
                window = int(alike[pk][: len(windows)].argmax())
                own = alike[pk][len(windows) + placed.index(pk)] if pk in placed else 0.0
                likeness = float(min(1.0, max(0.0, alike[pk][window], own)))
                evidence = best[pk].evidence if pk in best else MarkEvidence(None)
                best[pk] = self._judged(candidate, replace(evidence, likeness=likeness, window=windows[window]))

    def _supported(self, found: list[Found], rows: Rows) -> list[Found]:
        """What other references of the same brand say of the same place."""
        result = []
        for one in found:
            brand = rows[one.candidate.reference_pk][0].brand_id
            others = [
                other.evidence.firmness
                for other in found
                if other is not one
                and rows[other.candidate.reference_pk][0].brand_id == brand
                and other.evidence.query_box.iou(one.evidence.query_box) > _SAME_PLACE
            ]
            support = 1.0 - float(np.prod([1.0 - firmness for firmness in others])) if others else 0.0
            result.append(self._judged(one.candidate, replace(one.evidence, support=support)) if others else one)
        return result

    def _beside_others(self, found: list[Found], rows: Rows) -> list[Found]:
        """Each mark with its margin to the best one of another brand at the same place.

        Only verified brands take part, on both sides: what anybody uploads lowers nobody's mark. All stay found.
        """
        brands = [rows[one.candidate.reference_pk][1] for one in found]
        result = []
        for one, brand in zip(found, brands, strict=True):
            rivals = [
                other.score
                for other, theirs in zip(found, brands, strict=True)
                if brand.status == theirs.status == "verified"
                and theirs.pk != brand.pk
                and other.evidence.query_box.iou(one.evidence.query_box) > _SAME_PLACE
            ]
            margin = (1.0 + one.score - max(rivals)) / 2 if rivals else 1.0
            result.append(self._judged(one.candidate, replace(one.evidence, margin=margin)) if rivals else one)
        return result

    def _judged(self, candidate: Candidate, evidence: MarkEvidence) -> Found:
        judgement = self._calibration.judge("logo", evidence.features() | {"similarity": candidate.similarity})
        return Found(candidate, evidence, judgement.score, judgement.confidence)


def _best(found: Iterable[Found]) -> dict[int, Found]:
    """The place of each reference that is worth most."""
    best: dict[int, Found] = {}
    for one in found:
        known = best.get(one.candidate.reference_pk)
        if known is None or one.score > known.score:
            best[one.candidate.reference_pk] = one
    return best
