"""Figures as JSON and Markdown.

Place in the flow: outcomes → summary → **report**. `brandwarden-train report` puts the Markdown between the markers of
`docs/evaluation.md`, so nobody types a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from indexes.clock import TIERS
from training.evaluation.outcomes import Outcomes
from training.evaluation.summary import summary
from training.evaluation.targets import against_targets
from vision.embedding import Kind

BEGIN: Final = "<!-- figures: made by brandwarden-train report -->"
END: Final = "<!-- end of figures -->"
_HEAD: Final = {
    "micro_ap": "µAP",
    "recall_at_fpr_1%": "recall at FPR 1 %",
    "recall_at_fpr_0.1%": "at FPR 0.1 %",
    "recall_at_fpr_5%": "at FPR 5 %",
    "recall_at_p90": "at precision 90 %",
    "mean_ap": "mAP",
}
_GROUPS: Final = {"logos": "brand", "marked logos": "shorter side of the mark", "package logos": "size of the mark"}


@dataclass(frozen=True, slots=True)
class Header:
    """What was measured: the model with its space and calibration, the effort of a query, and how many of them.

    `priors` are the shares of right answers the calibration was fitted for, by kind; empty without one.
    """

    model: str
    space: str
    calibration: str
    effort: str
    subset: int
    machine: str
    missing: tuple[str, ...] = ()
    priors: Mapping[Kind, float] = field(default_factory=dict)


def report_of(header: Header, every: Sequence[Outcomes], *, draws: int) -> dict[str, Any]:
    """The report as JSON: the header, a row for each table, gallery and method, and the targets."""
    rows: list[dict[str, Any]] = []
    for one in every:
        own = one.by == header.model
        prior = header.priors.get(one.kind) if own else None
        figures = summary(one, draws=draws if own else draws // 2, group_draws=None if own else 0, prior=prior)
        rows.append({"table": one.table, "gallery": one.gallery, "by": one.by} | figures)
    head = {name: getattr(header, name) for name in Header.__slots__} | {"priors": dict(header.priors)}
    return {**head, "targets": against_targets(rows, header.model), "rows": rows}


def markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    size = f" Only a subset of {report['subset']}." if report["subset"] else ""
    made = f"Model {report['model']} (space `{report['space']}`), calibration `{report['calibration']}`"
    how = f"effort of a query: {report['effort']}; {report['machine']}"
    lines = [f"{made}, {how}.{size} In brackets: 95 % interval."]
    if report["targets"]:
        lines += ["", *_targets(report["targets"])]
    for table in dict.fromkeys(row["table"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["table"] == table]
        own = [row for row in rows if row["by"] == report["model"]]
        lines += ["", f"### {table.capitalize()}", "", *_headline(rows)]
        for row in own:
            lines += ["", *_groups(row, [one for one in rows if one not in own and one["gallery"] == row["gallery"]])]
        lines += ["", *_confidences(own), ""]
        for row in own:
            lines += _words(row)
    if report["missing"]:
        lines += ["", "Not measured: " + "; ".join(report["missing"]) + "."]
    return "\n".join(lines) + "\n"


def inserted(page: str, text: str) -> str:
    """A page with `text` between its markers. Raises `ValueError` when it has none."""
    if BEGIN not in page or END not in page:
        raise ValueError(f"the page has no place for figures: put {BEGIN} and {END} where they belong")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.partition(END)[2]}"


def _targets(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _table(["", "measured", "target", ""])
    for one in targets:
        lines.append(_row([one["says"], f"{one['value']:.4f}", one["target"], "met" if one["met"] else "missed"]))
    return lines


def _headline(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _table(["", *_HEAD.values(), "ms"])
    for row in rows:
        cells = [_with_interval(row["figures"][name], row["intervals"].get(name)) for name in _HEAD]
        lines.append(_row([_label(row), *cells, f"{row['milliseconds']['all']['mean']:.0f}"]))
    return lines


def _groups(row: Mapping[str, Any], peers: Sequence[Mapping[str, Any]]) -> list[str]:
    said = _GROUPS.get(row["table"], "edit family") + ("" if row["gallery"] == "all" else f", {row['gallery']}")
    boxes = any(one["box_iou"] for one in row["groups"].values())
    heads = ["queries", "µAP", "recall at FPR 1 %", "at FPR 0.1 %", "flagged", *(["box IoU"] if boxes else [])]
    lines = _table([said, *heads, *(f"{peer['by']}, FPR 1 %" for peer in peers)])
    for name, one in row["groups"].items():
        main = _with_interval(one["recall_at_fpr_1%"], row["group_intervals"][name].get("recall_at_fpr_1%"))
        cells = [one["micro_ap"], main, one["recall_at_fpr_0.1%"], one["recall_flagged"]]
        cells += [one["box_iou"]] if boxes else []
        cells += [peer["groups"].get(name, {}).get("recall_at_fpr_1%", "") for peer in peers]
        shown = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append(_row([name, str(one["queries"]), *shown]))
    return lines


def _confidences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = _table(
        ["at confidence 0.5", "found", "negatives flagged", "supports at most", "packages flagged", "ECE", "ECE, all",
         "ECE at the told share", "box IoU", *_TIERS]
    )  # fmt: skip
    for row in rows:
        said, support, spent = row["confidences"], row["negatives_support"], row["milliseconds"]
        packages = f"{said['package_flagged_share']:.4f} of {said['packages']}" if said["packages"] else "-"
        cells = [
            f"{said['recall_flagged']:.3f}", f"{support['flagged']} of {support['negatives']}",
            f"{support['rate_at_most']:.4f}", packages, f"{said['ece']:.3f}", f"{said['ece_with_silent']:.3f}",
            _at_share(said),
            f"{row['boxes']['box_iou']:.3f}" if row["boxes"]["box_iou"] else "-",
            *(f"{spent[tier]['mean']:.1f} ms" if tier in spent else "-" for tier in _TIERS),
        ]  # fmt: skip
        lines.append(_row([_label(row), *cells]))
    return lines


def _at_share(said: Mapping[str, Any]) -> str:
    share = said.get("told_share")  # figures of before this column have none
    return "-" if share is None else f"{said['ece_at_told_share']:.3f} at {share:.2f}"


_TIERS: Final = ("decode", "embed", *TIERS, "cpu")


def _words(row: Mapping[str, Any]) -> list[str]:
    said, tail = row["confidences"], row["negatives_support"].get("tail")
    lines: list[str] = []
    if tail:
        rates = ", ".join(f"{recall:.3f} at {rate}" for rate, recall in tail["recall_at_rate"].items())
        flagged = "" if tail["flagged_rate"] is None else f"; confidence 0.5 is passed by {tail['flagged_rate']:g}"
        lines.append(f"{_label(row)}, by the fitted tail (an extrapolation): recall {rates}{flagged}.")
    if said["false_flags"]:
        shown = said["false_flags"][:12]
        more = f" and {len(said['false_flags']) - len(shown)} more" if len(said["false_flags"]) > len(shown) else ""
        lines.append(f"{_label(row)}, flagged wrongly: {', '.join(shown)}{more}.")
    return [line for text in lines for line in (text, "")]


def _label(row: Mapping[str, Any]) -> str:
    return str(row["by"]) if row["gallery"] == "all" else f"{row['by']}, {row['gallery']}"


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")


def _table(heads: Sequence[str]) -> list[str]:
    return [_row(heads), _row(["---"] * len(heads))]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
