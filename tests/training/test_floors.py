"""A gate spares verification only what it would hardly have found."""

from __future__ import annotations

import numpy as np

from indexes.background import Background, Limits
from indexes.monotone import NO_GATE
from indexes.scoring import Calibration, KindModel
from training.fitting import Labelled
from training.floors import with_gates
from vision.embedding import Vectors


def vectors(seed: int) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(4, 8)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


BACKGROUND = Background(
    "spc",
    ordinary={"photo": vectors(1), "logo": vectors(2)},
    plain={"photo": vectors(3), "logo": vectors(4)},
    limits={"photo": Limits(1, 1), "logo": Limits(1, 1)},
)
MODEL = KindModel({"agreement": 10.0}, -5.0, ((0.0, 0.0), (1.0, 1.0)))
PLAIN = Calibration(kinds={"photo": MODEL, "logo": MODEL}, space_id="any", calibrated=True, floor_space="spc")


def rows(count: int) -> list[Labelled]:
    found = [Labelled({"agreement": 0.9, "excess": number / count}, True, str(number)) for number in range(count)]
    missed = [Labelled({"agreement": 0.1, "excess": -0.9}, True, "missed")]
    return [*found, *missed, Labelled({"agreement": 0.9, "excess": -0.8}, False, "wrong")]


def test_a_gate_loses_one_in_two_hundred_of_what_verification_finds() -> None:
    gated = with_gates(PLAIN, {"photo": rows(400), "logo": rows(20)}, BACKGROUND)
    kept = sum(number / 400 >= gated.gate("photo") for number in range(400))
    assert 0.99 < kept / 400 < 1.0
    assert gated.gate("logo") == NO_GATE
    assert gated.background == BACKGROUND.version


def test_a_lead_is_that_of_the_first_candidate_of_what_is_found() -> None:
    beside = [Labelled({"agreement": 0.1, "excess": 1.0}, False, str(number)) for number in range(399)]
    unlike = [Labelled({"agreement": 0.1, "excess": -0.9}, False, f"clean {number}") for number in range(50)]
    gated = with_gates(PLAIN, {"photo": rows(400), "logo": [*rows(400), *beside, *unlike]}, BACKGROUND)
    assert gated.lead("photo") == NO_GATE
    assert gated.lead("logo") > 0.99 > gated.gate("logo")


def test_a_gate_holds_in_its_own_space_only() -> None:
    gated = with_gates(PLAIN, {"photo": rows(400), "logo": rows(400)}, BACKGROUND)
    assert gated.within("spc").gate("photo") > 0
    assert gated.within("another").gate("photo") == NO_GATE
    assert gated.within("another").lead("photo") == NO_GATE
    assert with_gates(PLAIN, {"photo": rows(400), "logo": rows(400)}, None) == PLAIN
