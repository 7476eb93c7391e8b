"""Relaxation in the disordered multimode Dicke model, as kelly2021 finds it."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

import opendicke as od

REFERENCE = json.loads((Path(__file__).parent / "kelly2021.json").read_text())
ALONG = "+x"


@cache
def relaxation(
    frequency: float, loss: float = 0.0, displacement: float = 0.0, stop: float = 9.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, and the mean spins along coupling and field axes of every draw (draw, T)."""
    random = od.RandomDicke(
        od.Gaussian(sigma=2.0),
        spins=91,
        modes=909,
        frequencies=frequency,
        loss=loss,
        field=1.0,
        coupling_axis="x",
        field_axis="z",
    )
    state = od.ProductState.polarized(ALONG, displacement=displacement)
    times = np.arange(0.0, stop + 0.01, 0.5 if stop > 20 else 0.1)
    method = od.TruncatedWigner(150, step=0.1, precision="single")
    draws = [
        od.solve(
            random.draw(seed=11, realization=k),
            state,
            times,
            method,
            ["sx", "sz"],
            seed=k,
            validity="ignore",
        )
        for k in range(8 if stop > 20 else 6)
    ]
    return times, np.array([ds.sx.values for ds in draws]), np.array([ds.sz.values for ds in draws])


def misfits(times: np.ndarray, curve: np.ndarray) -> tuple[float, float]:
    """Root mean square distances from the best logarithm and the best exponential."""
    here = (times >= 1) & (times <= 9)
    t, y = times[here], curve[here]
    design = np.stack([np.ones_like(t), np.log(t)], axis=1)
    logarithm = design @ np.linalg.lstsq(design, y, rcond=None)[0] - y
    exponential = least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [0.8, 0.2]).fun
    return float(np.sqrt(np.mean(logarithm**2))), float(np.sqrt(np.mean(exponential**2)))


@pytest.mark.parametrize(("number", "name"), [(0, "sx"), (1, "sz")])
def test_disorder_averages(number: int, name: str) -> None:
    """Both spin components agree with independent code, draw by draw errors on both sides."""
    times, *spins = relaxation(REFERENCE["case"]["frequency"], stop=40.0)
    draws = spins[number][:, np.searchsorted(times, np.array(REFERENCE["t"]) - 1e-9)]
    stderr = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    z = (draws.mean(axis=0) - REFERENCE[name]) / np.hypot(stderr, REFERENCE[f"{name}_sem"])
    # 20 times, of which neighbours are correlated.
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.5
    assert abs(z.mean()) < 1.2


def test_without_the_self_term_it_is_another_curve() -> None:
    """Without self-interaction the eliminated model relaxes at once; the paper keeps it."""
    random = od.RandomDicke(
        od.Gaussian(sigma=2.0),
        spins=91,
        modes=909,
        frequencies=10.0,
        field=1.0,
        coupling_axis="x",
        field_axis="z",
    )
    state, times = od.ProductState.polarized(ALONG), [0.0, 1.0, 4.0, 20.0]
    means = {}
    for self_interaction in ("drop", "keep"):
        solved = [
            od.solve(
                od.eliminate(random.draw(seed=11, realization=k), self_interaction),
                state,
                times,
                od.TruncatedWigner(200, step=0.05),
                ["sx"],
                validity="ignore",
            ).sx.values
            for k in range(3)
        ]
        means[self_interaction] = np.mean(solved, axis=0)
    # Independent code, three draws: −.04, −.00, −.00 and .39, .44, .23; with photons .744, .404.
    np.testing.assert_allclose(means["drop"][1:], [-0.04, 0.0, 0.0], atol=0.03)
    np.testing.assert_allclose(means["keep"][1:], [0.39, 0.44, 0.23], atol=0.06)


@pytest.mark.slow
def test_loss_accelerates_relaxation() -> None:
    """More loss, faster relaxation, from half the field strength up to twice the frequency."""
    curves = [relaxation(10.0, loss)[1] for loss in (0.0, 0.5, 5.0, 20.0)]
    for slower, faster in pairwise(curves):
        gap = (slower - faster)[:, 20:60].mean(axis=1)  # the same draws, 2 ≤ t < 6
        assert gap.mean() > 5 * gap.std(ddof=1) / np.sqrt(len(gap))


def test_moderate_loss_keeps_the_logarithm() -> None:
    """At loss 1/20 of the frequency a − b ln t fits better than an exponential, at twice it not."""
    for loss in (0.0, 0.5):
        times, draws, _ = relaxation(10.0, loss)
        logarithm, exponential = misfits(times, draws.mean(axis=0))
        assert logarithm < 0.9 * exponential
    times, draws, _ = relaxation(10.0, 20.0)
    logarithm, exponential = misfits(times, draws.mean(axis=0))
    assert exponential < 0.3 * logarithm


def test_displaced_photons_accelerate_late_relaxation() -> None:
    """Photons displaced by 2N/√((N + M)ω/h): slow decay turns exponential and overtakes."""
    frequency, rates = 3.6, []
    for displacement in (0.0, 2 * 91 / np.sqrt(1000 * frequency)):
        times, draws, _ = relaxation(frequency, 0.0, displacement, stop=40.0)
        early = draws[:, (times >= 14) & (times <= 18)].mean(axis=1)
        late = draws[:, (times >= 34) & (times <= 40)].mean(axis=1)
        estimates = np.log(
            [np.delete(early, k).mean() / np.delete(late, k).mean() for k in range(len(early))]
        )
        error = np.sqrt((len(early) - 1) * estimates.var())
        rates.append((np.log(early.mean() / late.mean()) / 21, error / 21))
    (plain, plain_error), (displaced, displaced_error) = rates
    assert displaced - plain > 3 * np.hypot(plain_error, displaced_error)
