"""The references of this folder against each other, before anything is measured by them."""

from __future__ import annotations

import numpy as np
import pytest

import opendicke as od
from reference_exact import OF_MODES, OF_SPINS, Case, by_qutip, drifting, without_field

TIMES = [0.0, 0.4, 1.1]


def held(axes: str) -> Case:
    """Two spins in mixed states and two modes, all different, one of them without damping."""
    model = od.DickeModel(
        [[0.3, -0.1], [0.25, 0.2]],
        [1.0, 1.4],
        loss=[0.7, 0.0],
        gain=[0.05, 0.0],
        coupling_axis=axes[0],
        field_axis=axes[1],
    )
    bloch = [[0.5, 0.3, 0.6], [-0.2, 0.7, 0.1]]
    return Case(model, bloch, [0.2, 0.1j], [0.02, 0.0], levels=(10, 8))


@pytest.mark.parametrize("axes", ["zx", "xz"])
def test_without_field_is_what_qutip_finds(axes: str) -> None:
    case = held(axes)
    closed, numeric = without_field(case, TIMES), by_qutip(case, TIMES, 1e-8)
    assert set(closed) == set(numeric) == {*OF_SPINS, *OF_MODES}
    for name, exact in closed.items():
        # The tops of both ladders are cut off, and few photons make a ratio of small numbers.
        tolerance = 1e-5 if name == "g2_mode" else 3e-7
        np.testing.assert_allclose(numeric[name], exact, rtol=0, atol=tolerance, err_msg=name)
    # Spins turn and dephase: the two would not agree by doing nothing.
    across = "sy_spin"
    assert np.abs(np.diff(closed[across], axis=0)).max() > 0.1


def test_two_spins_along_x() -> None:
    """Numbers that another program found."""
    case = Case(od.DickeModel([[0.4], [0.7]], 1.0, loss=1.3, gain=0.3), [1.0, 0.0, 0.0])
    found = without_field(case, [1.0])["sx_spin"]
    np.testing.assert_allclose(found, [[0.736443944302, 0.399841092530]], atol=1e-12)


def test_one_spin_under_coloured_noise() -> None:
    """ω = 0, loss, gain, a thermal start: ⟨X⟩ = exp(−2g² ∬⟨q(u) q(v)⟩ du dv), by quadrature."""
    from scipy.integrate import dblquad

    g, loss, gain, time = 0.3, 0.9, 0.2, 1.7
    gamma = loss - gain
    case = Case(od.DickeModel([[g]], 0.0, loss=loss, gain=gain), [1.0, 0.0, 0.0], 0.0, 0.4)
    settled = (loss + gain) / (2 * gamma)

    def correlation(u: float, v: float) -> float:
        """Symmetrised ⟨q(u) q(v)⟩: 4 times that of the real part."""
        first, last = min(u, v), max(u, v)
        spread = settled + (0.9 - settled) * np.exp(-gamma * first)
        return float(2 * spread * np.exp(-gamma * (last - first) / 2))

    half = dblquad(correlation, 0, time, 0, lambda u: u, epsabs=1e-12)[0]
    assert drifting(case, time).variance[0] == pytest.approx(2 * half, abs=1e-10)
    found = without_field(case, [time])["sx_spin"][0, 0]
    assert found == pytest.approx(np.exp(-4 * g**2 * half), abs=1e-10)
