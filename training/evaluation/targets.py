"""What the detection is meant to reach, and whether it does: printed with every report.

Place in the flow: part of `training.evaluation.report`. Targets hold on the whole protocols; a subset says little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of one table and gallery that should be at least, or (`below`) at most, `limit`."""

    says: str
    table: str
    gallery: str
    path: tuple[str, ...]
    limit: float
    below: bool = False

    def value(self, row: Mapping[str, Any]) -> float:
        """The figure in a row of the report; of a path that ends in `*` the smallest over the groups."""
        if self.path[0] == "*":
            return min((float(group[self.path[1]]) for group in row["groups"].values()), default=0.0)
        found: Any = row
        for name in self.path:
            found = found[name]
        return float(found)

    def met(self, value: float) -> bool:
        """Whether the value is on the right side."""
        return value <= self.limit if self.below else value >= self.limit


TARGETS: Final = (
    Target("copies, µAP", "copies", "all", ("figures", "micro_ap"), 0.985),
    Target("copies, recall at FPR 1 %", "copies", "all", ("figures", "recall_at_fpr_1%"), 0.97),
    Target("copies, recall at FPR 0.1 %", "copies", "all", ("figures", "recall_at_fpr_0.1%"), 0.90),
    Target("weakest edit family, recall at FPR 1 %", "copies", "all", ("*", "recall_at_fpr_1%"), 0.90),
    Target(
        "same package, other photo, flagged", "copies", "all", ("confidences", "package_flagged_share"), 0.005, True
    ),
    Target(
        "the same, enrolled from a shelf",
        "packages on shelves",
        "all",
        ("confidences", "package_flagged_share"),
        0.005,
        True,
    ),
    Target("copies, calibration error", "copies", "all", ("confidences", "ece"), 0.03, True),
    Target("logos, 7 references, recall at FPR 1 %", "logos", "k7", ("figures", "recall_at_fpr_1%"), 0.90),
    Target("logos, 1 reference, recall at FPR 1 %", "logos", "k1", ("figures", "recall_at_fpr_1%"), 0.75),
    Target("logos, 7 references, µAP", "logos", "k7", ("figures", "micro_ap"), 0.90),
    Target("logos, 7 references, calibration error", "logos", "k7", ("confidences", "ece"), 0.03, True),
)


def against_targets(rows: Sequence[Mapping[str, Any]], by: str) -> list[dict[str, Any]]:
    """Every target that `by` has a row for: what it says, the value, the limit and whether it is met."""
    found: list[dict[str, Any]] = []
    for target in TARGETS:
        for row in rows:
            if (row["table"], row["gallery"], row["by"]) == (target.table, target.gallery, by):
                value = target.value(row)
                sign = "at most" if target.below else "at least"
                found.append(
                    {"says": target.says, "value": value, "target": f"{sign} {target.limit}", "met": target.met(value)}
                )
    return found
