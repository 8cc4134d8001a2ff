"""What is to be reached, and what the parts measured beside it.

Place in the flow: after the parts, before the report. A goal is a figure of one part, or of two that belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

EAGER: Final = "open_clip eager + PIL"
"""The peer that the load is compared with."""

Parts: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What each part that was run measured, by its name."""


@dataclass(frozen=True, slots=True)
class Goal:
    """`of` makes the figure out of the parts in `needs`; it is held against `limit`."""

    text: str
    needs: tuple[str, ...]
    of: Callable[[Parts], float]
    sign: Literal[">=", "<="]
    limit: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure beside its goal; `value` is None where its part was not run or measured nothing."""

    goal: Goal
    value: float | None

    @property
    def met(self) -> bool | None:
        """None where there is nothing to judge."""
        if self.value is None:
            return None
        return self.value >= self.goal.limit if self.goal.sign == ">=" else self.value <= self.goal.limit


def _figure(part: str, name: str) -> Callable[[Parts], float]:
    return lambda parts: float(parts[part][name])


def _recall_lost(parts: Parts) -> float:
    """How much less of the same copies was found under load, as a share."""
    idle, load = parts["idle"]["copies_found"], parts["sustained"]["copies_found"]
    both = idle.keys() & load.keys()
    lost = sum(idle[one] for one in both) - sum(load[one] for one in both)
    return float(lost / len(both))


def _times_peer(name: str) -> Callable[[Parts], float]:
    return lambda parts: float(parts["peers"]["ours_per_second"] / parts["peers"]["per_second"][name])


GOALS = (
    Goal("listings a second over HTTP", ("sustained",), _figure("sustained", "listings_per_second"), ">=", 116),
    Goal("copies lost under load, share", ("idle", "sustained"), _recall_lost, "<=", 0),
    Goal("RSS drift, sustained", ("sustained",), _figure("sustained", "rss_drift"), "<=", 0.02),
    Goal("RSS drift, mixed sizes", ("mixed",), _figure("mixed", "rss_drift"), "<=", 0.02),
    Goal("times open_clip ViT-B/32 eager + PIL", ("peers",), _times_peer(EAGER), ">=", 8),
    Goal("HTTP over in-process", ("inside",), _figure("inside", "http_over_inside"), ">=", 0.9),
    Goal("p99 at 70 % load over a lone picture", ("paced",), _figure("paced", "p99_over_lone"), "<=", 3),
    Goal("goodput at twice the load over peak", ("overload",), _figure("overload", "goodput_over_peak"), ">=", 0.95),
    Goal("refusals, p95, ms", ("overload",), _figure("overload", "refusal_p95_ms"), "<=", 20),
    Goal("refusals with Retry-After", ("overload",), _figure("overload", "refusals_with_retry_after"), ">=", 1),
    Goal("neighbours of corrupt pictures that failed", ("corrupt",), _figure("corrupt", "neighbours_failed"), "<=", 0),
    Goal("corrupt pictures refused", ("corrupt",), _figure("corrupt", "corrupt_refused"), ">=", 1),
    Goal("12 MP JPEG to tensor, times Pillow", ("decoding",), _figure("decoding", "times"), ">=", 4),
    Goal("cosine to every pixel decoded", ("decoding",), _figure("decoding", "cosine"), ">=", 0.999),
    Goal("cold start to ready, s", ("cold",), _figure("cold", "ready_seconds"), "<=", 5),
)


def judge(parts: Parts) -> list[Verdict]:
    """Every goal beside what was measured for it."""
    return [Verdict(goal, _value(goal, parts)) for goal in GOALS]


def _value(goal: Goal, parts: Parts) -> float | None:
    if any(name not in parts for name in goal.needs):
        return None
    try:
        return goal.of(parts)
    except (KeyError, TypeError, ZeroDivisionError):
        return None
