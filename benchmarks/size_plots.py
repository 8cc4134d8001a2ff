"""What `benchmarks.size` measured, drawn: recall against time for every size, and memory by vector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = ("#20506e", "#c8643c", "#86b5c6", "#7d3b2a")


def draw(results: Path, path: Path) -> bool:
    """Draw every `size-<vectors>.json` below `results` into `path`; false where there is none."""
    read = [json.loads(file.read_text())["figures"] for file in results.glob("size-*.json")]
    sizes: list[dict[str, Any]] = sorted(read, key=lambda figures: int(figures["vectors"]))
    if not sizes:
        return False
    mpl.use("agg")
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    _recall(left, sizes)
    _memory(right, sizes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    return True


def _recall(axes: Axes, sizes: list[dict[str, Any]]) -> None:
    for figures, colour in zip(sizes, _COLOURS, strict=False):
        curve = figures["recall_by_probes"]
        label = f"{figures['vectors'] / 1e6:g} million"
        times, recalls = [point["core_ms"] for point in curve], [point["recall"] for point in curve]
        axes.plot(times, recalls, marker="o", markersize=4, color=colour, label=label)
        for point in curve:
            if point["probes"] in (1, 4, 64):
                axes.annotate(str(point["probes"]), (point["core_ms"], point["recall"]), fontsize=7, va="top")
        axes.plot(figures["search_core_ms"], figures["recall_at_10"], marker="*", markersize=13, color=colour)
    axes.set(
        xlabel="core-ms a query, one thread", ylabel="recall@10", title="Lists looked into; the star is the plan's"
    )
    axes.legend(frameon=False)


def _memory(axes: Axes, sizes: list[dict[str, Any]]) -> None:
    names = [f"{figures['vectors'] / 1e6:g} M" for figures in sizes]
    resident = [figures["bytes_per_vector"] for figures in sizes]
    mapped = [figures["bytes_per_vector_mapped_beside"] for figures in sizes]
    axes.bar(names, resident, color=_COLOURS[0], label="in memory")
    axes.bar(names, mapped, bottom=resident, color=_COLOURS[2], label="in the mapped file")
    for place, figures in enumerate(sizes):
        words = f"{figures['rss_mib'] / 1024:.1f} GiB resident"
        axes.annotate(words, (place, resident[place] + mapped[place]), ha="center", va="bottom", fontsize=8)
    axes.set(ylabel="bytes a vector of 256 numbers", ylim=(0, 760))
    axes.legend(frameon=False, loc="lower right")
