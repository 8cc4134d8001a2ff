"""Bootstrap intervals: how far a figure would move with other references and other pictures.

Place in the flow: `training.evaluation.summary` asks for the interval of each headline figure. Whole units are drawn
with replacement (Efron, 1979): every query of one reference, brand or foreign picture goes together, because edits of
one photograph succeed and fail together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import numpy as np

Item = TypeVar("Item")

DRAWS: Final = 400
_EDGES: Final = (2.5, 97.5)


def intervals(
    items: Sequence[Item],
    strata: Sequence[Hashable],
    units: Sequence[Hashable],
    measure: Callable[[list[Item]], Mapping[str, float]],
    *,
    draws: int = DRAWS,
    seed: int = 7,
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of every figure of `measure`, by percentiles over `draws` resamples.

    Units are drawn within their stratum, so that the number of positive and of negative units stays. The same items
    and seed give the same interval.
    """
    found: dict[str, list[float]] = {}
    for sample in _samples(items, strata, units, draws, seed):
        for name, value in measure(sample).items():
            found.setdefault(name, []).append(value)
    return {name: _between(values) for name, values in found.items()}


def _samples(
    items: Sequence[Item], strata: Sequence[Hashable], units: Sequence[Hashable], draws: int, seed: int
) -> Iterator[list[Item]]:
    parts: dict[Hashable, dict[Hashable, list[Item]]] = {}
    for item, stratum, unit in zip(items, strata, units, strict=True):
        parts.setdefault(stratum, {}).setdefault(unit, []).append(item)
    groups = [list(part.values()) for part in parts.values()]
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield [item for group in groups for pick in rng.integers(len(group), size=len(group)) for item in group[pick]]


def _between(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(np.asarray(values, np.float64), _EDGES)
    return round(float(low), 4), round(float(high), 4)
