"""Evidence → score → confidence: one monotone model per kind, stored as JSON beside the embedder it was fitted with.

Place in the flow: `indexes.search` adds what the vectors say to the features of a verified candidate and asks
`judge`. `score` ranks, `confidence` is the calibrated probability that the match is real, at the share of right
answers the curve was fitted for or at the one this marketplace expects. Thresholds live in policies, not here. What a
kind's model is made of is in `indexes.monotone`; fitting lives in `training.calibrate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from indexes.errors import CalibrationError
from indexes.monotone import NO_GATE, Gate, KindModel, Term, logistic
from vision.embedding import KINDS, Kind

__all__ = ["ANY_SPACE", "UNCALIBRATED_CAP", "Calibration", "Judgement", "KindModel", "Term"]

ANY_SPACE: Final = "any"
ALTERED_SHARE: Final = 0.8
"""A mark with another name is likely meant to be taken for the brand's, and a person should see the difference. Set by
hand: no photographs of such marks were at hand to fit it on."""

RIVALLED: Final = 4.0
"""Log-odds that a mark loses where another verified brand's agrees surely and it hardly does. Set by hand on the
evidence the calibration was fitted on, 2,987 pairs without regard to their places: 9 of 19 wrong ones above a
confidence of 0.2 fall below it, no right one falls below 0.5."""

UNCALIBRATED_CAP: Final = 0.75
"""Confidence without a calibration never exceeds this, so it can recommend a review and nothing stronger."""

_NEUTRAL: Final = {
    "photo": {"agreement": 7.0, "central": 5.0},
    "logo": {"own_shape": 9.0, "firm": 9.0, "spelled": 4.0},
}
_NEUTRAL_BIAS: Final = {"photo": -7.0, "logo": -4.0}


_OF_A_SPACE: Final = "likeness"
"""The feature that compares vectors: its weight means nothing in another space."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`score` in (0, 1) ranks matches of a kind; `confidence` in [0, 1] is monotone in it.

    `log_odds` are the score's before anything a brand's own history took away.
    """

    score: float
    confidence: float
    log_odds: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """One model per kind. `version` hashes the content; `space_id` is the space it was fitted with, or `any`.

    Pixels alone can be weighed in any space; floors of similarity hold in `floor_space` only (empty: no floors), and
    what compares with a background set holds for the set of the version `background` only. `expected` is the share
    of right answers this marketplace expects by kind, where that is not the one the curve was fitted for.
    """

    kinds: Mapping[Kind, KindModel]
    space_id: str
    calibrated: bool
    floor_space: str = ""
    background: str = ""
    expected: Mapping[Kind, float] = field(default_factory=dict)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        if set(self.kinds) != set(KINDS):
            raise CalibrationError(f"a calibration needs a model for each of {', '.join(KINDS)}: fit it again")
        if not all(0 < prior < 1 for prior in self.expected.values()):
            raise CalibrationError("an expected share of right answers must lie between 0 and 1: mend the setting")
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))
        object.__setattr__(self, "expected", MappingProxyType(dict(self.expected)))
        content = json.dumps(self.as_json(), sort_keys=True).encode()
        object.__setattr__(self, "version", "cal_" + hashlib.sha256(content).hexdigest()[:12])

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file. Raises CalibrationError, naming the file, when it cannot be used."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                kinds={kind: KindModel.from_json(content["kinds"][kind]) for kind in KINDS},
                space_id=str(content["space_id"]),
                calibrated=True,
                floor_space=str(content.get("floor_space", "")),
                background=str(content.get("background", "")),
            )
        except CalibrationError as error:
            raise CalibrationError(f"{path}: {error}") from error
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise CalibrationError(
                f"{path} is not a calibration ({error!r}): fit one with `brandwarden-train calibrate`"
            ) from error

    @classmethod
    def uncalibrated(cls) -> Calibration:
        """Neutral weights for a space without a calibration: it ranks, and its confidence is capped."""
        curve = ((0.0, 0.0), (1.0, UNCALIBRATED_CAP))
        kinds = {kind: KindModel(_NEUTRAL[kind], _NEUTRAL_BIAS[kind], curve) for kind in KINDS}
        return cls(kinds=kinds, space_id=ANY_SPACE, calibrated=False)

    def fits(self, space_id: str) -> bool:
        """Whether it was fitted with this space, or with any."""
        return self.space_id in (ANY_SPACE, space_id)

    def within(self, space_id: str) -> Calibration:
        """The same calibration for use in a space: what was measured in another one counts for nothing there.

        Without `likeness` a mark is only less sure, as any evidence that is missing makes it.
        """
        if self.floor_space == space_id:
            return self
        kinds = {
            kind: replace(_elsewhere(model), floor=-1.0, gate=NO_GATE, lead=NO_GATE, glance=None)
            for kind, model in self.kinds.items()
        }
        return replace(self, kinds=kinds, floor_space="", background="")

    def expecting(self, priors: Mapping[Kind, float | None]) -> Calibration:
        """The same calibration where other shares of right answers are expected; None leaves the fitted one.

        An uncalibrated one stays as it is: it was fitted for no share.
        """
        expected = {kind: prior for kind, prior in priors.items() if prior is not None}
        return replace(self, expected=expected) if self.calibrated else self

    def judge(self, kind: Kind, features: Mapping[str, float], *, shift: float = 0.0) -> Judgement:
        """Score and confidence of one match of `kind`, its log-odds lowered by `shift` (0 or more).

        A mark whose name is clearly another word (`altered`) never passes ALTERED_SHARE of the highest confidence,
        however much its shape agrees; one that stands behind another brand's (`margin` below a half) loses with the
        distance.
        """
        model = self.kinds[kind]
        log_odds = model.log_odds(features) - RIVALLED * max(0.0, 1.0 - 2.0 * features.get("margin", 1.0))
        if features.get("altered"):
            log_odds = min(log_odds, model.highest(ALTERED_SHARE))
        score = logistic(log_odds - shift)
        return Judgement(score, model.confidence(score, self.expected.get(kind)), log_odds)

    def floor(self, kind: Kind) -> float:
        """Similarity (inner product) below which a candidate of `kind` is not worth verifying; -1 for none."""
        return self.kinds[kind].floor

    def gate(self, kind: Kind) -> float:
        """Excess over the background below which a candidate of `kind` is not worth verifying."""
        return self.kinds[kind].gate

    def lead(self, kind: Kind) -> float:
        """Excess that one candidate of a picture has to reach for any of them to be worth verifying."""
        return self.kinds[kind].lead

    def glance(self, kind: Kind) -> Gate | None:
        """What a first look at a candidate's pixels has to show for it to be verified; None where all are."""
        return self.kinds[kind].glance

    def as_json(self) -> dict[str, Any]:
        """What `save` writes, without the version."""
        content = {
            "format": 1,
            "space_id": self.space_id,
            "floor_space": self.floor_space,
            "background": self.background,
            "kinds": {kind: model.as_json() for kind, model in self.kinds.items()},
        }
        return content | ({"expected": dict(self.expected)} if self.expected else {})

    def save(self, path: Path, notes: Mapping[str, Any] | None = None) -> None:
        """Write the file, with `notes` (what it was fitted on) that do not count towards the version."""
        content = {"version": self.version, **self.as_json(), "notes": dict(notes or {})}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _elsewhere(model: KindModel) -> KindModel:
    weights = {name: weight for name, weight in model.weights.items() if name != _OF_A_SPACE}
    return replace(model, weights=weights, terms=tuple(term for term in model.terms if _OF_A_SPACE not in term.of))
