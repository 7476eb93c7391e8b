"""One mode that is driven, damped and fed, and one spin at resonance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from reference_exact import Case, by_qutip, check, scores, solved, without_field

TIMES = [0.0, 0.6, 2.0, 5.0]
NAMES = ("photons", "photons_mode", "quadrature_mode", "energy", "sz_spin")


def driven() -> Case:
    """A spin that stays up drives one mode; a spin that does not couple looks on."""
    model = od.DickeModel([[0.4], [0.0]], 1.3, loss=0.8, gain=0.25)
    return Case(model, [[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]], 0.5 - 0.4j, 0.2, levels=(24,))


@pytest.fixture(scope="module")
def exact() -> dict[str, Any]:
    """⟨a⟩ = αe^{−zt} − ig(1 − e^{−zt})/z, ⟨a†a⟩ = |⟨a⟩|² + n₀e^{−Γt} + n̄(1 − e^{−Γt})."""
    case, t = driven(), np.array(TIMES)
    g, gamma = 0.4, 0.8 - 0.25
    z = gamma / 2 + 1.3j
    a = case.displacement * np.exp(-z * t) - 1j * g * (1 - np.exp(-z * t)) / z
    mean = 0.25 / gamma
    number = np.abs(a) ** 2 + 0.2 * np.exp(-gamma * t) + mean * (1 - np.exp(-gamma * t))
    return {
        "photons": number,
        "photons_mode": number[:, None],
        "quadrature_mode": 2 * a.real[:, None],
        "energy": 1.3 * number + 2 * g * a.real,
        "sz_spin": np.tile([1.0, 0.8], (4, 1)),
    }


def test_two_references_agree(exact: dict[str, Any]) -> None:
    found = without_field(driven(), TIMES)
    for name in NAMES:
        np.testing.assert_allclose(found[name], exact[name], rtol=0, atol=1e-12, err_msg=name)


METHODS = {
    "mean field": (od.MeanField(tolerance=1e-10), 1e-9),
    "fock": (od.Lindblad(1e-9, way="fock"), 1e-8),
    "displaced": (od.Lindblad(1e-9, way="displaced"), 1e-8),
    "hierarchy": (od.Lindblad(1e-9, way="hierarchy"), 1e-8),
}


@pytest.mark.parametrize("label", list(METHODS))
def test_exact(label: str, exact: dict[str, Any]) -> None:
    method, tolerance = METHODS[label]
    ds = solved(driven(), TIMES, method, NAMES)
    check(ds, exact, NAMES, tolerance)


SAMPLED = {
    "truncated Wigner": od.TruncatedWigner(trajectories=20_000, step=10.0, block=20_000),
    "quantum jumps": od.QuantumJumps(trajectories=300),
}


@pytest.mark.parametrize(
    "label", [pytest.param("truncated Wigner", marks=pytest.mark.slow), "quantum jumps"]
)
def test_exact_apart_from_sampling(label: str, exact: dict[str, Any]) -> None:
    names = NAMES[:-1]
    found = [
        scores(solved(driven(), TIMES, SAMPLED[label], names, k), exact, names) for k in (1, 2)
    ]
    assert np.abs(found).max() < 5
    assert 0.3 < np.mean(np.square(found)) < 2.0


def test_rate_equation_where_nothing_flips(exact: dict[str, Any]) -> None:
    """Held spins and stationary modes: its photons are the exact ones of late times."""
    held = od.DickeModel([[0.4], [0.2]], 1.3, loss=0.8, gain=0.25)
    state = od.ProductState.configuration([1, -1], bosons="stationary")
    names = ["photons_mode", "quadrature_mode"]
    rates = od.solve(held, state, [0.0, 3.0], od.RateEquation(), names, validity="ignore")
    late = without_field(Case(held, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), [200.0])
    for name in names:
        np.testing.assert_allclose(rates[name].values[1], late[name][0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("axes", ["zx", "xz"])
def test_resonance(axes: str) -> None:
    """ω = 2h: spin and mode exchange their energy; against QuTiP by hand, to 1e−7."""
    model = od.DickeModel(
        [[0.12]],
        1.0,
        loss=0.05,
        gain=0.004,
        field=0.5,
        coupling_axis=axes[0],
        field_axis=axes[1],
    )
    start = [[0.9, 0.0, 0.3]] if axes == "zx" else [[0.3, -0.2, 0.9]]
    case = Case(model, start, levels=(11,))
    times = np.linspace(0, 20, 6)
    names = ("sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode", "energy")
    written = by_qutip(case, times)
    ds = solved(case, times, od.Lindblad(1e-8), names)
    check(ds, written, names, 1e-7)
    # The exchange is seen: most of the spin's energy is in the mode at some time.
    assert written["photons_mode"].max() > 0.4
