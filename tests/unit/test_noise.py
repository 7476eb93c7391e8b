"""Noise of loss and gain: its law by quadrature, and long steps made of short ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from opendicke.methods.noise import Step, draw, noise_step
from opendicke.methods.runtime import double_precision
from opendicke.methods.sampling import trajectory_keys

DRAWS = 50_000
MOST = 5.0
"""Largest z: a false alarm in 2 million comparisons; there are some hundred of them."""
RATES = np.array([0.3 + 1.1j, 2.0 + 0j, 0.05 - 4.0j])
STRENGTHS = np.array([0.6, 1.5, 0.2])
TAU = 0.8


class Law(NamedTuple):
    """Second moments of one step, and the integral of the decay over it."""

    variance: float
    """⟨|ν|²⟩"""
    cross: complex
    """⟨I ν*⟩"""
    rest: float
    """⟨|I − κν|²⟩, κ = ⟨I ν*⟩/⟨|ν|²⟩"""
    response: complex


def quadrature(rate: complex, strength: float, tau: float) -> Law:
    """Integrals over white noise, by 300 panels of 12 nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(0.0, tau, 301)
    half = np.diff(edges)[:, None] / 2
    s = (edges[:-1, None] + half * (1 + nodes)).ravel()
    w = (half * weights).ravel()
    kernel = np.exp(-rate * s)
    # (1 − e^{−rs})/r, by its series where that would cancel.
    series, term = np.zeros(len(s), complex), s.astype(complex)
    for n in range(2, 30):
        series, term = series + term, term * (-rate * s) / n
    small = np.abs(rate * s) < 0.5
    integral = np.where(small, series, (1 - kernel) / rate)
    variance = strength * (w * np.abs(kernel) ** 2).sum()
    cross = strength * (w * integral * kernel.conj()).sum()
    rest = strength * (w * np.abs(integral - cross / variance * kernel) ** 2).sum()
    return Law(float(variance), complex(cross), float(rest), complex((w * kernel).sum()))


@jax.jit
def _law(rate: Any, strength: Any, tau: Any) -> Step:
    return noise_step(rate, strength, tau)


def steps(rates: Any, strengths: Any, tau: float) -> Step:
    """Coefficients of one step as NumPy arrays (L,)."""
    columns = [np.asarray(rates, complex)[:, None], np.asarray(strengths, float)[:, None]]
    with double_precision():
        made = _law(*map(jnp.asarray, columns), jnp.asarray(tau))
    return Step(*(np.asarray(each)[:, 0] for each in made))


SIZES = [1e-6, 1e-3, 0.1, 1.0, 1.9, 2.1, 5.0, 20.0, 50.0]
DIRECTIONS = [1.0, 1 + 1j, 0.1 - 1j, 1e-3 + 1j, 1e-7 - 1j, 1 + 0.01j]


@pytest.mark.parametrize("size", SIZES)
def test_law_of_a_step(size: float) -> None:
    """Overdamped to nearly undamped, ω of either sign and 0, from tiny to long steps."""
    tau = 0.7
    rates = np.array([size / tau * r / abs(r) for r in DIRECTIONS])
    strengths = np.linspace(0.3, 2.0, len(rates))
    got = steps(rates, strengths, tau)
    for k, (rate, strength) in enumerate(zip(rates, strengths, strict=True)):
        law = quadrature(rate, strength, tau)
        assert 2 * got.size[k] ** 2 == pytest.approx(law.variance, rel=1e-12)
        assert abs(got.lean[k] * law.variance - law.cross) < 1e-11 * abs(law.cross)
        assert 2 * got.rest[k] ** 2 == pytest.approx(law.rest, rel=1e-9)
        assert abs(got.decay[k] - np.exp(-rate * tau)) < 1e-13
        assert abs(got.response[k] - law.response) < 1e-12 * tau


def test_modes_without_noise_get_none() -> None:
    """Strength 0 is exactly 0, for ω = Γ = 0 too; other modes of the same step are not touched."""
    rates, strengths = np.array([0.0, 1j, 0.5 + 1j]), np.array([0.0, 0.0, 1.0])
    got = steps([*rates, 3.0, 20j, 1.0], [*strengths, 0.0, 0.0, 0.0], 0.6)
    silent = [0, 1, 3, 4, 5]
    assert not got.size[silent].any()
    assert not got.rest[silent].any()
    assert not got.lean[silent].any()
    assert (got.size[2] > 0.1, got.rest[2] > 0.01) == (True, True)
    assert got.response[0] == 0.6
    assert all(np.isfinite(each).all() for each in got)
    made = drawn(3, 2, rates=rates, strengths=strengths)
    assert not made[:, :2].any()
    assert made[:, 2].all()


