"""The figures drawn: throughput and memory over time, latency, core time by tier, and ours beside the peers'.

Place in the flow: the end of `command`. A plot whose parts were not measured is not drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

_INK, _SECOND, _PALE = "#20506e", "#c8643c", "#9aa5ab"
_COLOURS = ("#20506e", "#3f7f9e", "#86b5c6", "#e0b06a", "#c8643c", "#7d3b2a", "#5c7f52", "#b9a9cf")


def draw(parts: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write the plots that can be drawn as `speed-*.png` into `folder`; which were."""
    mpl.use("agg")
    drawn = {
        "speed-time": _over_time(parts),
        "speed-latency": _latency(parts),
        "speed-tiers": _tiers(parts),
        "speed-peers": _peers(parts),
    }
    written = []
    for name, figure in drawn.items():
        if figure is not None:
            path = folder / f"{name}.png"
            figure.savefig(path, dpi=90)
            written.append(path)
    return written


def _over_time(parts: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    shown = [name for name in ("sustained", "mixed") if name in parts]
    if not shown:
        return None
    figure = Figure(figsize=(4.6 * len(shown), 4.4), layout="constrained")
    axes = figure.subplots(2, len(shown), squeeze=False, sharex="col")
    for column, name in enumerate(shown):
        series, minutes = parts[name]["over_time"], [at / 60 for at in parts[name]["over_time"]["at"]]
        rate, memory = axes[0][column], axes[1][column]
        rate.plot(minutes, series["rate"], color=_INK)
        rate.set(title=f"{name}: listings a second", ylim=(0, None))
        memory.plot(minutes, series["rss_mib"], color=_SECOND)
        memory.set(title="resident memory, MiB", ylim=(0, None), xlabel="minutes")
    return figure


def _latency(parts: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    shown = {"sustained": "all it can do", "paced": "70 % of it"}
    if not any(name in parts for name in shown):
        return None
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, label), colour in zip(shown.items(), (_SECOND, _INK), strict=True):
        if values := parts.get(name, {}).get("latencies_ms"):
            axes.plot(
                values, [100 * (place + 1) / len(values) for place in range(len(values))], color=colour, label=label
            )
    if lone := parts.get("paced", {}).get("lone_p50_ms"):
        axes.axvline(lone, color=_PALE, linestyle=":", label="a lone picture, median")
    axes.set(xlabel="milliseconds", ylabel="% of listings answered", xscale="log", ylim=(0, 101))
    axes.legend(frameon=False)
    return figure


def _tiers(parts: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    shown = [name for name in ("idle", "sustained", "large") if parts.get(name, {}).get("tiers_core_ms")]
    if not shown:
        return None
    tiers = list(dict.fromkeys(tier for name in shown for tier in parts[name]["tiers_core_ms"]))
    figure = Figure(figsize=(6.4, 1.6 + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots()
    left = dict.fromkeys(shown, 0.0)
    for tier, colour in zip(tiers, itertools.cycle(_COLOURS), strict=False):
        values = [parts[name]["tiers_core_ms"].get(tier, 0.0) for name in shown]
        axes.barh(shown, values, left=list(left.values()), color=_PALE if tier == "the rest" else colour, label=tier)
        left = {name: left[name] + value for name, value in zip(shown, values, strict=True)}
    axes.set(xlabel="core-milliseconds a listing")
    axes.invert_yaxis()
    figure.legend(frameon=False, ncols=4, loc="outside lower center")
    return figure


def _peers(parts: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    if "peers" not in parts:
        return None
    rates = {"Brandwarden over HTTP": parts["peers"]["ours_per_second"], **parts["peers"]["per_second"]}
    figure = Figure(figsize=(6.4, 0.9 + 0.4 * len(rates)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(rates), list(rates.values()), color=[_INK, *[_PALE] * (len(rates) - 1)])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="pictures of 800 px a second, two cores")
    return figure
