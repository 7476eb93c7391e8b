"""Verdicts on kelly2021 follow what the data show: curves whose law is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.papers.catalogue import Claim, Outcome, Verdict
from opendicke.papers.kelly2021 import looking
from opendicke.papers.kelly2021.claims import claims
from opendicke.papers.kelly2021.claims_of_modes import agreed, border_of
from opendicke.papers.kelly2021.drawing import Curve, above_errors, mean_curve, members_of
from opendicke.papers.kelly2021.relaxations import with_laws

TIMES = np.linspace(0.0, 60.0, 301)


def claim(name: str) -> Claim:
    return next(item for item in claims() if item.name == name)


class Figures(dict[str, xr.Dataset]):
    """What claims look at."""

    scale = SimpleNamespace(parameters={})

    def __call__(self, figure: str) -> xr.Dataset:
        return self[figure]


def judge(name: str, **figures: xr.Dataset) -> Outcome:
    return claim(name).check(Figures(figures))  # type: ignore[arg-type]


def ensemble(
    curves: list[Callable[[np.ndarray], np.ndarray]],
    name: str = "sx",
    *,
    noise: float = 0.003,
    **coordinates: list[float],
) -> xr.Dataset:
    """Thirty realizations of each curve, which share slow deviations of a few per cent."""
    rng = np.random.default_rng(7)
    members = []
    for curve in curves:
        values = np.where(TIMES > 0, curve(np.maximum(TIMES, 0.1)), 1.0)
        own = values * (1 + 0.01 * rng.normal(size=(30, 1)))
        members.append(own + noise * rng.normal(size=(30, len(TIMES))))
    count = len(curves)
    given: dict[str, Any] = {
        "alpha": [10.0] * count,
        "sigma": [2.0] * count,
        "frequency": [5.0] * count,
    } | coordinates
    given["period"] = [2 * np.pi / frequency for frequency in given["frequency"]]
    return xr.Dataset(
        {
            name: (("curve", "realization", "time"), np.array(members)),
            "status": (("curve", "realization"), np.ones((count, 30), dtype=np.int8)),
        },
        {"time": TIMES, "realization": np.arange(30)}
        | {key: ("curve", values) for key, values in given.items()},
    )


def power(gamma: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: 0.7 * (t / 2) ** -gamma


def decay(tau: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: 0.8 * np.exp(-t / tau)


def laws_of(dataset: xr.Dataset) -> xr.Dataset:
    return with_laws(dataset, {"seed": 0})


@pytest.mark.parametrize(("gamma", "verdict"), [(0.75, Verdict.HOLDS), (0.25, Verdict.CANNOT_TELL)])
def test_power_law_has_to_have_the_exponent(gamma: float, verdict: Verdict) -> None:
    data = laws_of(ensemble([power(gamma)] * 2, sigma=[2.0, 2.2]))
    assert looking.verdicts(data) == ["power law"] * 2
    found = judge("power_law", fig2_center=data)
    assert found.verdict is verdict
    assert found.value == pytest.approx(gamma, abs=0.02)


def test_exponentials_are_no_power_laws() -> None:
    data = laws_of(ensemble([decay(12.0)] * 2, sigma=[2.0, 2.2]))
    assert judge("power_law", fig2_center=data).verdict is Verdict.FAILS
    assert judge("not_exponential", fig2_center=data).verdict is Verdict.CANNOT_TELL
    slow = laws_of(ensemble([power(0.75)] * 2, sigma=[2.0, 2.2]))
    assert judge("not_exponential", fig2_center=slow).verdict is Verdict.HOLDS


def test_logarithms_and_others() -> None:
    frequencies = [12.0, 14.0]
    straight = [lambda t: 0.8 - 0.19 * np.log(t)] * 2
    data = laws_of(ensemble(straight, noise=0.001, frequency=frequencies))
    assert judge("logarithm", fig2_left=data).verdict is Verdict.HOLDS
    other = laws_of(ensemble([power(0.75)] * 2, noise=0.001, frequency=frequencies))
    assert judge("logarithm", fig2_left=other).verdict is Verdict.FAILS


def test_the_logarithm_ends_as_the_square_of_the_frequency() -> None:
    def bent(frequency: float) -> Callable[[np.ndarray], np.ndarray]:
        end = 6.0 * (frequency / 4) ** 2
        return lambda t: 0.9 - 0.1 * np.log(t) - 0.2 * np.log(np.maximum(t / end, 1.0))

    frequencies = [4.0, 6.0, 8.0, 10.0]
    good = laws_of(ensemble([bent(w) for w in frequencies], noise=0.001, frequency=frequencies))
    found = judge("crossover", fig2_left=good)
    assert found.verdict is Verdict.HOLDS
    assert found.value == pytest.approx(2.0, abs=0.3)
    same = laws_of(ensemble([bent(5.0)] * 4, noise=0.001, frequency=frequencies))
    assert judge("crossover", fig2_left=same).verdict is Verdict.FAILS


def responses(kinds: Mapping[float, str]) -> xr.Dataset:
    """A map of one column."""
    count = len(kinds)
    data = ensemble([decay(5.0)] * count, sigma=list(kinds), frequency=[10.0] * count)
    return data.assign(kind=("curve", list(kinds.values())))


def test_the_border_of_the_paramagnet_has_to_be_narrow() -> None:
    near = {0.7: "paramagnetic", 0.9: "paramagnetic", 1.2: "power law"}
    assert judge("critical_sigma", fig1=responses(near)).verdict is Verdict.HOLDS
    wide = {0.2: "paramagnetic", 8.0: "power law"}
    assert judge("critical_sigma", fig1=responses(wide)).verdict is Verdict.CANNOT_TELL
    far = {2.0: "paramagnetic", 3.0: "power law"}
    assert judge("critical_sigma", fig1=responses(far)).verdict is Verdict.FAILS


def test_settling_times() -> None:
    """σz = −0.5 (1 − e^(−t/τ)): last a tenth away at τ ln 10."""
    frequencies = [0.5, 1.0, 2.0, 4.0]

    def settles(tau: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda t: -0.5 * (1 - np.exp(-t / tau))

    shrinking = ensemble(
        [settles(2.0 / w) for w in frequencies], "sz", noise=1e-4, frequency=frequencies
    )
    found = judge("settling", fig2_right=shrinking)
    assert found.verdict is Verdict.HOLDS
    assert found.value == pytest.approx(-1.0, abs=0.15)
    same = ensemble([settles(2.0)] * 4, "sz", noise=1e-4, frequency=frequencies)
    assert judge("settling", fig2_right=same).verdict is Verdict.FAILS
    moving = ensemble([settles(60.0)] * 4, "sz", noise=1e-4, frequency=frequencies)
    assert judge("settling", fig2_right=moving).verdict is Verdict.CANNOT_TELL


def test_drifts_are_judged_in_the_same_realizations() -> None:
    """Realizations that differ by .1 all move by .004: the drift is known far better than that."""
    data = ensemble([lambda t: np.full_like(t, -0.3)], "sz", noise=1e-5)
    members = data["sz"].values
    members += 0.1 * np.random.default_rng(1).normal(size=(30, 1))
    members -= 0.02 * TIMES / TIMES[-1]
    late, drift, error = looking.drift_of(data, 0)
    assert drift == pytest.approx(-0.004, abs=1e-4)
    assert error < 1e-4
    assert not looking.is_settled(drift, error)
    assert looking.is_settled(0.002, 1e-5)
    assert abs(late + 0.318) < 0.1


def test_borders_of_the_exponential() -> None:
    alpha = np.array([0.1, 0.3, 1.0])
    assert border_of(alpha, [True, True, False]) == (0.3, 1.0)
    assert border_of(alpha, [True] * 3) is None
    assert border_of(alpha, [False] * 3) is None
    assert border_of(alpha, [True, False, True]) is None
    assert agreed([(0.3, 1.0), (0.3, 1.0)], 0.4) is Verdict.HOLDS
    assert agreed([(0.1, 0.3), (0.1, 0.3)], 0.4) is Verdict.FAILS
    assert agreed([(0.1, 0.3), (0.3, 1.0)], 0.4) is Verdict.CANNOT_TELL
    assert agreed([(0.3, 1.0), None], 0.4) is Verdict.CANNOT_TELL


def test_nothing_that_relaxes_relieves_nothing() -> None:
    still = ensemble([lambda t: np.full_like(t, 0.9)] * 3, alpha=[0.1, 1.0, 5.0])
    found = judge("alpha_relieves", fig3_center=still, fig3_right=still)
    assert found.verdict is Verdict.CANNOT_TELL
    slower = ensemble([decay(3.0), decay(6.0), decay(20.0)], alpha=[0.1, 1.0, 5.0])
    both = {"fig3_center": slower, "fig3_right": slower}
    assert judge("alpha_relieves", **both).verdict is Verdict.HOLDS
    both["fig3_right"] = ensemble([decay(6.0), decay(3.0), decay(20.0)], alpha=[0.1, 1.0, 5.0])
    assert judge("alpha_relieves", **both).verdict is Verdict.FAILS


def test_times_of_exponentials_only() -> None:
    displaced = {"part": [1.0] * 4, "sigma": [2.0, 3.0] * 2, "frequency": [4.0, 4.0, 8.0, 8.0]}
    rising = laws_of(ensemble([decay(tau) for tau in (8.0, 12.0, 8.0, 12.0)], **displaced))
    assert judge("displaced", displaced=rising).verdict is Verdict.HOLDS
    assert judge("tau_sigma", displaced=rising).verdict is Verdict.HOLDS
    assert judge("tau_frequency", displaced=rising).verdict is not Verdict.HOLDS
    falling = laws_of(ensemble([decay(tau) for tau in (12.0, 8.0, 12.0, 8.0)], **displaced))
    assert judge("tau_sigma", displaced=falling).verdict is Verdict.FAILS
    others = laws_of(ensemble([power(0.75)] * 4, noise=0.001, **displaced))
    assert judge("tau_sigma", displaced=others).verdict is Verdict.CANNOT_TELL
    assert judge("displaced", displaced=others).verdict is Verdict.FAILS


@pytest.mark.parametrize(("tau", "verdict"), [(4.0, Verdict.HOLDS), (30.0, Verdict.FAILS)])
def test_loss_that_accelerates(tau: float, verdict: Verdict) -> None:
    data = laws_of(ensemble([decay(12.0), decay(tau)], loss=[0.0, 5.0]))
    assert judge("loss_large", loss=data).verdict is verdict


def curve_of(values: Callable[[np.ndarray], np.ndarray]) -> Curve:
    times = np.geomspace(0.5, 50.0, 400)
    return Curve(times, values(times), np.full(400, 1e-3))


def test_straight_over_the_logarithm() -> None:
    """A − b ln t up to t = 8 and bent from there; what has decayed does not count."""
    curve = curve_of(lambda t: 0.8 - 0.2 * np.log(np.minimum(t, 8.0)) - 0.1 * np.maximum(t - 8, 0))
    first, last = looking.straight_stretch(curve, 1e-3)
    assert first == pytest.approx(0.5, rel=0.05)
    assert last == pytest.approx(8.0, rel=0.06)
    gone = curve_of(lambda t: np.exp(-t))
    assert looking.straight_stretch(gone, 0.01)[1] < 4.0


def test_where_a_straight_line_is_left() -> None:
    curve = curve_of(lambda t: 0.8 - 0.2 * np.log(np.minimum(t, 8.0)))
    # 0.2 ln(t/8) = 0.01 at t = 8 e^0.05.
    assert looking.departure(curve, 1.0, 3.0, 0.01) == pytest.approx(8 * np.exp(0.05), rel=0.02)
    assert np.isnan(looking.departure(curve_of(np.log), 1.0, 3.0, 0.01))
    assert np.isnan(looking.departure(curve_of(lambda t: np.exp(-t)), 1.0, 9.0, 0.01))


def test_slopes_orders_and_verdicts() -> None:
    x = np.array([1.0, 2.0, 5.0, 9.0])
    slope, error = looking.exponent(x, 3 * x**-1.5)
    assert slope == pytest.approx(-1.5)
    assert error < 1e-12
    y = 3 * x**-1.5 * np.exp([0.1, -0.1, 0.1, -0.1])
    fit, covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
    found = looking.exponent(x, y)
    assert found == pytest.approx((fit[0], np.sqrt(covariance[0, 0])))
    assert np.isnan(looking.exponent(x[:3], np.array([np.nan, 1.0, np.nan]))).all()
    assert looking.near(2.1, 0.1, 2.0, 0.5) is Verdict.HOLDS
    assert looking.near(2.4, 0.1, 2.0, 0.5) is Verdict.CANNOT_TELL
    assert looking.near(4.0, 0.1, 2.0, 0.5) is Verdict.FAILS
    assert looking.near(np.nan, 0.1, 2.0, 0.5) is Verdict.CANNOT_TELL
    small, large = np.full(4, 0.01), np.full(4, 3.0)
    assert looking.ordered(x, small) is Verdict.HOLDS
    assert looking.ordered(-x, small) is Verdict.FAILS
    assert looking.ordered(x, large) is Verdict.CANNOT_TELL
    law = od.Law.POWER
    assert looking.all_follow(["power law"] * 2, law) is Verdict.HOLDS
    assert looking.all_follow(["power law", "cannot tell"], law) is Verdict.CANNOT_TELL
    assert looking.all_follow(["power law", "exponential"], law) is Verdict.FAILS
    assert looking.all_follow([], law) is Verdict.CANNOT_TELL


def test_members_that_failed_do_not_count() -> None:
    data = ensemble([decay(9.0)])
    whole = mean_curve(data, 0, smooth=False).mean
    data["sx"].values[0, 3] = np.nan
    data["status"].values[0, 3] = 2
    assert members_of(data, 0).shape == (29, len(TIMES))
    np.testing.assert_allclose(mean_curve(data, 0, smooth=False).mean, whole, atol=3e-3)
    below = above_errors(Curve(TIMES[:3], np.array([1.0, 0.002, 1.0]), np.full(3, 1e-3)))
    np.testing.assert_array_equal(below.times, TIMES[:1])
