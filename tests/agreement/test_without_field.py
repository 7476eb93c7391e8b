"""h = 0: all is known in closed form, for any number of spins, any loss and any gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from reference_exact import Case, check, classical_factor, scores, solved, without_field

WAYS = ("fock", "displaced", "hierarchy")
NAMES = (
    "sx_spin",
    "sy_spin",
    "sz_spin",
    "correlation_spin",
    "probability",
    "photons_mode",
    "quadrature_mode",
    "energy",
    "overlap_variance",
)
ALONG_X = [1.0, 0.0, 0.0]


def cases() -> dict[str, Case]:
    two = od.DickeModel([[0.4], [0.7]], 1.0, loss=1.3, gain=0.3)
    three = od.DickeModel([[0.5], [-0.3], [0.2]], 1.4, loss=0.8)
    tilted = [[0.6, 0.0, 0.7], [0.1, -0.5, 0.2], [0.9, 0.3, 0.0]]
    four = od.DickeModel([[0.3], [0.3], [-0.5], [0.4]], 1.2, loss=2.0, gain=0.3)
    undamped = od.DickeModel(
        [[0.2, 0.3], [-0.3, 0.1]], [1.0, 1.6], coupling_axis="x", field_axis="z"
    )
    mixed = od.DickeModel([[0.2, 0.1], [0.15, -0.15]], [1.1, 0.9], loss=[1.5, 0.8], gain=[0.1, 0.0])
    return {
        "two": Case(two, ALONG_X),
        "three tilted": Case(three, tilted, 0.3 - 0.2j),
        "four": Case(four, ALONG_X),
        "two modes without loss": Case(undamped, [0.0, 0.6, 0.8]),
        "two damped modes": Case(mixed, [[0.8, 0.0, 0.3], [0.0, 0.6, 0.0]], [0.0, 0.2j]),
    }


TIMES = [0.0, 0.5, 1.0, 2.5]


LARGE = (("two damped modes", "fock"), ("two damped modes", "displaced"), ("four", "fock"))


def each_way() -> list[Any]:
    """All cases in all ways that they have; large spaces are left to the slow tests."""
    chosen = []
    for name, case in cases().items():
        for way in WAYS:
            if way != "hierarchy" or case.model.loss.all():
                large = (name, way) in LARGE
                chosen.append(pytest.param(name, way, marks=[pytest.mark.slow] * large))
    return chosen


@pytest.mark.parametrize(("name", "way"), each_way())
def test_lindblad(name: str, way: str) -> None:
    """To 1e−8 in all three ways."""
    case = cases()[name]
    exact = without_field(case, TIMES)
    ds = solved(case, TIMES, od.Lindblad(tolerance=1e-9, way=way), NAMES)
    check(ds, exact, NAMES, 1e-8)


def test_two_spins_to_eight_digits() -> None:
    """The library chooses the way and the size."""
    case = cases()["two"]
    ds = solved(case, [0.0, 1.0], od.Lindblad(tolerance=1e-9), ["sx_spin"])
    np.testing.assert_allclose(
        ds.sx_spin.values[1], [0.736443944302, 0.399841092530], rtol=0, atol=1e-8
    )


SCATTERING = ("sx_spin", "sy_spin", "photons_mode", "quadrature_mode", "energy")


def test_quantum_jumps() -> None:
    """Within standard errors, over several seeds; another gain is not."""
    case, times = cases()["two"], [0.0, 1.0, 2.5]
    exact = without_field(case, times)
    other = Case(od.DickeModel(case.model.couplings, 1.0, loss=1.3, gain=0.6), ALONG_X)
    wrong = without_field(other, times)
    rows, misses = [], []
    for seed in range(4):
        ds = solved(case, times, od.QuantumJumps(trajectories=200), SCATTERING, seed)
        rows.append(scores(ds, exact, SCATTERING))
        misses.append(scores(ds, wrong, SCATTERING))
    table = np.stack(rows)
    assert np.abs(table).max() < 5
    merged = table.mean(axis=0) * np.sqrt(len(table))
    assert np.abs(merged).max() < 5
    assert 0.5 < np.mean(table**2) < 1.7
    assert np.abs(np.mean(misses, axis=0) * np.sqrt(len(misses))).max() > 8


def test_quantum_jumps_from_mixed_states() -> None:
    case, times = cases()["two damped modes"], [0.0, 1.0]
    exact = without_field(case, times)
    ds = solved(case, times, od.QuantumJumps(trajectories=400), SCATTERING, 3)
    assert np.abs(scores(ds, exact, SCATTERING)).max() < 5


SAMPLED = od.TruncatedWigner(trajectories=50_000, step=10.0, block=25_000)
"""Without field no step is too long."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two", "four"])
def test_truncated_wigner_has_its_known_factor(name: str) -> None:
    """⟨X⟩ is the exact one times cos 2g²φ, and without the factor it is not."""
    case, times = cases()[name], [0.0, 0.7, 1.5, 3.0]
    exact = without_field(case, times)["sx_spin"]
    expected = {"sx_spin": exact * classical_factor(case, times)}
    ds = solved(case, times, SAMPLED, ["sx_spin"], 4)
    assert np.abs(scores(ds, expected, ["sx_spin"])).max() < 5
    assert np.abs(scores(ds, {"sx_spin": exact}, ["sx_spin"])).max() > 5.5


@pytest.mark.slow
def test_truncated_wigner_with_two_modes() -> None:
    """The factor's phases add over modes."""
    case, times = cases()["two modes without loss"], [0.0, 0.7, 1.5]
    along = Case(case.model, [0.0, 0.0, 1.0])
    exact = without_field(along, times)["sz_spin"]
    expected = {"sz_spin": exact * classical_factor(along, times)}
    ds = solved(along, times, SAMPLED, ["sz_spin"], 5)
    assert np.abs(scores(ds, expected, ["sz_spin"])).max() < 5
