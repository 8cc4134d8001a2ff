"""Curves and bars of a report, as PNG files.

Place in the flow: outcomes → **plots**, beside `evaluation.md`. They show numbers only, no photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.evaluation.outcomes import Outcomes
from training.evaluation.summary import figures, predictions, score_of, tops
from training.metrics import precision_recall, recall_at_fpr, reliability

_SIZE: Final = (7.0, 5.0)


def write_plots(out: Path, every: Sequence[Outcomes], by: str) -> list[Path]:
    """Four plots for each table into `out`: precision, false positives, reliability and groups; `by` is the model."""
    written: list[Path] = []
    for table in dict.fromkeys(one.table for one in every):
        some = [one for one in every if one.table == table]
        own = [one for one in some if one.by == by]
        name = table.replace(" ", "-")
        for kind, draw, rows in (
            ("precision", _precision, _shown(some, by)),
            ("false-positives", _false_positives, _shown(some, by)),
            ("reliability", _reliability, own),
            ("groups", _groups, own),
        ):
            written.append(out / f"{name}-{kind}.png")
            axes, figure = _axes(f"{table}: {kind.replace('-', ' ')}")
            draw(axes, rows)
            figure.savefig(written[-1], dpi=110)
    return written


def _shown(some: Sequence[Outcomes], by: str) -> list[Outcomes]:
    """The model in every gallery, peers in the last, which is the largest."""
    largest = some[-1].gallery
    return [one for one in some if one.by == by or one.gallery == largest]


def _axes(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - a package of the bench extra

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.grid(visible=True, alpha=0.3)
    return axes, figure


def _precision(axes: Any, rows: Sequence[Outcomes]) -> None:
    for one in rows:
        curve = precision_recall(predictions(one.items), len(one.positives))
        axes.plot([recall for recall, _ in curve], [precision for _, precision in curve], label=_label(one))
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.legend(loc="lower left")


def _false_positives(axes: Any, rows: Sequence[Outcomes]) -> None:
    for one in rows:
        found = [score_of(item.right) for item in one.positives]
        foreign = [score_of(item.wrong) for item in one.negatives]
        lowest = 1.0 / max(1, len(foreign))
        rates = np.geomspace(lowest, 1.0, 80)
        axes.plot(rates, [recall_at_fpr(found, foreign, rate) for rate in rates], label=_label(one))
    axes.set(xlabel="share of negative pictures above the cut", ylabel="recall", xscale="log", ylim=(0, 1.01))
    axes.legend(loc="lower right")


def _reliability(axes: Any, rows: Sequence[Outcomes]) -> None:
    axes.plot((0, 1), (0, 1), color="grey", linewidth=1)
    for one in rows:
        bins = reliability(*tops(one.items))
        axes.plot([part.confidence for part in bins], [part.right for part in bins], marker="o", label=_label(one))
    axes.set(xlabel="confidence (15 bins of equal mass)", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")


def _groups(axes: Any, rows: Sequence[Outcomes]) -> None:
    names = list(dict.fromkeys(item.group for one in rows for item in one.positives))
    height = 0.8 / max(1, len(rows))
    for place, one in enumerate(rows):
        values = [
            figures([item for item in one.items if item.negative or item.group == name])["recall_at_fpr_1%"]
            for name in names
        ]
        axes.barh(np.arange(len(names)) + place * height, values, height, label=_label(one))
    axes.set(xlabel="recall at FPR 1 %", xlim=(0, 1))
    axes.set_yticks(np.arange(len(names)) + 0.4 - height / 2, names)
    axes.axvline(0.9, color="grey", linewidth=1, linestyle="--")
    axes.invert_yaxis()
    axes.legend(loc="lower left")


def _label(one: Outcomes) -> str:
    return one.by if one.gallery == "all" else f"{one.by}, {one.gallery}"
