"""What a query got: the best right and the best wrong answer, with all that a report asks of them.

Place in the flow: `training.evaluation.catalogue` makes these from matches and `training.peers` from scores;
`training.evaluation.summary` counts them; `training.evaluation.runs` keeps them as lines of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from indexes.search import Match
from training.protocols import NEGATIVE, Asked
from vision.boxes import Box
from vision.embedding import Kind


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the reference named, its score and confidence, and the boxes in query and reference."""

    reference: str
    score: float
    confidence: float
    box: tuple[float, ...] = ()
    reference_box: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Answer:
        """The answer of a decoded line."""
        boxes = {name: tuple(content[name]) for name in ("box", "reference_box")}
        return cls(**{**content, **boxes})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query's outcome.

    `right` and `wrong` are the best answers of each sort, None where there is none. `rank` is the place of the right
    answer among the answers (wrong ones of the same score stand before it). `overlap` is the intersection over union
    of the right answer's box with the nearest true box. `seconds` go by tier.
    """

    name: str
    table: str
    group: str
    unit: str
    right: Answer | None
    wrong: Answer | None
    rank: int | None = None
    overlap: float | None = None
    source: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def negative(self) -> bool:
        """Whether there was nothing to find."""
        return self.group == NEGATIVE

    def as_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Outcome:
        """The outcome of a line `as_line` made."""
        content: dict[str, Any] = json.loads(line)
        for sort in ("right", "wrong"):
            content[sort] = None if content[sort] is None else Answer.from_json(content[sort])
        return cls(**content)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All outcomes of one table in one gallery, in the order of the questions.

    `by` names the model or peer, `numbers` the question of each outcome in `protocol`.
    """

    table: str
    gallery: str
    kind: Kind
    by: str
    items: tuple[Outcome, ...]
    numbers: tuple[int, ...] = ()
    protocol: str = ""

    @property
    def positives(self) -> list[Outcome]:
        """Queries with something to find."""
        return [one for one in self.items if not one.negative]

    @property
    def negatives(self) -> list[Outcome]:
        """Queries with nothing to find."""
        return [one for one in self.items if one.negative]


def outcome_of_matches(asked: Asked, matches: Sequence[Match], seconds: Mapping[str, float]) -> Outcome:
    """What the service's matches of one kind make; a reference's `title` holds the answer it stands for."""
    right = [match for match in matches if match.reference.title == asked.answer]
    wrong = [match for match in matches if match.reference.title != asked.answer]
    overlap = max((box.iou(right[0].box) for box in asked.boxes), default=None) if right else None
    rivals = {match.reference.title for match in wrong if right and match.score >= right[0].score}
    return Outcome(
        asked.name,
        asked.table,
        asked.group,
        asked.unit,
        _answer(right),
        _answer(wrong),
        rank=1 + len(rivals) if right else None,
        overlap=None if overlap is None else round(overlap, 4),
        source=asked.source,
        seconds={tier: round(value, 5) for tier, value in seconds.items()},
    )


def outcome_of_scores(asked: Asked, scores: Iterable[tuple[str, str, float]], seconds: float) -> Outcome:
    """What a peer's (reference, answer, score) make: it has no confidence and names no box."""
    best: dict[str, tuple[float, str]] = {}
    for reference, answer, score in scores:
        best[answer] = max(best.get(answer, (score, reference)), (score, reference))
    own = best.pop(asked.answer, None) if asked.answer is not None else None
    worst = max(best.values(), default=None)
    rank = None if own is None else 1 + sum(score >= own[0] for score, _ in best.values())
    right, wrong = (None if one is None else Answer(one[1], one[0], 0.0) for one in (own, worst))
    return Outcome(
        asked.name,
        asked.table,
        asked.group,
        asked.unit,
        right,
        wrong,
        rank,
        None,
        asked.source,
        {"ask": round(seconds, 5)},
    )


def _answer(matches: Sequence[Match]) -> Answer | None:
    if not matches:
        return None
    best = matches[0]
    name = str(best.reference.external_id)
    return Answer(name, best.score, best.confidence, _corners(best.box), _corners(best.reference_box))


def _corners(box: Box) -> tuple[float, ...]:
    return tuple(box.as_list())
