"""The gate of first looks loses few of the copies that verification finds, and travels with its space."""

from __future__ import annotations

import numpy as np
import pytest

from indexes.errors import CalibrationError
from indexes.monotone import Gate, Term
from indexes.scoring import Calibration, KindModel
from training.glances import LOST, Shown, fitted


def shown(count: int, *, right: bool, mean: float, found: bool = True) -> list[Shown]:
    drawn = np.random.default_rng(right).normal(mean, 0.12, count).clip(0, 1)
    return [
        Shown(({"agreeing": float(value), "cells": 0.1},), right, found, f"{right}/{n}")
        for n, value in enumerate(drawn)
    ]


def test_a_gate_loses_at_most_its_share_of_what_is_found_and_spares_look_alikes() -> None:
    copies, others = shown(1000, right=True, mean=0.8), shown(400, right=False, mean=0.2)
    unfound = [Shown(({"agreeing": 0.0, "cells": 0.0},), True, False, f"unfound/{number}") for number in range(300)]
    gate, note = fitted([*copies, *unfound, *others])
    assert gate is not None
    assert sum(not one.passes(gate) for one in copies) <= LOST * 1000
    assert note["lost"] <= LOST
    assert note["clean_candidates_passing"] < 0.1
    assert (note["found"], note["clean_candidates"]) == (1000, 400)


def test_too_few_copies_give_no_gate() -> None:
    assert fitted([*shown(40, right=True, mean=0.8), *shown(400, right=False, mean=0.2)])[0] is None
    assert fitted(shown(400, right=True, mean=0.8))[0] is None


GATE = Gate({"agreeing": 2.0}, -1.0, (Term(("cells",), 0.5, 0.2, 0.4),))


def test_a_gate_is_kept_with_its_calibration_and_holds_in_its_own_space_only(tmp_path) -> None:
    model = KindModel({"agreement": 1.0}, 0.0, ((0.0, 0.0), (1.0, 1.0)))
    kinds = {"photo": KindModel(model.weights, 0.0, model.curve, glance=GATE), "logo": model}
    made = Calibration(kinds=kinds, space_id="any", calibrated=True, floor_space="spc")
    made.save(tmp_path / "calibration.json")
    read = Calibration.load(tmp_path / "calibration.json")
    assert (read.glance("photo"), read.glance("logo"), read.version) == (GATE, None, made.version)
    assert read.within("spc").glance("photo") == GATE
    assert read.within("another").glance("photo") is None


def test_more_to_see_never_closes_a_gate() -> None:
    assert not GATE.passes({"agreeing": 0.4})
    assert GATE.passes({"agreeing": 0.4, "cells": 0.4})
    assert GATE.passes({"agreeing": 0.5})
    with pytest.raises(CalibrationError, match="not be monotone"):
        Gate({"agreeing": -1.0}, 0.0)
    with pytest.raises(CalibrationError, match="not finite"):
        Gate({"agreeing": 1.0}, float("nan"))


def test_a_second_look_can_let_a_candidate_pass() -> None:
    blind, clear = {"agreeing": 0.1, "cells": 0.1}, {"agreeing": 0.6, "cells": 0.2}
    assert Shown((blind, clear), True, True, "copy").passes(GATE)
    assert Shown((blind, clear), True, True, "copy").clearest == clear
    assert not Shown((blind, blind), True, True, "copy").passes(GATE)
