"""A sheet of the worst errors: each query beside the reference it was taken for, or the one it should have found.

Place in the flow: outcomes and their protocol → **sheets**, in the build directory. Sheets of logos show photographs
that carry no licence: they are for looking at, and never leave the build directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from training.evaluation.outcomes import Answer, Outcome, Outcomes
from training.evaluation.summary import score_of
from training.metrics import cut_at_fpr
from training.protocols import Enrolled, Protocol
from vision.images import decode

_CELL: Final = 210
_WORDS: Final = 46
_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One error: the number of its question, the answer it got (if any), the reference beside it, and what to say."""

    number: int
    answer: Answer | None
    reference: str
    words: str


def write_sheet(path: Path, outcomes: Outcomes, protocol: Protocol, count: int = 24) -> None:
    """The strongest false positives and the missed positives, at most `count` of each; nothing where there are none."""
    gallery = {one.name: one for one in protocol.galleries()[outcomes.gallery]}
    shown = [*false_positives(outcomes)[:count], *misses(outcomes, gallery)[:count]]
    if not shown:
        return
    rows = -(-len(shown) // _COLUMNS)
    canvas = Image.new("RGB", (_COLUMNS * 2 * _CELL, rows * (_CELL + _WORDS)), "white")
    for place, error in enumerate(shown):
        spot = place % _COLUMNS * 2 * _CELL, place // _COLUMNS * (_CELL + _WORDS)
        _draw(canvas, spot, error, protocol.question(error.number).data, gallery)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)


def false_positives(outcomes: Outcomes) -> list[Shown]:
    """Negatives by falling score of what they were taken for."""
    pairs = [pair for pair in zip(outcomes.numbers, outcomes.items, strict=True) if pair[1].negative and pair[1].wrong]
    pairs.sort(key=lambda pair: -score_of(pair[1].wrong))
    return [_shown(number, one, one.wrong, "false positive") for number, one in pairs]


def misses(outcomes: Outcomes, gallery: Mapping[str, Enrolled]) -> list[Shown]:
    """Positives not above the score of FPR 1 %, spread over the groups, the weakest first."""
    cut = cut_at_fpr([score_of(one.wrong) for one in outcomes.negatives], 0.01)
    missed = [
        pair
        for pair in zip(outcomes.numbers, outcomes.items, strict=True)
        if not pair[1].negative and score_of(pair[1].right) <= cut
    ]
    turn: dict[str, int] = {}
    ordered: list[tuple[int, float, int, Outcome]] = []
    for number, one in sorted(missed, key=lambda pair: score_of(pair[1].right)):
        turn[one.group] = turn.get(one.group, -1) + 1
        ordered.append((turn[one.group], score_of(one.right), number, one))
    ordered.sort(key=lambda row: row[:3])
    return [_missed(number, one, gallery) for _, _, number, one in ordered]


def _missed(number: int, one: Outcome, gallery: Mapping[str, Enrolled]) -> Shown:
    """Beside the query stands the reference it should have found: the very one, or the brand's first."""
    reference = one.name if one.name in gallery else ""
    reference = reference or next((name for name, entry in gallery.items() if entry.answer == one.unit), "")
    shown = _shown(number, one, one.right, f"missed, {one.group}")
    return Shown(number, shown.answer, one.right.reference if one.right else reference, shown.words)


def _shown(number: int, one: Outcome, answer: Answer | None, words: str) -> Shown:
    said = "no answer" if answer is None else f"score {answer.score:.3f}  confidence {answer.confidence:.2f}"
    return Shown(number, answer, answer.reference if answer else "", f"{words}: {one.name}\n{said}")


def _draw(
    canvas: Image.Image, spot: tuple[int, int], error: Shown, data: bytes, gallery: Mapping[str, Enrolled]
) -> None:
    x, y = spot
    canvas.paste(_framed(data, error.answer.box if error.answer else ()), spot)
    if error.reference in gallery:
        canvas.paste(
            _framed(gallery[error.reference].data, error.answer.reference_box if error.answer else ()), (x + _CELL, y)
        )
    pen = ImageDraw.Draw(canvas)
    pen.text((x + 4, y + _CELL + 2), f"{error.words}\n{error.reference}", fill="black", font=ImageFont.load_default(11))


def _framed(data: bytes, box: Sequence[float]) -> Image.Image:
    image = Image.fromarray(decode(data).pixels)
    scale = (_CELL - 6) / max(image.size)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    if box:
        corners = [value * side for value, side in zip(box, image.size * 2, strict=True)]
        ImageDraw.Draw(image).rectangle(corners, outline=(255, 40, 40), width=3)
    return image
