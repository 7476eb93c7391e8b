"""What an ensemble says, against synthetic ensembles whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.analysis import members as members_module
from opendicke.measure.nested import nested_error

SIZES = (10, 20, 40, 80)


def ensemble(
    truth: np.ndarray, trajectories: int = 0, seed: int = 0, points: dict[str, Any] | None = None
) -> xr.Dataset:
    """A dataset as of `od.run` from exact values (points…, R, T) and noise of single size 1."""
    points = points or {}
    rng = np.random.default_rng(seed)
    dims = (*points, "realization", "time")
    variables: dict[str, Any] = {}
    if trajectories:
        samples = truth[..., None] + rng.normal(size=(*truth.shape, trajectories))
        errors = samples.std(axis=-1, ddof=1) / np.sqrt(trajectories)
        variables["sx"] = (dims, samples.mean(axis=-1))
        variables["sx_stderr"] = (dims, errors)
    else:
        variables["sx"] = (dims, truth)
    variables["sx"] += ({"long_name": "mean σx", "units": "1"},)
    members = truth.shape[:-1]
    for name, kind in (("step", float), ("estimated_error", float), ("largest_stderr", float)):
        variables[name] = (dims[:-1], np.ones(members, kind))
    variables["trajectories"] = (dims[:-1], np.full(members, trajectories))
    variables["status"] = (dims[:-1], np.ones(members, np.int8))
    coordinates = {
        **points,
        "realization": np.arange(truth.shape[-2]),
        "time": 0.5 * np.arange(truth.shape[-1]),
    }
    about = {"format": 1, "experiment": json.dumps({"seed": 1})}
    return xr.Dataset(variables, coordinates, about)


def swept(seed: int = 0, realizations: int = 30, trajectories: int = 10) -> xr.Dataset:
    """Two points of a sweep, three times: disorder 0.1, 0.5 around 1, 2."""
    rng = np.random.default_rng(seed)
    truth = np.array([1.0, 2.0])[:, None, None] + np.array([0.1, 0.5])[:, None, None] * rng.normal(
        size=(2, realizations, 3)
    )
    return ensemble(truth, trajectories, seed, {"loss": [0.5, 1.0]})


def sized(law: float, realizations: int, trajectories: int = 0, seed: int = 0) -> xr.Dataset:
    """Sizes with R_X = 0.25 N^−law, over 40 independent times."""
    rng = np.random.default_rng(seed)
    spread = 0.5 * np.array(SIZES) ** (-law / 2)
    truth = 1 + spread[:, None, None] * rng.normal(size=(len(SIZES), realizations, 40))
    return ensemble(truth, trajectories, seed, {"spins": list(SIZES)})


# Means and their errors


def test_statistics_are_those_of_the_one_formula() -> None:
    """Every point on its own, in the places and under the names they belong to."""
    dataset = swept()
    found = od.ensemble_statistics(dataset)
    for k, loss in enumerate((0.5, 1.0)):
        nested = nested_error(dataset["sx"].values[k], dataset["sx_stderr"].values[k])
        point = found.sel(loss=loss)
        np.testing.assert_allclose(point["sx"], nested.mean)
        np.testing.assert_allclose(point["sx_stderr"], nested.stderr)
        np.testing.assert_allclose(point["sx_stderr_trajectories"], nested.trajectory)
        np.testing.assert_allclose(point["sx_stderr_disorder"], nested.disorder)
        np.testing.assert_allclose(point["sx_low"], nested.mean - nested.halfwidth)
        np.testing.assert_allclose(point["sx_high"], nested.mean + nested.halfwidth)
    assert found["sx"].dims == ("loss", "time")
    assert found["sx_quantile"].dims == ("loss", "quantile", "time")
    assert found["realizations_used"].values.tolist() == [30, 30]
    assert found["sx_stderr"].attrs["units"] == "1"
    names = {"", "_stderr", "_stderr_trajectories", "_stderr_disorder", "_low", "_high"}
    counts = {"realizations_used", "realizations_left_out"}
    assert set(found.data_vars) == {f"sx{n}" for n in names} | {"sx_quantile"} | counts


def test_the_mean_lies_in_its_interval_as_often_as_it_says() -> None:
    """500 independent times of disorder 0.3 and sampling error 0.3, at 30 realizations."""
    rng = np.random.default_rng(4)
    found = od.ensemble_statistics(ensemble(2 + 0.3 * rng.normal(size=(30, 3000)), 10, 4))
    covered = ((found["sx_low"] <= 2) & (found["sx_high"] >= 2)).mean()
    assert 0.935 <= covered <= 0.965
    half = od.ensemble_statistics(ensemble(2 + rng.normal(size=(30, 3000)), 10, 4), level=0.5)
    covered = ((half["sx_low"] <= 2) & (half["sx_high"] >= 2)).mean()
    assert 0.47 <= covered <= 0.53


def test_quantiles_are_those_of_the_disorder() -> None:
    """Of 4,000 standard normal values: within 5 standard errors of the known quantiles."""
    truth = np.random.default_rng(5).normal(size=(4000, 1))
    found = od.ensemble_statistics(ensemble(truth), quantiles=[0.1, 0.5, 0.9])["sx_quantile"]
    assert found["quantile"].values.tolist() == [0.1, 0.5, 0.9]
    np.testing.assert_allclose(found.isel(time=0), [-1.2816, 0.0, 1.2816], atol=0.14)


def test_members_that_did_not_end_well_are_left_out_and_counted() -> None:
    dataset = swept()
    dataset["status"][0, 3] = 3
    dataset["status"][0, 5:8] = 0
    dataset["status"][1, 0] = 2
    dataset["sx"][0, 3] = np.nan
    with pytest.warns(od.ValidityWarning) as caught:
        found = od.ensemble_statistics(dataset)
    assert [str(w.message) for w in caught] == [
        "5 of 60 members are left out (3 pending, 1 not converged, 1 not finite); averages are "
        "biased if whether a member ends well goes with its answer."
    ]
    assert found["realizations_used"].values.tolist() == [26, 29]
    assert found["realizations_left_out"].values.tolist() == [4, 1]
    keep = [r for r in range(30) if r not in (3, 5, 6, 7)]
    alone = od.ensemble_statistics(dataset.isel(loss=0, realization=keep))
    for name in alone.data_vars:
        if name != "realizations_left_out":
            np.testing.assert_allclose(found[name].isel(loss=0), alone[name], err_msg=str(name))
    with pytest.warns(od.ValidityWarning, match=r"4 of 60 members are left out \(3 p.*, 1 not f"):
        both = od.ensemble_statistics(dataset, statuses=["ok", "not_converged"])
    assert both["realizations_used"].values.tolist() == [26, 30]


def test_a_store_under_way_is_not_called_biased() -> None:
    dataset = swept()
    dataset["status"][:, 20:] = 0
    dataset["status"][1] = 0
    with pytest.warns(od.ValidityWarning) as caught:
        found = od.ensemble_statistics(dataset)
    assert str(caught[0].message) == "40 of 60 members are left out (40 pending)."
    assert np.isfinite(found["sx"][0]).all()
    for name in ("sx", "sx_stderr", "sx_low", "sx_quantile"):
        assert np.isnan(found[name].isel(loss=1)).all()


def test_padded_ends_of_small_systems_stay_nan() -> None:
    """In a sweep of sizes, spins that a system does not have."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 5, 3, 4))
    values[0, ..., 2:] = np.nan
    dataset = swept(realizations=5)
    dataset["sx_spin"] = (("loss", "realization", "time", "spin"), values)
    found = od.ensemble_statistics(dataset)["sx_spin"]
    assert found.dims == ("loss", "time", "spin")
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values[:, 0]))


