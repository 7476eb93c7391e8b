"""Pattern retrieval of carollo2021: Fig. 3, flipped pixels, no error correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.raw import Status

# carollo2021 Fig. 3 parameters: M = 4, loss 1, field Ω = .5, frequencies Ω(μ + 2), μ = 1 … 4.
FIELD, LOSS = 0.5, 1.0
FREQUENCIES = FIELD * (np.arange(1, 5) + 2)
CRITICAL = [0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615]
# |ξ| of pattern 0 by g₀/g_crit, once settled: RK integration of the equations of carollo2021 from
# spins along the pattern (x = y = 0) and empty modes, independent of this library. At ratio 2 the
# motion settles late (.968475 at t = 1000), at the others by t = 1000 within 1e-9.
OVERLAPS = {1.1: 0.563016, 1.2: 0.719546, 1.5: 0.895806, 2.0: 0.968246}
SETTLED = {1.1: 1000.0, 1.2: 1000.0, 1.5: 1000.0, 2.0: 4000.0}


def limit(strength: float) -> od.DickeModel:
    """N → ∞ of the model of Fig. 3 with couplings g₀ G/√N."""
    random = od.RandomDicke(
        od.Binary(strength), 16, 4, frequencies=FREQUENCIES, loss=LOSS, field=FIELD
    )
    return random.thermodynamic()


def test_critical_couplings() -> None:
    """g_crit = √(½ (Ω/Ω_ν) [Ω_ν² + (loss/2)²]), carollo2021 below Eq. (12)."""
    np.testing.assert_allclose(od.critical_coupling(FIELD, FREQUENCIES, LOSS), CRITICAL, rtol=1e-14)
    # The critical coupling does not depend on the sign of the field.
    assert od.critical_coupling(-FIELD, 1.5, LOSS) == pytest.approx(CRITICAL[0], rel=1e-14)


def test_overlap_formula() -> None:
    """|ξ| = √(1 − (g_c/g₀)⁴), 0 below threshold, −g₀ like g₀."""
    for ratio, expected in OVERLAPS.items():
        found = od.retrieval_overlap(-ratio * CRITICAL[0], FIELD, 1.5, LOSS)
        assert found == pytest.approx(expected, abs=1e-6)
    assert od.retrieval_overlap(0.99 * CRITICAL[0], FIELD, 1.5, LOSS) == 0.0


def aligned_overlap(strength: float, times: list[float]) -> np.ndarray:
    """|ξ_0(t)| in the invariant subspace of the aligned start: one spin, one mode, by DOP853."""
    omega = FREQUENCIES[0]

    def rhs(_: float, u: np.ndarray) -> list[float]:
        x, y, z, p, q = u
        phi = 2 * strength * p
        return [
            -2 * phi * y,
            2 * (phi * x - FIELD * z),
            2 * FIELD * y,
            -LOSS / 2 * p + omega * q,
            -LOSS / 2 * q - omega * p - strength * z,
        ]

    start, span = [0.0, 0.0, 1.0, 0.0, 0.0], (0.0, times[-1])
    solution = solve_ivp(rhs, span, start, "DOP853", times, rtol=1e-11, atol=1e-12)
    return np.asarray(np.abs(solution.y[2]))


@pytest.mark.parametrize("ratio", list(OVERLAPS))
def test_overlap_of_figure_3(ratio: float) -> None:
    """|ξ_0| on the way and settled; other patterns have none; |α|² = g₀²z²/(Ω_ν² + loss²/4)."""
    strength, times = ratio * CRITICAL[0], [0.0, 10.0, 100.0, 1000.0, SETTLED[ratio] + 1]
    ds = od.solve(
        limit(strength),
        od.ProductState.pattern(0),
        np.array(times),
        od.MeanField(),
        ["overlap", "photons_mode"],
    )
    assert ds.status == Status.OK
    overlap = np.abs(ds.overlap.values)
    np.testing.assert_allclose(overlap[:, 0], aligned_overlap(strength, times), atol=1e-6)
    assert overlap[-1, 0] == pytest.approx(OVERLAPS[ratio], abs=1e-5)
    np.testing.assert_allclose(overlap[-1, 1:], 0, atol=1e-5)
    photons = strength**2 * OVERLAPS[ratio] ** 2 / (FREQUENCIES[0] ** 2 + LOSS**2 / 4)
    assert ds.photons_mode.values[-1, 0] == pytest.approx(photons, abs=1e-4)


@pytest.mark.parametrize("pattern", [1, 2, 3])
def test_every_pattern_is_kept_from_the_aligned_start(pattern: int) -> None:
    """carollo2021 Eq. (12) with the frequency of the pattern's own mode."""
    ds = od.solve(
        limit(1.5 * CRITICAL[pattern]),
        od.ProductState.pattern(pattern),
        np.array([0.0, 600.0]),
        od.MeanField(),
        ["overlap"],
    )
    assert abs(ds.overlap.values[-1, pattern]) == pytest.approx(OVERLAPS[1.5], abs=1e-4)


