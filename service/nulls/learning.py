"""From scores of traffic that is not infringing to how much hotter a brand's wrong matches are than others'.

Place in the flow: `service.nulls.records` gives the votes and keeps what comes out. Pure numbers.

Nobody may move another brand's null by sending listings: a seller has one vote for a brand and kind, whatever number
of listings it sends (those without a seller share one); what a marketplace sends counts for that marketplace alone;
the middle of the votes decides, so half of a marketplace's sellers would have to conspire; a shift is bounded and only
lowers. Shrinkage is empirical Bayes of a normal mean (Efron and Morris, 1975) on medians, whose variance is pi/2 that
of means.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

FEWEST: Final = 20
"""Sellers whose listings a brand's references were compared with before anything is said of the brand."""
TOLERATED: Final = 0.5
"""Log-odds that a brand's null may lie above the others' before it is held against its matches."""
MOST: Final = 2.0
"""No confidence is lowered by more log-odds."""
_REACH: Final = 2.0  # how many deviations above its middle a null is felt
_LEAST_SPREAD: Final = 0.25
_NORMAL: Final = 1.4826  # median absolute deviation to standard deviation

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Vote:
    """The middle score, in log-odds, that one seller's listings got against a brand's references of a kind."""

    marketplace: str
    brand_id: str
    kind: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class Shift:
    """A brand's null at a marketplace: where it lies, how wide it is, and the log-odds its matches are lowered by."""

    marketplace: str
    brand_id: str
    kind: str
    votes: int
    location: float
    scale: float
    shift: float


def learned(votes: Iterable[Vote]) -> list[Shift]:
    """The nulls of every brand with enough votes, in a fixed order."""
    by_key: dict[Key, list[float]] = defaultdict(list)
    for vote in votes:
        by_key[vote.marketplace, vote.kind, vote.brand_id].append(vote.log_odds)
    nulls = {key: (len(found), *_middle(found)) for key, found in sorted(by_key.items()) if len(found) >= FEWEST}
    groups: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in nulls:
        groups[key[:2]].append(key)
    return [shift for keys in groups.values() for shift in _against_others(keys, [nulls[key] for key in keys])]


def _against_others(keys: Sequence[Key], nulls: Sequence[tuple[int, float, float]]) -> list[Shift]:
    """The brands of one marketplace and kind, each compared with all."""
    heights = [location + _REACH * scale for _, location, scale in nulls]
    usual, between = _middle(heights)
    found = []
    for (marketplace, kind, brand_id), (count, location, scale), height in zip(keys, nulls, heights, strict=True):
        doubt = math.pi / 2 * scale**2 / count
        trusted = between**2 / (between**2 + doubt)
        shift = min(MOST, max(0.0, trusted * (height - usual) - TOLERATED))
        found.append(Shift(marketplace, brand_id, kind, count, round(location, 4), round(scale, 4), round(shift, 4)))
    return found


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Median, and the spread around it as a standard deviation, never nothing."""
    centre = median(values)
    return centre, max(_LEAST_SPREAD, _NORMAL * median(abs(value - centre) for value in values))
