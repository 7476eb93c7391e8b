"""When a law is left, and at which frequency a curve oscillates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from opendicke.analysis.relaxation import Law
from opendicke.analysis.relaxation_crossover import CROSSOVER, crossover
from opendicke.analysis.relaxation_frequency import Frequency, locked_frequency
from opendicke.analysis.relaxation_selection import NONE, UNDECIDED
from opendicke.errors import InputError
from relaxation_curves import FREQUENCY, PERIOD, curves, true_curve


def broken(
    seed: int, time: float, error: float = 0.002, realizations: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """A logarithm until `time`, then a power law with the exponent .9, without a jump."""
    times, members = curves(Law.LOGARITHMIC, seed, realizations, error, stop=60.0)
    before = true_curve(Law.LOGARITHMIC, times)
    there = true_curve(Law.LOGARITHMIC, np.array([time]))
    after = np.where(times < time, before, there * (np.maximum(times, time) / time) ** -0.9)
    return times, members - before + after


@pytest.mark.parametrize("time", [8.0, 14.0])
def test_the_time_is_found(time: float) -> None:
    """Inside its interval, which is narrow, in most of three curves."""
    held = 0
    for seed in range(3):
        found = crossover(*broken(seed, time), period=PERIOD, start=2.0)
        assert found.verdict == CROSSOVER
        assert found.time == pytest.approx(time, rel=0.12)
        low, high = found.interval
        assert low < found.time < high < 1.3 * low
        held += low <= time <= high
    assert held >= 2


@pytest.mark.parametrize("law", list(Law))
def test_one_law_is_no_crossover(law: Law) -> None:
    """Nor is a noisy one."""
    for seed, error in enumerate((0.002, 0.002, 0.01)):
        times, members = curves(law, seed, error=error, stop=60.0)
        found = crossover(times, members, period=PERIOD, start=2.0, resamples=100)
        assert found.verdict == UNDECIDED
        assert np.isnan(found.time)
        assert np.isnan(found.interval).all()


def test_noise_hides_it() -> None:
    """The same crossover, at ten times the error."""
    found = crossover(*broken(1, 12.0, error=0.03), period=PERIOD, start=2.0)
    assert found.verdict == UNDECIDED


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (Law.POWER, Law.EXPONENTIAL),
        (Law.EXPONENTIAL, Law.POWER),
        (Law.POWER, Law.LOGARITHMIC),
        (Law.LOGARITHMIC, Law.STRETCHED),
    ],
)
def test_other_pairs(first: Law, then: Law) -> None:
    """Exact curves: the time to a part in a thousand."""
    times = np.linspace(0.0, 60.0, 241)
    forms = {
        Law.POWER: lambda t: t**-0.4,
        Law.EXPONENTIAL: lambda t: np.exp(-t / 9.0),
        Law.LOGARITHMIC: lambda t: 0.8 - 0.12 * np.log(t),
        Law.STRETCHED: lambda t: np.exp(-((t / 4.0) ** 0.7)),
    }
    t = np.maximum(times, 0.2)
    early, late = np.minimum(t, 10.0), np.maximum(t, 10.0)
    if then is Law.LOGARITHMIC:
        curve = forms[first](early) - 0.03 * np.log(late / 10.0)
    else:
        curve = forms[first](early) * forms[then](late) / forms[then](np.array(10.0))
    found = crossover(
        times, curve, np.full(241, 2e-4), first=first, then=then, start=2.0, resamples=100
    )
    assert found.verdict == CROSSOVER
    assert found.time == pytest.approx(10.0, rel=1e-3)


def test_the_wrong_pair_is_none() -> None:
    """An exponential does not follow; the curve says so."""
    found = crossover(*broken(0, 12.0), then=Law.EXPONENTIAL, period=PERIOD, start=2.0)
    assert found.verdict == NONE


@pytest.mark.slow
def test_interval_of_the_time_holds_it() -> None:
    """In 90 to 99 of 100 curves, within chance, also from few members."""
    for realizations in (10, 40):
        held = claimed = 0
        for seed in range(50):
            given = broken(seed, 12.0, realizations=realizations)
            found = crossover(*given, period=PERIOD, start=2.0, resamples=100)
            claimed += found.verdict == CROSSOVER
            held += found.interval[0] <= 12.0 <= found.interval[1]
        assert claimed >= 45
        assert 0.86 * claimed <= held


def test_bad_pairs() -> None:
    """One sentence."""
    times, members = curves(Law.POWER, 0)
    for settings in ({"first": Law.STRETCHED}, {"then": "powerlaw"}):
        with pytest.raises(InputError):
            crossover(times, members, **settings)


# Oscillations


@pytest.mark.parametrize("law", list(Law))
def test_locked_frequency(law: Law) -> None:
    """Within its error, of an oscillation of three per cent; nothing where there is none."""
    times, members = curves(law, seed=1)
    found = locked_frequency(times, members, start=2.0)
    assert isinstance(found, Frequency)
    assert found.stderr < 0.02
    assert abs(found.value - FREQUENCY) < 4 * found.stderr
    times, members = curves(law, seed=1, oscillation=0.0)
    assert locked_frequency(times, members, start=2.0) is None


def test_errors_of_frequencies_are_honest() -> None:
    """Pooled over curves; false alarms are rare."""
    z, alarms = [], 0
    for seed in range(12):
        found = locked_frequency(*curves(Law.POWER, seed), start=2.0, resamples=40)
        assert found is not None
        z.append((found.value - FREQUENCY) / found.stderr)
        bare = curves(Law.POWER, seed, oscillation=0.0)
        alarms += locked_frequency(*bare, start=2.0, resamples=40) is not None
    assert 0.6 < np.sqrt(np.mean(np.square(z))) < 1.5
    assert alarms <= 1


def test_frequency_of_a_mean_with_errors() -> None:
    """No members: errors independent from time to time."""
    times = np.linspace(0.0, 30.0, 301)
    errors = np.full(301, 0.002)
    rng = np.random.default_rng(1)
    curve = np.exp(-times / 10) * (1 + 0.05 * np.sin(4.0 * times)) + errors * rng.normal(size=301)
    found = locked_frequency(times, curve, errors, start=1.0)
    assert found is not None
    assert abs(found.value - 4.0) < 4 * found.stderr < 0.05


@pytest.mark.parametrize(
    ("slowest", "fastest"),
    [(2.5, 6.0), (2.1, 2.4), (2.05, 6.0), (0.7, 1.9), (0.7, 1.99), (3.0, 12.0), (0.7, 1.5)],
)
def test_an_oscillation_outside_the_range(slowest: float, fastest: float) -> None:
    """Its foot at the end of the range is not taken for a frequency, however small errors are."""
    times = np.linspace(0.0, 40.0, 401)
    rng = np.random.default_rng(2)
    for error in (1e-5, 1e-3):
        curve = np.exp(-times / 20) * (1 + 0.1 * np.cos(2.0 * times))
        mean = curve + error * rng.normal(size=len(times))
        errors = np.full(len(times), error)
        assert locked_frequency(times, mean, errors, slowest=slowest, fastest=fastest) is None
        found = locked_frequency(times, mean, errors, slowest=1.5, fastest=2.5)
        assert found is not None
        assert found.value == pytest.approx(2.0, abs=0.01)


def test_the_search_ends_where_it_is_told() -> None:
    """A true frequency just beyond the end, within a step of the grid, is not reached."""
    times, members = curves(Law.POWER, 0)
    for fastest in (FREQUENCY - 0.005, FREQUENCY + 0.2):
        found = locked_frequency(times, members, start=2.0, slowest=3.0, fastest=fastest)
        assert found is None or found.value <= fastest
    assert found is not None


def test_bad_ranges() -> None:
    """One sentence each."""
    times, members = curves(Law.POWER, 0)
    bad: list[dict[str, Any]] = [
        {"start": 39.0},
        {"slowest": 3.0, "fastest": 2.0},
        {"slowest": -1.0},
        {"resamples": 1},
    ]
    for settings in bad:
        with pytest.raises(InputError):
            locked_frequency(times, members, **settings)