def test_one_realization_has_no_interval() -> None:
    found = od.ensemble_statistics(swept(realizations=1))
    assert np.isfinite(found["sx_stderr"]).all()
    np.testing.assert_array_equal(found["sx_stderr"], found["sx_stderr_trajectories"])
    for name in ("sx_stderr_disorder", "sx_low", "sx_high"):
        assert np.isnan(found[name]).all()


def test_one_time_and_one_point() -> None:
    dataset = swept()
    found = od.ensemble_statistics(dataset.sel(loss=1.0, time=0.5))
    assert found["sx"].dims == ()
    assert found["sx"] == pytest.approx(float(dataset["sx"].sel(loss=1.0, time=0.5).mean()))


def test_other_orders_of_dimensions() -> None:
    dataset = swept()
    turned = dataset.transpose("time", "realization", "loss")
    xr.testing.assert_allclose(od.ensemble_statistics(turned), od.ensemble_statistics(dataset))


def test_coordinates_of_realizations_do_not_survive() -> None:
    dataset = swept().assign_coords(
        lowest_energy=(("loss", "realization"), np.zeros((2, 30))), name=("loss", ["a", "b"])
    )
    found = od.ensemble_statistics(dataset)
    assert set(found.coords) == {"loss", "time", "name", "quantile"}