def keys(count: int) -> Any:
    """One key of noise for each of `count` trajectories."""
    words = jnp.asarray(np.array([5, 99], np.uint32))
    return trajectory_keys(words, jnp.arange(count, dtype=jnp.uint32))[:, 2]


@lru_cache(maxsize=4)
def _program(fold: int, dtype: str) -> Any:
    def noise(number: Any, rate: Any, strength: Any, tau: Any) -> Any:
        return draw(keys(DRAWS), number, noise_step(rate, strength, tau / fold), fold, dtype)

    return jax.jit(noise)


def drawn(
    number: int,
    fold: int,
    dtype: str = "float64",
    tau: float = TAU,
    rates: np.ndarray = RATES,
    strengths: np.ndarray = STRENGTHS,
) -> np.ndarray:
    """(Re ν, Im ν, Re I) of every mode and trajectory, (3, L, DRAWS)."""
    with double_precision():
        columns = jnp.asarray(rates + 0j)[:, None], jnp.asarray(strengths)[:, None]
        parts = _program(fold, dtype)(jnp.uint32(number), *columns, jnp.asarray(tau))
        made = [np.asarray(each) for each in (*parts[0], parts[1])]
    assert {str(each.dtype) for each in made} == {dtype}
    return np.stack(made).astype(float)


def exact_covariance() -> np.ndarray:
    """Of (Re ν, Im ν, Re I) of all modes in turn, (9, 9)."""
    result = np.zeros((9, 9))
    for k, (rate, strength) in enumerate(zip(RATES, STRENGTHS, strict=True)):
        law = quadrature(rate, strength, TAU)
        total = abs(law.cross) ** 2 / law.variance + law.rest
        rows = [
            [law.variance, 0.0, law.cross.real],
            [0.0, law.variance, -law.cross.imag],
            [law.cross.real, -law.cross.imag, total],
        ]
        result[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = np.array(rows) / 2
    return result


@pytest.mark.parametrize(
    ("fold", "dtype"), [(1, "float64"), (2, "float64"), (4, "float64"), (2, "float32")]
)
def test_law_of_drawn_noise(fold: int, dtype: str) -> None:
    """However a step is divided, (Re ν, Im ν, Re I) have one law, and modes are independent."""
    exact = exact_covariance()
    flat = drawn(7, fold, dtype).transpose(1, 0, 2).reshape(9, -1)
    found = flat @ flat.T / DRAWS
    own = np.diag(exact)
    error = np.sqrt((np.outer(own, own) + exact**2) / DRAWS)
    assert np.abs((found - exact) / error).max() < MOST
    assert np.abs(flat.mean(axis=1) / np.sqrt(own / DRAWS)).max() < MOST
    fourth = (flat**4).mean(axis=1) / own**2  # 3 for normal numbers, of variance 96 each
    assert np.abs(fourth - 3).max() < MOST * np.sqrt(96 / DRAWS)


def test_steps_and_trajectories_draw_independently() -> None:
    """Nothing is drawn twice: neighbouring steps, neighbouring trajectories."""
    here, after = (drawn(n, 1).reshape(9, -1) for n in (4, 5))
    for first, second in ((here, after), (here[:, 1:], here[:, :-1])):
        unit = [each / each.std(axis=1)[:, None] for each in (first, second)]
        found = unit[0] @ unit[1].T / first.shape[1]
        assert np.abs(found).max() < MOST / np.sqrt(DRAWS - 1)


@pytest.mark.parametrize("fold", [2, 4])
def test_a_long_step_follows_the_path_of_the_short_ones(fold: int) -> None:
    """ν = Σ e^{−r(τ−t_k)} ν_k and Re I = Σ Re[I_k + ν_k (1 − e^{−r(τ−t_k)})/r], t_k its end."""
    number = 3
    long = drawn(number, fold)
    nu, integral = np.zeros((3, DRAWS), complex), np.zeros((3, DRAWS))
    for k in range(fold):
        re, im, own = drawn(number * fold + k, 1, tau=TAU / fold)
        left = np.exp(-RATES * TAU * (1 - (k + 1) / fold))[:, None]
        nu += left * (re + 1j * im)
        integral += own + ((re + 1j * im) * (1 - left) / RATES[:, None]).real
    np.testing.assert_allclose(long, np.stack([nu.real, nu.imag, integral]), atol=1e-13)
