"""Kinds of response, from curves of each kind and from curves between two kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from opendicke.analysis.relaxation import Law
from opendicke.analysis.relaxation_map import relaxation_fits
from opendicke.analysis.relaxation_selection import NONE, UNDECIDED
from opendicke.analysis.response import (
    FROZEN,
    KINDS,
    PARAMAGNETIC,
    classify_response,
    response_map,
)
from opendicke.errors import InputError, ValidityWarning
from relaxation_curves import FREQUENCY, PERIOD, TRUTHS, curves, true_curve

SETTINGS: dict[str, Any] = {"period": PERIOD, "start": 2.0}


def around(
    curve: Any, seed: int = 0, error: float = 0.002, realizations: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """Members about any curve, a function of time."""
    law = Law.LOGARITHMIC
    times, members = curves(law, seed, realizations, error, oscillation=0.0)
    return times, members - true_curve(law, times) + curve(times)


@pytest.mark.parametrize("law", list(Law))
def test_laws(law: Law) -> None:
    """The law is the kind; all resamples agree."""
    found = classify_response(*curves(law, 1), **SETTINGS)
    assert found.kind == law
    assert found.probabilities[law] > 0.95
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert tuple(found.probabilities) == KINDS
    assert found.relaxation is not None
    assert found.relaxation.law is law


def test_paramagnets() -> None:
    """Dephasing within a few 1/h, oscillating or not; also where the period is longer than that."""
    for curve in (
        lambda t: np.exp(-((t / 1.5) ** 2)) * np.cos(2 * t),
        lambda t: np.exp(-t / 0.5),
    ):
        for period in (PERIOD, 2 * np.pi):
            found = classify_response(*around(curve), period=period, start=2.0)
            assert found.kind == PARAMAGNETIC
    late = around(lambda t: np.exp(-t / 1.2))
    assert classify_response(*late, start=8.0).kind == PARAMAGNETIC
    assert classify_response(*late, start=1.0).kind == Law.EXPONENTIAL
    # With a field ten times as strong a few 1/h are over before the curve has fallen.
    slow = classify_response(*around(lambda t: np.exp(-t / 0.8)), start=0.5, field=10.0)
    assert slow.kind != PARAMAGNETIC


def test_zero_has_two_sides() -> None:
    """An undershoot that stays, however early it begins, is not zero, nor is the way through it."""
    times, members = around(lambda t: 1.2 * np.exp(-t) - 0.2 * (1 - np.exp(-t)))
    found = classify_response(times, members, start=2.0)
    assert found.probabilities[PARAMAGNETIC] == 0
    back = around(lambda t: 1.2 * np.exp(-t / 0.5) - 0.2 * t * np.exp(-t / 0.7))
    assert classify_response(*back, start=2.0).kind == PARAMAGNETIC


@pytest.mark.parametrize("omega", [0.9, 2.0, FREQUENCY])
def test_an_oscillation_down_to_zero_is_no_paramagnet(omega: float) -> None:
    """Not averaged away it touches zero once a period, about a mean that decays slowly."""
    for phase in np.linspace(0.0, 1.2, 4):
        curve = around(lambda t, p=phase: (0.5 + 0.5 * np.cos(omega * t + p)) * np.exp(-t / 30))
        found = classify_response(*curve, start=2.0)
        assert found.probabilities[PARAMAGNETIC] == 0


@pytest.mark.parametrize("tau", [3.0, 60.0])
def test_precession_about_zero_is_paramagnetic(tau: float) -> None:
    """Spins turn with 2h, whether or not they dephase soon."""
    found = classify_response(*around(lambda t: np.cos(2 * t) * np.exp(-t / tau)), start=2.0)
    assert found.kind == PARAMAGNETIC


def test_zero_must_be_watched() -> None:
    """Of a curve that is known no longer than it took to vanish, nothing is claimed."""
    times, members = around(lambda t: np.exp(-((t / 1.5) ** 2)))
    for end, kind in ((4.5, UNDECIDED), (8.0, PARAMAGNETIC)):
        short = times <= end
        assert classify_response(times[short], members[:, short], start=2.0).kind == kind


@pytest.mark.parametrize("sign", [-1.0, 0.0])
def test_curves_begin_above_zero(sign: float) -> None:
    """Where there is nothing that could decay no kind is named."""
    times, members = around(lambda t: sign * np.exp(-t / 8))
    words = r"`curves` must begin above zero by 3 standard errors, but began at "
    with pytest.raises(InputError, match=words):
        classify_response(times, members, start=2.0)


def test_frozen() -> None:
    """Near its start, or on a plateau that hardly falls."""
    high = classify_response(*around(lambda t: 0.97 - 0.01 * np.log1p(t)), **SETTINGS)
    assert high.kind == FROZEN
    plateau = classify_response(*around(lambda t: 0.5 + 0.5 * np.exp(-t)), period=PERIOD, start=4.0)
    assert plateau.kind == FROZEN
    falling = classify_response(*around(lambda t: 0.5 * (1 + t) ** -0.1), **SETTINGS)
    assert falling.kind != FROZEN


def test_noise_makes_no_paramagnet() -> None:
    """A floor above the curve says nothing of the curve."""
    times, members = around(lambda t: 0.9 * np.exp(-t / 8), error=0.2)
    found = classify_response(times, members, **SETTINGS)
    assert found.kind == UNDECIDED


def test_borders_are_undecided() -> None:
    """Between frozen and falling, a tenth being lost just so; and between two laws."""
    for seed in range(4):
        times, members = around(lambda t: 0.9 * (1 + t) ** -0.05, seed, error=0.004)
        depth = np.log(np.maximum(times, 0.1) / 2) / np.log(20)
        first, last = (depth >= 0) & (depth <= 1 / 3), depth >= 2 / 3
        mean = members.mean(axis=0)
        border = members + np.where(last, 0.9 * mean[first].mean() - mean[last].mean(), 0.0)
        assert classify_response(times, border, start=2.0).kind == UNDECIDED
        above = border + np.where(last, 0.02, 0.0)
        assert classify_response(times, above, start=2.0).kind == FROZEN
    short = 0
    for seed in range(6):
        times, members = curves(Law.POWER, seed, error=0.02, stop=10.0)
        found = classify_response(times, members, **SETTINGS)
        short += found.kind == UNDECIDED
        assert found.kind in (UNDECIDED, Law.POWER)
    assert short >= 5


def test_a_kink_is_none_of_these() -> None:
    """No kind fits, and that is an answer."""
    found = classify_response(
        *around(lambda t: np.where(t < 8, 1 - t / 12, (1 / 3) * (t.clip(8) / 8) ** -0.2)), start=1.0
    )
    assert found.kind == NONE


def test_means_with_errors() -> None:
    """One curve and its standard errors do as well."""
    times = np.linspace(0.0, 40.0, 161)
    law = true_curve(Law.EXPONENTIAL, times)
    rng = np.random.default_rng(1)
    mean = law + 0.002 * rng.normal(size=len(times))
    found = classify_response(times, mean, np.full(len(times), 0.002), start=2.0)
    assert found.kind == Law.EXPONENTIAL


# Maps


def swept(laws: list[Law]) -> xr.Dataset:
    """An ensemble along a sweep of frequencies, one law at each."""
    times, _ = curves(laws[0], 0)
    data = np.stack([curves(law, 1)[1] for law in laws])
    status = np.ones(data.shape[:2], dtype=np.int8)
    return xr.Dataset(
        {
            "sx": (("omega", "realization", "time"), data),
            "sx_stderr": (("omega", "realization", "time"), np.full(data.shape, 0.01)),
            "status": (("omega", "realization"), status),
        },
        {
            "omega": FREQUENCY + np.arange(len(laws)) * 1e-6,
            "realization": np.arange(data.shape[1]),
            "time": times,
        },
    )


def test_maps() -> None:
    """Every point with its own settings; the numbers are those of single fits."""
    dataset = swept([Law.POWER, Law.EXPONENTIAL])
    dataset["sx"][0, 0] = np.nan
    dataset["status"][0, 0] = 3
    start = xr.DataArray([2.0, 3.0], dims="omega")
    settings: dict[str, Any] = {"period": lambda at: 2 * np.pi / at["omega"], "start": start}
    with pytest.warns(ValidityWarning, match="left out"):
        found = response_map(dataset, **settings)
    assert found["kind"].values.tolist() == [Law.POWER, Law.EXPONENTIAL]
    assert found["certain"].values.all()
    assert found["probability"].dims == ("omega", "kind_name")
    np.testing.assert_allclose(found["probability"].sum("kind_name"), 1.0)
    assert found["realizations_used"].values.tolist() == [39, 40]
    np.testing.assert_allclose(found["window_start"], [2.0, 3.0])
    with pytest.warns(ValidityWarning, match="left out"):
        fits = relaxation_fits(dataset, **settings)
    assert fits["verdict"].values.tolist() == [Law.POWER, Law.EXPONENTIAL]
    assert "0.2 <= beta <= 0.9" in fits["p_value"].attrs["comment"]
    assert "0.05 <= beta <= 1" in fits["beta"].attrs["comment"]
    gamma = fits["gamma"].sel(law="power law")
    truth = TRUTHS[Law.POWER]["gamma"]
    point = {"omega": 0}
    assert fits["gamma_low"].sel(law="power law")[point] < truth
    assert fits["gamma_high"].sel(law="power law")[point] > truth
    assert np.isnan(fits["gamma"].sel(law="logarithmic")).all()
    np.testing.assert_allclose(found["gamma"].sel(law="power law"), gamma)


def test_maps_go_on_past_curves_that_are_no_decays() -> None:
    """One point of a sweep begins below zero: it alone is undecided, and says why."""
    dataset = swept([Law.POWER, Law.EXPONENTIAL])
    dataset["sx"][0] *= -1
    found = response_map(dataset, resamples=20, **SETTINGS)
    assert found["kind"].values.tolist() == [UNDECIDED, Law.EXPONENTIAL]
    assert found["reason"].values[0] == "the curve does not begin above zero."
    assert found["probability"].sel(kind_name=UNDECIDED).values.tolist() == [1, 0]


def test_maps_are_files(tmp_path: Any) -> None:
    """They are written and read like any result."""
    found = response_map(swept([Law.POWER]), resamples=20, **SETTINGS)
    found.to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "map.nc", engine="h5netcdf") as again:
        assert again["kind"].values.tolist() == found["kind"].values.tolist()


def test_runs_without_disorder() -> None:
    """A mean with errors at each point, or one point without a sweep."""
    dataset = swept([Law.POWER, Law.EXPONENTIAL])
    one = dataset.isel(omega=1)
    assert relaxation_fits(one, **SETTINGS)["verdict"].item() == Law.EXPONENTIAL
    times = dataset["time"].values
    single = xr.Dataset(
        {
            "sx": ("time", true_curve(Law.EXPONENTIAL, times)),
            "sx_stderr": ("time", np.full(len(times), 0.002)),
            "status": ((), np.int8(1)),
        },
        {"time": times},
    )
    assert response_map(single, start=2.0)["kind"].item() == Law.EXPONENTIAL
    assert relaxation_fits(single, start=2.0, laws=[Law.EXPONENTIAL])["tau"].sel(
        law=Law.EXPONENTIAL.value
    ) == pytest.approx(8.0)


def test_a_period_longer_than_the_curve() -> None:
    """Nothing can be averaged, nothing is claimed."""
    found = classify_response(*curves(Law.POWER, 0), period=100.0)
    assert found.kind == UNDECIDED


def test_a_point_without_members_is_undecided() -> None:
    """Nothing ended well there."""
    dataset = swept([Law.POWER, Law.POWER])
    dataset["status"][0] = 3
    with pytest.warns(ValidityWarning, match="left out"):
        found = response_map(dataset, resamples=20, **SETTINGS)
    assert found["kind"].values.tolist() == [UNDECIDED, Law.POWER]
    assert found["probability"].sel(kind_name=UNDECIDED).values[0] == 1


def test_bad_input() -> None:
    """One sentence each."""
    dataset = swept([Law.POWER])
    for name, settings in (
        ("observable", {"observable": "sy"}),
        ("start", {"start": xr.DataArray([1.0], dims="sigma")}),
        ("frozen", {"frozen": 1.5}),
        ("certain", {"certain": 0.4}),
        ("zero", {"zero": 0.0}),
        ("fast", {"fast": -1.0}),
    ):
        with pytest.raises(InputError) as caught:
            response_map(dataset, **settings)
        assert caught.value.argument == name
    with pytest.raises(InputError):
        relaxation_fits(dataset.mean("realization"), "sx_stderr")
