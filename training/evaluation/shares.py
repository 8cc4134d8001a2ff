"""What share of pictures has a right answer, told from confidences alone, and the confidences moved there.

Place in the flow: `training.evaluation.summary` says beside the calibration error at the share a calibration was
fitted for also that at the share of the very pictures asked. No label is used: the share is the one at which the mean
confidence agrees with it (expectation maximisation; Saerens, Latinne and Decaestecker, Neural Computation 14, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from indexes.monotone import logistic, logit

_ROUNDS: Final = 500
_STILL: Final = 1e-7
_SURE: Final = 1e-9


def told_share(confidences: Sequence[float], fitted: float) -> float:
    """The share of right answers that `confidences`, each in [0, 1] and fitted for a share, themselves tell.

    Stays at `fitted` for no confidences.
    """
    share = fitted
    for _ in range(_ROUNDS if confidences else 0):
        before, every = share, moved(confidences, fitted, share)
        share = min(1 - _SURE, max(_SURE, sum(every) / len(every)))
        if abs(share - before) < _STILL:
            break
    return share


def moved(confidences: Sequence[float], fitted: float, share: float) -> list[float]:
    """Confidences that hold where a share `fitted` is right, as they hold where `share` is."""
    shift = logit(share) - logit(fitted)
    return [logistic(logit(one) + shift) if 0 < one < 1 else one for one in confidences]
