"""Figures as JSON and Markdown.

Place in the flow: outcomes → summary → **report**. The Markdown of a report is what `docs/evaluation.md` holds between
its markers, so nobody types a figure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from indexes.scoring import Calibration
from training.evaluation.outcomes import Outcomes
from training.evaluation.summary import summary
from vision.embedding import Space

_HEAD: Final = ("micro_ap", "recall_at_p90", "recall_at_fpr_1%", "recall_at_fpr_0.1%", "recall_at_fpr_5%", "mean_ap")
_WORDS: Final = {
    "micro_ap": "µAP",
    "recall_at_p90": "recall at precision 90 %",
    "recall_at_fpr_1%": "recall at FPR 1 %",
    "recall_at_fpr_0.1%": "at FPR 0.1 %",
    "recall_at_fpr_5%": "at FPR 5 %",
    "mean_ap": "mAP",
}


def write_report(
    out: Path,
    every: Sequence[Outcomes],
    space: Space,
    calibration: Calibration,
    *,
    draws: int,
    effort: int | None,
    missing: Sequence[str] = (),
) -> str:
    """Write `evaluation.json` and `evaluation.md` into `out`; the Markdown."""
    report: dict[str, Any] = {
        "model": space.model,
        "space": space.id,
        "calibration": calibration.version,
        "effort": "listing" if effort is None else f"first {effort}",
        "missing": list(missing),
        "rows": [
            {"table": one.table, "gallery": one.gallery, "kind": one.kind, "by": one.by} | summary(one, draws=draws)
            for one in every
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    text = markdown(report)
    (out / "evaluation.md").write_text(text, encoding="utf-8")
    return text


def markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown tables."""
    made = f"Model {report['model']} (space `{report['space']}`), calibration {report['calibration']}"
    lines = [f"{made}, effort of a query: {report['effort']}. In brackets: 95 % interval."]
    for table in dict.fromkeys(row["table"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["table"] == table]
        lines += ["", f"### {table}", "", *_headline(rows)]
        for row in rows:
            lines += ["", *_groups(row), "", *_confidences(row)]
    return "\n".join(lines) + "\n"


def _headline(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [_row(["", *(_WORDS[name] for name in _HEAD)]), _row(["---"] * (len(_HEAD) + 1))]
    for row in rows:
        cells = [_with_interval(row["figures"][name], row["intervals"].get(name)) for name in _HEAD]
        lines.append(_row([_label(row), *cells]))
    return lines


def _groups(row: Mapping[str, Any]) -> list[str]:
    lines = [
        _row([_label(row), "queries", "µAP", "recall at FPR 1 %", "at FPR 0.1 %", "flagged", "box IoU"]),
        _row(["---"] * 7),
    ]
    for name, one in row["groups"].items():
        main = _with_interval(one["recall_at_fpr_1%"], row["group_intervals"][name].get("recall_at_fpr_1%"))
        cells = [one["micro_ap"], main, one["recall_at_fpr_0.1%"], one["recall_flagged"], one["box_iou"]]
        lines.append(_row([name, str(one["queries"]), *map(str, cells)]))
    return lines


def _confidences(row: Mapping[str, Any]) -> list[str]:
    said, support = row["confidences"], row["negatives_support"]
    share = f"{support['flagged']} of {support['negatives']} negatives, a rate of at most {support['rate_at_most']}"
    packages = f"{said['package_flagged_share']} of {said['packages']} packages on shelves"
    silent = f"{said['ece_with_silent']} with the {said['without_answer']} queries that got no answer"
    spent = ", ".join(f"{tier} {one['mean']}" for tier, one in row["milliseconds"].items())
    lines = [
        f"Flagged (confidence of at least 0.5): {said['recall_flagged']} of the positives, {share}; {packages}.",
        "",
        f"Calibration error {said['ece']} ({silent}). Milliseconds, mean: {spent}.",
    ]
    if said["false_flags"]:
        lines += ["", "Flagged wrongly: " + ", ".join(said["false_flags"]) + "."]
    return lines


def _label(row: Mapping[str, Any]) -> str:
    return str(row["by"]) if row["gallery"] == "all" else f"{row['by']}, {row['gallery']}"


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