def test_below_threshold_the_pattern_is_lost() -> None:
    """g₀ < g_crit: no stationary overlap but 0."""
    state, times = od.ProductState.pattern(0), np.linspace(0.0, 1000.0, 2001)
    ds = od.solve(limit(0.6 * CRITICAL[0]), state, times, od.MeanField(), ["overlap"])
    assert abs(ds.overlap.values[-200:, 0].mean()) < 0.05


@pytest.mark.filterwarnings("ignore:MeanField. spins with equal couplings")
@pytest.mark.parametrize("flipped", [0.05, 0.1])
def test_flipped_pixels_only_lower_the_overlap(flipped: float) -> None:
    """A fraction f reversed shortens each group to s = 1 − 2f: ξ² = s² − (g_c/g₀)⁴."""
    strength = 1.5 * CRITICAL[0]
    ds = od.solve(
        limit(strength),
        od.ProductState.pattern(0, flipped),
        np.array([0.0, 900.0, 1000.0]),
        od.MeanField(),
        ["overlap"],
    )
    xi = np.abs(ds.overlap.values[:, 0])
    expected = np.sqrt((1 - 2 * flipped) ** 2 - 1.5**-4)
    assert xi[0] == pytest.approx(1 - 2 * flipped)
    np.testing.assert_allclose(xi[1:], expected, atol=1e-5)
    formula = od.retrieval_overlap(strength, FIELD, 1.5, LOSS, length=1 - 2 * flipped)
    assert formula == pytest.approx(expected, rel=1e-14)


def test_mean_field_corrects_no_error() -> None:
    """Spins of equal rows share one rotation: a flipped one stays opposite to its neighbours."""
    random = od.RandomDicke(
        od.Binary(1.5 * CRITICAL[0]), 64, 4, frequencies=FREQUENCIES, loss=LOSS, field=FIELD
    )
    model, state = random.draw(2), od.ProductState.pattern(0, flipped=0.125, seed=3)
    ds = od.solve(
        model, state, np.linspace(0.0, 30.0, 31), od.MeanField(), ["sz_spin"], validity="ignore"
    )
    # Along the pattern, members of one row up to sign: u = ±1 at the start, ±u(t) ever after.
    z = ds.sz_spin.values * model.pattern_matrix[0]
    signs = np.sign(model.couplings)
    rows = np.unique(signs * signs[:, :1], axis=0, return_inverse=True)[1].ravel()
    assert (z[0] == -1).sum() == 8
    pairs = 0
    for flipped in np.flatnonzero(z[0] == -1):
        for other in np.flatnonzero((rows == rows[flipped]) & (z[0] == 1)):
            np.testing.assert_allclose(z[:, flipped], -z[:, other], atol=1e-9)
            pairs += 1
    assert pairs > 8


def test_every_pattern_of_a_batch_stays_in_its_subspace() -> None:
    """Inside the windows an aligned start stays only if all other forces are exactly 0."""
    for pattern in (1, 2, 3):
        sweep = {"model.couplings.strength": 1.02 * CRITICAL[pattern] * np.linspace(1, 1.02, 12)}
        experiment = od.Experiment(
            model=od.RandomDicke(
                od.Binary(1.0), 16, 4, frequencies=FREQUENCIES, loss=LOSS, field=FIELD
            ),
            state=od.ProductState.pattern(pattern),
            times=np.linspace(0.0, 600.0, 4),
            method=od.MeanField(step=0.2),
            observables=["overlap"],
            sweep=sweep,
            thermodynamic=True,
        )
        overlap = od.run(experiment, validity="ignore")["overlap"]
        others = [other for other in range(4) if other != pattern]
        assert not overlap.isel(pattern=others).any()
        assert (np.abs(overlap.isel(pattern=pattern, time=-1)) > 0.1).all()
