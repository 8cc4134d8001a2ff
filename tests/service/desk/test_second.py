"""Agreement between reviewers: worked by hand."""

from __future__ import annotations

import pytest

from service.desk.second import agreement_of


def test_nothing_answered_is_no_agreement():
    found = agreement_of({}, waiting=3)
    assert (found.answered, found.agreed, found.waiting, found.kappa) == (0, 0, 3, None)


def test_kappa_of_a_worked_example():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa = 0.4
    pairs = {
        ("infringing", "infringing"): 20,
        ("infringing", "not_a_match"): 5,
        ("not_a_match", "infringing"): 10,
        ("not_a_match", "not_a_match"): 15,
    }
    found = agreement_of(pairs, waiting=0)
    assert (found.answered, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)


def test_reviewers_who_always_say_the_same_have_no_kappa():
    found = agreement_of({("infringing", "infringing"): 9}, waiting=0)
    assert (found.agreed, found.kappa) == (9, None)