class Careful(members_module._Reader):
    """A reader that refuses to have been given more than it was asked for."""

    def __getitem__(self, place: tuple[int, ...]) -> np.ndarray:
        assert isinstance(self.data, xr.DataArray)
        return super().__getitem__(place)


def test_read_point_by_point_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store opened by xarray gives the same, without ever being read as a whole."""
    dataset = swept()
    od.save(dataset, tmp_path / "e.zarr")
    monkeypatch.setattr(members_module, "_AT_ONCE", 0)
    monkeypatch.setattr(members_module, "_Reader", Careful)
    lazy = xr.open_zarr(tmp_path / "e.zarr", consolidated=False)
    xr.testing.assert_allclose(od.ensemble_statistics(lazy), od.ensemble_statistics(dataset))
    lazy = xr.open_zarr(tmp_path / "e.zarr", consolidated=False, chunks=None)
    found = od.self_averaging(lazy)
    xr.testing.assert_allclose(found, od.self_averaging(dataset))


def test_statistics_can_be_saved_and_are_no_result_of_the_experiment(tmp_path: Path) -> None:
    for name, derive in (("a", od.ensemble_statistics), ("b", od.self_averaging)):
        found = derive(sized(1.0, 12))
        for suffix in (".zarr", ".nc"):
            again = od.load(od.save(found, tmp_path / f"{name}{suffix}"))
            assert dict(again.sizes) == dict(found.sizes)
            assert json.loads(again.attrs["experiment"]) != {"seed": 1}
            assert json.loads(found.attrs["experiment"]).popitem()[1] == {"seed": 1}


# Self-averaging


def test_relative_variance_is_that_of_the_disorder() -> None:
    """Truth 0.25 N^−1 under four times as much sampling variance, and without; over 40 times."""
    for trajectories in (0, 10):
        found = od.self_averaging(sized(1.0, 400, trajectories))
        ratio, error = found["sx_relative_variance"], found["sx_relative_variance_stderr"]
        truth = 0.25 / xr.DataArray(np.array(SIZES), dims="spins")
        apart = (ratio - truth).mean("time") / (error.mean("time") / np.sqrt(40))
        assert (np.abs(apart) < 4).all()
        if trajectories:  # what is left if the sampling variance stayed in
            assert float(((ratio + 0.1 - truth) / error).mean()) > 4


def test_errors_of_the_relative_variance_tell_its_spread() -> None:
    found = od.self_averaging(sized(1.0, 100))
    told = found["sx_relative_variance_stderr"].mean("time")
    seen = found["sx_relative_variance"].std("time", ddof=1)
    np.testing.assert_allclose(told / seen, 1.0, atol=0.35)


@pytest.mark.parametrize("trajectories", [0, 40])
@pytest.mark.parametrize(("law", "verdict"), [(1.0, "strong"), (0.5, "weak"), (0.0, "none")])
def test_the_exponent_and_its_verdict(law: float, verdict: str, trajectories: int) -> None:
    """The interval holds the true exponent; a wrong verdict is as rare as 5 % allows."""
    found = od.self_averaging(sized(law, 400, trajectories))
    value, error = found["sx_exponent"], found["sx_exponent_stderr"]
    assert (np.abs(value - law) < 2 * error).mean() >= 0.85
    assert abs(float((value - law).mean())) < 4 * float(error.mean()) / np.sqrt(40)
    said = found["sx_self_averaging"].values.tolist()
    if trajectories and law:
        assert sum(word not in (verdict, "unclear") for word in said) <= 5
    else:
        assert said.count(verdict) >= 35


def test_sizes_count_by_what_they_tell() -> None:
    """The error of the exponent is that of the best weights, where sampling hides large systems.

    A variance from n values has the relative error sqrt(2/(n − 1)), so that log R has the
    variance 2 (1 + noise/R)²/(n − 1), and the slope the error of weighted least squares.
    """
    found = od.self_averaging(sized(1.0, 400, 40))
    x = np.log(np.array(SIZES))
    weight = 399 / 2 / (1 + (1 / 40) / (0.25 / np.array(SIZES))) ** 2
    apart = x - (weight * x).sum() / weight.sum()
    best = 1 / np.sqrt((weight * apart**2).sum())
    assert float(found["sx_exponent_stderr"].median()) == pytest.approx(best, rel=0.1)


def test_the_exponent_where_sizes_share_their_draws() -> None:
    """X the mean of the first N of 80 independent parts: errors that know of the correlation."""
    parts = 1 + 0.5 * np.random.default_rng(8).normal(size=(60, 200, 80))
    truth = np.stack([parts[..., :n].mean(axis=-1) for n in SIZES])
    found = od.self_averaging(ensemble(truth, points={"spins": list(SIZES)}))
    value, error = found["sx_exponent"], found["sx_exponent_stderr"]
    assert 0.9 <= (np.abs(value - 1) < 2 * error).mean() <= 0.99
    assert float(error.mean()) == pytest.approx(float(value.std(ddof=1)), rel=0.2)


def test_few_realizations_leave_it_unclear() -> None:
    said = od.self_averaging(sized(1.0, 6))["sx_self_averaging"].values.tolist()
    assert said.count("unclear") >= 25


def test_equal_values_have_no_exponent() -> None:
    """Before anything moves all realizations agree, but for round-off."""
    truth = 1 + 1e-14 * np.random.default_rng(0).normal(size=(4, 30, 2))
    found = od.self_averaging(ensemble(truth, points={"spins": list(SIZES)}))
    assert np.isnan(found["sx_exponent"]).all()
    assert set(found["sx_self_averaging"].values.tolist()) == {"unclear"}
    assert (found["sx_relative_variance"] < 1e-25).all()


def test_a_mean_of_zero_has_no_relative_variance() -> None:
    truth = np.random.default_rng(0).normal(size=(4, 30, 2))
    truth -= truth.mean(axis=1, keepdims=True)
    found = od.self_averaging(ensemble(truth, points={"spins": list(SIZES)}))
    assert np.isnan(found["sx_relative_variance"]).all()


def test_which_axis_is_the_size() -> None:
    """By name, by the path it was swept by, or as told; two sizes are too few for an exponent."""
    dataset = sized(1.0, 30)
    renamed = dataset.rename(spins="n")
    renamed["n"].attrs["long_name"] = "model.spins"
    told = od.self_averaging(dataset.rename(spins="modes"), size="modes")
    for found in (od.self_averaging(dataset), od.self_averaging(renamed), told):
        assert found["sx_exponent"].dims == ("time",)
        np.testing.assert_array_equal(found["sx_exponent"], told["sx_exponent"])
    assert "sx_exponent" not in od.self_averaging(dataset.rename(spins="modes"))
    assert np.isnan(od.self_averaging(dataset.isel(spins=[0, 3]))["sx_exponent"]).all()
    shuffled = od.self_averaging(dataset.isel(spins=[2, 0, 3, 1]))
    np.testing.assert_allclose(shuffled["sx_exponent"], told["sx_exponent"], rtol=1e-6)


def test_a_second_sweep_beside_the_sizes() -> None:
    """Each field on its own; members that failed at one size count at the others."""
    dataset = xr.concat([sized(1.0, 200), sized(0.0, 200, seed=1)], "field", coords="minimal")
    dataset = dataset.assign_coords(field=[0.1, 0.2]).transpose("spins", "field", ...)
    dataset["status"][1, 0, :50] = 4
    with pytest.warns(od.ValidityWarning, match="50 of 1600"):
        found = od.self_averaging(dataset)
    assert found["sx_exponent"].dims == ("field", "time")
    assert found["sx_exponent"].mean("time").values == pytest.approx([1.0, 0.0], abs=0.05)


# Distributions


def test_distribution_is_sorted_and_knows_its_realizations() -> None:
    dataset = swept()
    dataset["status"][1, 4] = 5
    with pytest.warns(od.ValidityWarning, match=r"1 of 30 members are left out \(1 refused\)"):
        found = od.disorder_distribution(dataset, "sx", loss=1.0, time=1.0)
    values = dataset["sx"].sel(loss=1.0, time=1.0)
    np.testing.assert_array_equal(found["sx"], np.sort(np.delete(values.values, 4)))
    np.testing.assert_array_equal(found["sx"], values.isel(realization=found["realization"].values))
    np.testing.assert_allclose(found["probability"], np.arange(1, 30) / 29)
    errors = dataset["sx_stderr"].sel(loss=1.0, time=1.0).values
    np.testing.assert_array_equal(found["sx_stderr"], errors[found["realization"].values])
    assert float(found["loss"]) == 1.0
    assert float(found["time"]) == 1.0


def test_the_band_holds_the_whole_truth() -> None:
    """Uniform values, F(x) = x: of 50, the band holds all of F in 95.7 % of ensembles."""
    dataset, inside = ensemble(np.random.default_rng(4).random(size=(50, 300))), 0
    for k in range(300):
        found = od.disorder_distribution(dataset, "sx", time=0.5 * k)
        x, high = found["sx"].values, found["probability_high"].values
        before = np.append(high[0] - 1 / 50, high[:-1])  # on the left of each step
        inside += bool((x <= before).all() and (x >= found["probability_low"]).all())
    assert 0.925 <= inside / 300 <= 0.985  # within 2.7 standard errors
    width = found["probability_high"][0] - 1 / 50
    assert width == pytest.approx(np.sqrt(np.log(2 / 0.05) / 100))


def test_how_much_of_a_distribution_is_sampling() -> None:
    """Disorder variance 0.25, sampling variance 0.1: a share of 2/7."""
    truth = 0.5 * np.random.default_rng(3).normal(size=(4000, 1))
    found = od.disorder_distribution(ensemble(truth, 10), "sx")
    assert found.attrs["trajectory_share"] == pytest.approx(2 / 7, abs=0.03)
    assert od.disorder_distribution(ensemble(truth), "sx").attrs["trajectory_share"] == 0.0
    assert od.disorder_distribution(ensemble(truth[:1]), "sx").sizes["rank"] == 1


# Bad input


def unlabelled() -> xr.Dataset:
    return swept().drop_vars("status")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: od.ensemble_statistics(swept()["sx"]),
            "Argument `dataset` must be an xarray dataset, but was <xarray.DataArray",
        ),
        (
            lambda: od.ensemble_statistics(unlabelled()[["sx"]]),
            "Argument `dataset` must hold `status` along `realization`, but held `sx`.",
        ),
        (
            lambda: od.self_averaging(swept().isel(realization=0)[["status"]]),
            "Argument `dataset` must hold `status` along `realization`, but held `status`.",
        ),
        (
            lambda: od.ensemble_statistics(swept(), level=95),
            "Argument `level` must be smaller than 1, but was 95.",
        ),
        (
            lambda: od.ensemble_statistics(swept(), quantiles=[0.5, 1.5]),
            "Argument `quantiles` must lie between 0 and 1, but were [0.5, 1.5].",
        ),
        (
            lambda: od.ensemble_statistics(swept(), quantiles=0.5),  # type: ignore[arg-type]
            "Argument `quantiles` must be a list, but was 0.5.",
        ),
        (
            lambda: od.ensemble_statistics(swept(), statuses=["good"]),
            "Argument `statuses` must hold known words, but was `good` (known: `failed`, "
            "`not_converged`, `not_finite`, `ok`, `refused`)",
        ),
        (
            lambda: od.ensemble_statistics(swept(), statuses="ok"),
            "Argument `statuses` must be a list of words, but was 'ok'.",
        ),
        (
            lambda: od.self_averaging(swept(), size="los"),
            "Argument `size` must be a swept dimension, but was `los` (known: `loss`); did you",
        ),
        (
            lambda: od.self_averaging(swept().assign_coords(loss=[0.0, 1.0]), size="loss"),
            "Argument `size` must be swept over positive numbers, but was `loss`.",
        ),
        (
            lambda: od.disorder_distribution(swept(), "sy"),
            "Argument `observable` must be in the dataset, but was `sy` (known: `estimated_",
        ),
        (
            lambda: od.disorder_distribution(swept(), "step", loss=0.5),
            "Argument `observable` must be one, but was `step`.",
        ),
        (
            lambda: od.disorder_distribution(swept(), "sx", loss=0.5),
            "Argument `time` must be given, but had 3 values to choose from.",
        ),
        (
            lambda: od.disorder_distribution(swept(), "sx", loss=0.5, time=0.7),
            "Argument `time` must be one of 0.0, 0.5, 1.0, but was 0.7.",
        ),
        (
            lambda: od.disorder_distribution(swept(), "sx", tim=0.5),
            "Argument `tim` must be a dimension of `sx`, but was `tim` (known: `loss`, `time`)",
        ),
        (
            lambda: od.disorder_distribution(swept(), "sx", time="late"),
            "Argument `time` must be a real number, but was 'late'.",
        ),
    ],
)
def test_bad_input(call: Any, sentence: str) -> None:
    with pytest.raises(od.InputError) as caught:
        call()
    assert str(caught.value).startswith(sentence)


def test_numbers_of_an_axis_need_not_agree_to_the_last_digit() -> None:
    dataset = swept().assign_coords(time=[0.0, 0.1 + 0.2, 1.0])
    assert float(od.disorder_distribution(dataset, "sx", loss=0.5, time=0.3)["time"]) == 0.1 + 0.2
    decades = swept().assign_coords(time=[0.0, 1e-9, 1e9])
    for time in (0.0, 1e-9):
        assert float(od.disorder_distribution(decades, "sx", loss=0.5, time=time)["time"]) == time
