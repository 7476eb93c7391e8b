"""Reasons of advice are sentences: who reads them beside a method's name understands them."""

from __future__ import annotations

import numpy as np
import pytest

import opendicke as od

UP = od.ProductState.polarized("+z")


@pytest.mark.parametrize(
    ("model", "method", "reason"),
    [
        (
            od.DickeModel([[0.3]], 1.0, field=0.1),
            "RateEquation",
            "it does not apply: the model must have loss in every mode that couples, for "
            "RateEquation, but mode 0 has loss=0",
        ),
        (
            od.DickeModel(np.linspace(1, 2, 400)[:, None], 1.0, loss=5.0),
            "RateEquation",
            "it does not apply: the model must have at most 26 spins for RateEquation, which "
            "follows all 2^N configurations (KineticMonteCarlo follows trajectories of them), but "
            "had 400",
        ),
    ],
)
def test_why_a_method_does_not_apply(model: od.DickeModel, method: str, reason: str) -> None:
    opinion = od.advise(model, UP, [0, 1.0])[method]
    assert opinion.reason == reason
    assert not opinion.valid


def test_no_impossible_deviation_is_told() -> None:
    """Two numbers between ±1 are 2 apart at most: beyond, perturbation theory has failed."""
    strong = od.DickeModel([[0.3], [0.2], [0.1]], 1.0, loss=0.2, field=0.5)
    failed = od.advise(strong, UP, [0, 5.0])["RateEquation"]
    assert failed.reason.startswith(
        "second order in the field, which judges rates, fails here (mostly field against "
        "dephasing); field times coherence time is up to "
    )
    assert "deviate by" not in failed.reason
    weak = od.DickeModel([[2.0], [-1.5]], 1.0, loss=11.0, gain=1.0, field=0.02)
    down = od.ProductState.polarized("-z", bosons="stationary")
    assert od.advise(weak, down, [0, 10.0])["RateEquation"].reason.startswith(
        "spins deviate by 0.0"
    )
