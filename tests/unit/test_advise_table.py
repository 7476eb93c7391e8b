"""The stored table of verdicts beside exact answers: its rates, and a part of it made again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def made() -> Any:
    """The script that makes the table."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import advise
    finally:
        sys.path.remove(str(BENCHMARKS))
    return advise


@pytest.fixture(scope="module")
def rows(made: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.read()
    return found


def test_promises_are_kept_and_most_of_what_holds_is_found(
    made: Any, rows: list[dict[str, Any]]
) -> None:
    models = {(row["generator"], row["number"]) for row in rows}
    assert len(models) >= 400
    seen = {(row["generator"], row["method"]): row for row in made.rates(rows)}
    for generator in ("calibration", "verification"):
        for method in ("MeanField", "TruncatedWigner", "RateEquation"):
            rate = seen[generator, method]
            assert rate["kept"] >= 0.95 * rate["said"], rate
            assert rate["found"] >= 0.5 * rate["true"], rate
            assert rate["said"] >= 10
    assert all(0 < float(row["error"]) <= 0.05 for row in rows if row["verdict"] == "valid")


def again(made: Any, rows: list[dict[str, Any]], chosen: Any) -> None:
    """The verdicts of some models are what the table says."""
    models = sorted({(row["generator"], int(row["number"])) for row in rows})
    for generator, number in [models[k] for k in chosen(len(models))]:
        case = made.case(generator, number)
        advice = od.advise(case.model, case.state, case.times)
        for row in rows:
            if (row["generator"], int(row["number"])) == (generator, number):
                opinion = advice[row["method"]]
                assert opinion.verdict.name.lower() == row["verdict"], (generator, number)


def test_verdicts_of_some_models_are_those_of_the_table(
    made: Any, rows: list[dict[str, Any]]
) -> None:
    again(made, rows, lambda count: np.random.default_rng(7).choice(count, 12, replace=False))


@pytest.mark.slow
def test_verdicts_of_many_models_are_those_of_the_table(
    made: Any, rows: list[dict[str, Any]]
) -> None:
    again(made, rows, lambda count: range(0, count, 4))


@pytest.mark.slow
def test_deviations_are_those_of_the_table(made: Any, rows: list[dict[str, Any]]) -> None:
    for number in (3, 6, 10):
        found = made.deviations(made.case("calibration", number), number)
        for row in rows:
            if (row["generator"], row["number"]) == ("calibration", str(number)):
                assert found[row["method"]] == pytest.approx(float(row["deviation"]), rel=0.01)


def test_the_short_sampler_is_truncated_wigner(made: Any) -> None:
    """Spins and photons of the script's NumPy trajectories and of the library's."""
    model = od.DickeModel([[0.5, 0.2], [-0.3, 0.6]], [1.0, 2.0], loss=0.4, gain=0.1, field=0.7)
    state = od.ProductState.polarized("+z", displacement=0.5)
    times = np.linspace(0, 3, 4)
    spins, photons = made.wigner(model, state, times, 20_000, 1)
    asked = ["sx_spin", "sy_spin", "sz_spin", "photons"]
    theirs = od.solve(
        model, state, times, od.TruncatedWigner(20_000, step=0.1), asked, validity="ignore"
    )
    mine = np.stack([theirs[name].values for name in asked[:3]], axis=-1)
    assert np.abs(spins - mine).max() < 5 * np.sqrt(2 / 20_000)
    assert np.abs(photons - theirs.photons.values).max() < 0.05
