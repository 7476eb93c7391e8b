"""Verdicts on motion: made-up records, and orbits of the model followed independently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import opendicke as od
from opendicke.physics.motion import (
    Motion,
    Record,
    dies_out,
    judge,
    orbit_size,
    power,
    restored,
    sizes_in_parts,
    swing,
)

Course = Callable[[np.ndarray], np.ndarray]


def record(times: np.ndarray, overlap: Course, amplitude: Course | None = None) -> Record:
    """One point with one pattern and one mode, whose force is the overlap."""
    z = np.asarray(overlap(times), float)
    a = 0.3 * z + 0.1j if amplitude is None else np.asarray(amplitude(times), complex)
    return Record(z[:, None, None], a[:, None, None], z[:, None, None])


def verdict(made: Record, spacing: float, tolerance: float = 1e-4, damping: float = 1.0) -> Any:
    one = np.ones((1, 1))
    return judge(made, np.array([spacing]), one, damping * one, tolerance)


TIMES = 0.4 * np.arange(256)
LATER = TIMES + 300.0


def motion_of(course: Course, **settings: float) -> Motion:
    """The verdict, with open cases followed on as the library does, without kicks."""
    judged = verdict(record(TIMES, course), 0.4, **settings)
    motion = Motion(judged.motion[0])
    if motion in (Motion.LIMIT_CYCLE, Motion.MOVING):
        later = sizes_in_parts(record(LATER, course).signals())
        if dies_out(judged, later, np.array([300.0 / (256 * 0.4)]))[0]:
            return Motion.SETTLING
    return motion


def test_a_fixed_point() -> None:
    """No overlap and no part of an amplitude moves by more than the tolerance."""
    assert motion_of(lambda t: 0.7 + 0 * t) == Motion.SETTLED
    assert motion_of(lambda t: 0.7 + 0.49e-4 * np.cos(t)) == Motion.SETTLED
    assert motion_of(lambda t: 0.7 + 0.52e-4 * np.cos(t)) == Motion.LIMIT_CYCLE
    for phase in (1, 1j):
        still = record(TIMES, lambda t: 0.7 + 0 * t, lambda t, p=phase: p * 1e-3 * np.cos(t))
        assert swing(still)[0] == pytest.approx(2e-3, rel=0.05)
        assert verdict(still, 0.4, tolerance=3e-3).motion[0] == Motion.SETTLED
        assert verdict(still, 0.4, tolerance=1e-3).motion[0] != Motion.SETTLED


def test_large_amplitudes_count_relative_to_their_size() -> None:
    """A swing of .02 in an amplitude of 100 is one of 2e-4; one of .02 in .5 is .02."""
    for size, expected in ((100.0, 2e-4), (0.5, 0.02)):
        made = record(TIMES, lambda t: 0 * t, lambda t, s=size: s + 0.01 * np.cos(t))
        assert swing(made)[0] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("rate", [0.2, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 5e-5])
@pytest.mark.parametrize("size", [1.0, 0.01])
def test_damped_oscillations_settle(rate: float, size: float) -> None:
    """Fast or slowly dying: never a limit cycle."""

    def course(t: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 + size * np.exp(-rate * t) * np.cos(1.1 * t + 0.3))

    assert motion_of(course) == Motion.SETTLING


@pytest.mark.parametrize("rates", [(0.02, 0.02), (3e-3, 2e-3), (5e-4, 4e-4)])
def test_damped_oscillations_of_two_frequencies_settle(rates: tuple[float, float]) -> None:
    """Beats do not hide that both parts die out."""

    def course(t: np.ndarray) -> np.ndarray:
        parts = np.exp(-np.outer(rates, t)) * np.cos(np.outer([1.1, 1.1 * np.sqrt(2)], t))
        return np.asarray(parts.sum(axis=0))

    assert motion_of(course) == Motion.SETTLING


@pytest.mark.parametrize("rate", [-0.01, -3e-4])
def test_growing_oscillations_do_not_settle(rate: float) -> None:
    """What grows is no settling."""

    def course(t: np.ndarray) -> np.ndarray:
        return np.asarray(1e-2 * np.exp(-rate * t) * np.cos(1.1 * t))

    assert motion_of(course) not in (Motion.SETTLED, Motion.SETTLING)


def van_der_pol(nonlinearity: float, start: tuple[float, float], times: np.ndarray) -> np.ndarray:
    """Solutions of ẍ = μ(1 − x²)ẋ − x, (T, 2)."""

    def rhs(_: float, u: np.ndarray) -> list[float]:
        return [u[1], nonlinearity * (1 - u[0] ** 2) * u[1] - u[0]]

    solved = solve_ivp(rhs, (0, times[-1]), start, "DOP853", times, rtol=1e-10, atol=1e-12)
    return np.asarray(solved.y.T)


# Periods of the van der Pol oscillator, known to all digits given (μ = 1: 6.66328686).
PERIODS = {0.1: 6.28711, 1.0: 6.663287, 2.0: 7.629874}


def cycle(nonlinearity: float, times: np.ndarray, kick: float = 0.0, wait: float = 0.0) -> Record:
    """The limit cycle, or what becomes of a kick from it after some time."""
    onto = van_der_pol(nonlinearity, (2.0, 0.0), np.array([0.0, 200.0]))[-1]
    start = (float(onto[0] + kick), float(onto[1]))
    u = van_der_pol(nonlinearity, start, np.concatenate([[0.0], wait + times + 1e-9]))[1:]
    return Record(u[:, :1, None], 1j * u[:, 1:, None], u[:, :1, None])


KICKS = (1.5, -1.5, 2.5)


@pytest.mark.parametrize(
    ("nonlinearity", "each"), [(0.1, 9.3), (0.1, 14.0), (1.0, 22.7), (2.0, 40.3)]
)
def test_limit_cycles_repeat(nonlinearity: float, each: float) -> None:
    """The period within 1e-3, even where a harmonic is sampled coarsely; no drift; kicks fade."""
    spacing = PERIODS[nonlinearity] / each
    times = spacing * np.arange(256)
    judged = verdict(cycle(nonlinearity, times), spacing)
    assert judged.motion[0] == Motion.LIMIT_CYCLE
    assert judged.period[0] == pytest.approx(PERIODS[nonlinearity], rel=1e-3)
    assert abs(judged.drift[0]) < 1e-3
    later = cycle(nonlinearity, times, wait=300.0)
    assert not dies_out(judged, sizes_in_parts(later.signals()), np.array([300 / times[-1]]))


def test_kicks_of_a_limit_cycle_are_seen_and_forgotten() -> None:
    """Kicks that fade within some periods leave no doubt."""
    times = 2 * np.pi / 14 * np.arange(256)
    judged = verdict(cycle(0.03, times), times[1])
    soon = [sizes_in_parts(cycle(0.03, times, kick).signals()) for kick in KICKS]
    moved = [np.abs(sizes.mean(axis=0) / judged.sizes.mean(axis=0) - 1) for sizes in soon]
    late = [orbit_size(cycle(0.03, times, kick, 600.0)) for kick in KICKS]
    after = orbit_size(cycle(0.03, times, wait=600.0))
    assert restored(moved, judged.orbit, after, late).tolist() == [True]


def sized(size: float) -> np.ndarray:
    return orbit_size(record(TIMES, lambda t: size * np.cos(1.1 * t)))


def test_families_of_orbits_are_no_limit_cycle() -> None:
    """A pendulum swings on at the size of any kick: it repeats, but forgets nothing."""
    now = verdict(record(TIMES, lambda t: 0.3 * np.cos(1.1 * t)), 0.4).orbit
    assert now == pytest.approx(sized(0.3), rel=1e-3)
    kicked = [sized(0.4), sized(0.2), sized(0.36)]
    moved = [np.abs(size / now - 1) for size in kicked]
    assert restored(moved, now, now, [now, now, now])
    assert not restored(moved, now, now, kicked)
    # Nor is an orbit that no kick was seen to disturb, or that only one found again.
    assert not restored([0.005 * now] * 3, now, now, [now] * 3)
    lost = np.array([np.nan])
    assert not restored(moved, now, now, [now, lost, lost])
    assert restored(moved, now, now, [now, lost, now])
    # One kick that stays on a neighbouring orbit suffices to see a family.
    assert not restored(moved, now, now, [now, now, kicked[2]])
    assert not restored(moved, now, now, [now, now, 1.003 * now])
    # One that leads far away does not.
    assert restored(moved, now, now, [now, now, 3 * now])
    # Nothing is a limit cycle whose size changed by itself.
    assert not restored(moved, now, 1.05 * now, [1.05 * now] * 3)


def test_quasiperiodic_motion_does_not_repeat() -> None:
    """Two incommensurate frequencies: moving, without a period."""
    judged = verdict(record(TIMES, lambda t: np.cos(1.1 * t) + np.cos(1.1 * np.sqrt(2) * t)), 0.4)
    assert judged.motion[0] == Motion.MOVING
    assert np.isnan(judged.period[0])


def test_motion_without_loss_is_undamped() -> None:
    """No loss, or modes that do not move: no energy leaves, whatever moves."""
    made = record(TIMES, lambda t: 0.5 * np.cos(t))
    assert verdict(made, 0.4, damping=0.0).motion[0] == Motion.UNDAMPED
    assert verdict(made, 0.4, damping=1e-3).motion[0] == Motion.LIMIT_CYCLE
    still = made._replace(amplitude=0 * made.amplitude)
    assert verdict(still, 0.4).motion[0] == Motion.UNDAMPED


def test_what_does_not_move_is_not_undamped() -> None:
    made = record(TIMES, lambda t: 0.5 + 0 * t)
    assert verdict(made, 0.4, damping=0.0).motion[0] == Motion.SETTLED


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spacing", [0.05, 0.1])
def test_chaos_is_neither_periodic_nor_settling(seed: int, spacing: float) -> None:
    """The Lorenz attractor is moving."""

    def rhs(_: float, u: np.ndarray) -> list[float]:
        x, y, z = u
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    times = 20 + spacing * np.arange(600)
    start = np.random.default_rng(seed).normal(size=3)
    u = solve_ivp(rhs, (0, times[-1]), start, "RK45", times, rtol=1e-8).y.T / 30
    whole = Record(u[:, :1, None], (u[:, 1] + 1j * u[:, 2])[:, None, None], u[:, 1:2, None])
    first, second = (
        Record(*(leaf[part] for leaf in whole)) for part in (slice(256), slice(-256, None))
    )
    judged = verdict(first, spacing)
    assert judged.motion[0] == Motion.MOVING
    assert not dies_out(judged, sizes_in_parts(second.signals()), np.array([344 / 256]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_failed(value: float) -> None:
    """Beside points that are judged as ever."""
    parts = [record(TIMES, lambda t, k=k: 0.1 * k * np.cos(t)) for k in range(3)]
    made = Record(*(np.concatenate(leaves, axis=-1) for leaves in zip(*parts, strict=True)))
    made.overlap[100, 0, 1] = value
    ones = np.ones((1, 3))
    found = judge(made, np.full(3, 0.4), ones, ones, 1e-4).motion.tolist()
    assert found == [Motion.SETTLED, Motion.FAILED, Motion.LIMIT_CYCLE]


def directions(count: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None])


def orbit(model: od.DickeModel, spins: np.ndarray, times: np.ndarray) -> tuple[Any, Any]:
    """z and x of rows (T, K) and amplitudes (T, M) by Runge–Kutta (carollo2021 Eqs. (6)–(8))."""
    g, w, size = model.couplings, model.weights, spins.size

    def rhs(_: float, packed: np.ndarray) -> np.ndarray:
        s = packed[:size].reshape(-1, 3)
        a = packed[size::2] + 1j * packed[size + 1 :: 2]
        da = -(1j * model.frequencies + model.loss / 2) * a - 1j * (w * s[:, 2]) @ g
        x, y, z = s.T
        turning = 2 * g @ a.real
        ds = 2 * np.stack([-turning * y, turning * x - model.field * z, model.field * y], axis=1)
        return np.concatenate([ds.ravel(), np.stack([da.real, da.imag], axis=1).ravel()])

    start = np.concatenate([spins.ravel(), np.zeros(2 * model.modes)])
    solved = solve_ivp(rhs, (0, times[-1]), start, "DOP853", times, rtol=1e-9, atol=1e-10)
    u = solved.y.T
    s = u[:, :size].reshape(len(u), -1, 3)
    return s, u[:, size::2] + 1j * u[:, size + 1 :: 2]


def two_signs(strength: float, **replaced: Any) -> od.RandomDicke:
    settings: dict[str, Any] = {"frequencies": [1.0, -1.3], "loss": 1.0, "field": 0.76}
    return od.RandomDicke(od.Binary(strength), 8, 2, **settings | replaced)


def test_power_is_the_rate_of_change_of_the_energy() -> None:
    """Ė by differences of E = Σω|a|² + 2ΣF Re a + Σwhx along an orbit."""
    model = two_signs(0.8, loss=[1.0, 0.4]).thermodynamic()
    times = np.linspace(0.0, 12.0, 2401)
    s, a = orbit(model, directions(4), times)
    weights = model.weights
    force = (s[..., 2] * weights) @ model.couplings
    energy = np.abs(a) ** 2 @ model.frequencies + (2 * force * a.real).sum(axis=1)
    energy += s[..., 0] @ (weights * model.field)
    made = Record(force[..., None], a[..., None], force[..., None])
    found = power(made, model.frequencies[:, None], model.loss[:, None])[:, 0]
    expected = np.gradient(energy, times, edge_order=2)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_limit_cycles_of_the_model() -> None:
    """Frequencies of both signs: periods as an independent integration closes its orbits."""
    strengths, times = [0.7, 0.8], np.concatenate([[0.0], np.arange(590.0, 610.0, 0.01)])
    state = od.ProductState.bloch(directions(4))
    ds = od.phase_diagram(two_signs(0.7), state, {"model.couplings.strength": strengths}, 300.0)
    assert ds.motion.values.tolist() == [Motion.LIMIT_CYCLE] * 2
    for strength, period in zip(strengths, ds.period.values, strict=True):
        model = two_signs(strength).thermodynamic()
        s, a = orbit(model, directions(4), times)
        xi = (s[1:, :, 2] * model.weights) @ np.sign(model.couplings)
        course = np.concatenate([xi, a[1:].real, a[1:].imag], axis=1)
        apart = np.linalg.norm(course[300:700] - course[0], axis=1)
        assert apart.min() < 5e-3 < 0.1 < np.ptp(course, axis=0).max()
        expected = 3.0 + 0.01 * apart.argmin()
        assert period == pytest.approx(expected, abs=0.01)
        # Zeros of the first overlap, four periods apart, tell the period precisely.
        crossings = [
            brentq(lambda t, x=xi[:, 0]: np.interp(t, times[1:], x), times[k + 1], times[k + 2])
            for k in np.flatnonzero((xi[:-1, 0] < 0) & (xi[1:, 0] >= 0))
        ]
        each = np.array([(t - crossings[0]) / period for t in crossings])
        whole = each[np.abs(each - np.round(each)) < 0.05][-1]
        assert whole > 2
        assert whole == pytest.approx(round(whole), rel=1e-3)


def test_one_sign_of_frequencies_settles() -> None:
    """The same start with frequencies of one sign comes to rest."""
    critical = np.sqrt(0.5 * (0.76 / 1.0) * (1.0 + 0.25))
    sweep = {"model.couplings.strength": critical * np.array([1.1, 1.2])}
    model = two_signs(0.7, frequencies=[1.0, 1.3])
    ds = od.phase_diagram(model, od.ProductState.bloch(directions(4)), sweep, 600.0)
    assert (ds.motion == Motion.SETTLED).all()
    assert ds.period.isnull().all()


def test_without_coupling_or_loss_motion_is_undamped() -> None:
    """g = 0 leaves spins precessing; without loss no energy leaves; with both some does."""
    sweep = {"model.couplings.strength": [0.0, 0.9], "model.loss": [0.0, 1.0]}
    model = two_signs(0.7, frequencies=[1.0, 1.3])
    ds = od.phase_diagram(model, od.ProductState.bloch(directions(4)), sweep, 50.0)
    undamped = (ds.motion == Motion.UNDAMPED).values
    assert undamped.tolist() == [[True, True], [True, False]]


def test_irregular_motion_of_the_model_is_only_moving() -> None:
    """Strong coupling and little loss: two starts 1e-8 apart part, so no orbit repeats."""
    model = two_signs(1.0, loss=0.3)
    ds = od.phase_diagram(
        model, od.ProductState.bloch(directions(4)), {"model.couplings.strength": [1.0]}, 100.0
    )
    times = np.linspace(0.0, 200.0, 3)
    near = directions(4) + 1e-8 * directions(4)[::-1]
    ends = [orbit(model.thermodynamic(), spins, times)[1][-1] for spins in (directions(4), near)]
    assert np.abs(ends[0] - ends[1]).max() > 1e-3
    assert ds.motion.values.tolist() == [Motion.MOVING]
    assert ds.period.isnull().all()


@pytest.mark.parametrize("frequency", [0.0, 1e-3])
def test_a_slow_decay_without_precession(frequency: float) -> None:
    """Nothing turns, and only an amplitude dies out: exp(−Γt/2) from 1."""
    model = od.RandomDicke(od.Binary(0.0), 8, 1, frequencies=frequency, loss=0.02, field=0.0)
    state = od.ProductState.pattern(0, displacement=1.0)
    ds = od.phase_diagram(model, state, {"model.couplings.strength": [0.0]}, 30.0)
    expected = np.exp(-0.02 * np.linspace(22.5, 30, 2001)).mean()
    np.testing.assert_allclose(ds.photons_mode.values, [[expected]], atol=1e-4)
    if frequency:
        assert ds.motion.values.tolist() == [Motion.SETTLING]
