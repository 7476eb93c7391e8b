"""The choice of the step: what is called converged is, also where motion is chaotic."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from test_flow_order import integrated

import opendicke as od
from opendicke.measure.raw import Status

TIMES = np.linspace(0, 8, 5)


@cache
def case(seed: int) -> tuple[od.Problem, np.ndarray, np.ndarray]:
    """A strongly coupled, undamped model; its spins and photons by DOP853."""
    rng = np.random.default_rng(seed)
    couplings = 2 * rng.normal(size=(4, 3))
    model = od.DickeModel(couplings, rng.uniform(0.5, 2, 3), field=rng.uniform(0.3, 1.2, 4))
    bloch = rng.normal(size=(4, 3))
    bloch /= np.linalg.norm(bloch, axis=1)[:, None]
    start = np.array([1, 0.5j, -1])
    spins, amplitudes = integrated(model, bloch, start, TIMES)
    problem = od.reduce(model, od.ProductState.bloch(bloch, displacement=start))
    return problem, spins[..., 2], np.abs(amplitudes) ** 2


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_ok_means_below_the_tolerance(order: int, tolerance: float) -> None:
    """Against DOP853: no false OK, and not all given up."""
    asked = od.find_observables(["sz_spin", "photons_mode"])
    ended_well = 0
    for seed in (0, 1, 2, 26):  # 26: at order 2 the law without evidence believes an error of .08
        problem, spins, photons = case(seed)
        raw = od.MeanField(tolerance, order).run(problem, TIMES, asked)
        error = max(
            np.abs(raw.values["sz_spin"] - spins).max(),
            np.abs(raw.values["photons_mode"] - photons).max() / max(1, photons.max()),
        )
        if raw.status is Status.OK:
            ended_well += 1
            assert error <= tolerance
    assert ended_well >= 2


def test_a_chaotic_member_says_until_when_it_holds() -> None:
    """Thirty spins of the strongly coupled regime: given up, but right at early times."""
    model = od.RandomDicke(
        couplings=od.Gaussian(2.0),
        spins=30,
        modes=60,
        frequencies=10.0,
        field=1.0,
        coupling_axis="x",
        field_axis="z",
    ).draw()
    problem = od.reduce(model, od.ProductState.polarized("+x"))
    times = np.linspace(0, 60, 61)
    asked = od.find_observables(["sx"])
    raw = od.MeanField(1e-6).run(problem, times, asked)
    assert raw.status is Status.NOT_CONVERGED
    until = float(raw.message.split("up to time ")[1].split(")")[0])
    assert 3 <= until < 60
    early = times[times <= until]
    fine = od.MeanField(step=0.001).run(problem, early, asked).values["sx"]
    assert np.abs(raw.values["sx"][: len(early)] - fine).max() <= 1e-6


@pytest.mark.parametrize(("turns", "coupling"), [(256, 2.0), (512, 5.0), (48, 2.0), (1024, 1.0)])
def test_steps_in_resonance_with_a_mode_do_not_deceive(turns: int, coupling: float) -> None:
    """A mode that makes whole turns between output times: errors follow no power of the step.

    The reference resolves the mode with 40 steps a turn.
    """
    model = od.DickeModel([[coupling]], 2 * np.pi * turns, field=1.0)
    problem = od.reduce(model, od.ProductState.polarized("+z", displacement=1.0))
    times, asked = np.array([0.0, 1.0, 2.0]), od.find_observables(["sx", "sy", "sz"])
    exact = od.MeanField(step=1 / (40 * turns)).run(problem, times, asked).values
    found = od.MeanField(1e-6).run(problem, times, asked)
    assert found.status is Status.OK
    for name, values in found.values.items():
        assert np.abs(values - exact[name]).max() <= 1e-6
    # The control: what the law C τ^p would have made of two steps that do not resolve the mode.
    rough, finer = (od.MeanField(step=1 / n).run(problem, times, asked).values for n in (4, 32))
    apart, wrong = (
        max(np.abs(a[name] - b[name]).max() for name in exact)
        for a, b in [(rough, finer), (finer, exact)]
    )
    if turns == 256:
        assert wrong > 100 * 2 * apart / (8**4 - 1)
