"""Averages over many realizations: mean, its interval, and quantiles as a fan."""

from __future__ import annotations

import warnings
from typing import Any

import xarray as xr

from opendicke.analysis.ensemble import ensemble_statistics
from opendicke.analysis.members import DIM, status_counts
from opendicke.errors import ValidityWarning

MOST_LINES = 12
"""Realizations that are drawn as a line each; lines that have a place in the legend."""
MOST_FANS = 3
_FANS = ((0.05, 0.95, 0.10), (0.25, 0.75, 0.14))
_MARKS = ("_stderr", "_stderr_trajectories", "_stderr_disorder", "_low", "_high", "_quantile")
_DRAWN = ("ok", "not_converged")


def is_statistics(dataset: xr.Dataset) -> bool:
    """Whether a dataset holds averages over realizations, from `ensemble_statistics`."""
    return "confidence_level" in dataset.attrs and "quantile" in dataset.coords


def averages(dataset: xr.Dataset) -> bool:
    """Whether a dataset is drawn as averages: it holds them, or too many realizations."""
    return is_statistics(dataset) or (
        dataset.sizes.get(DIM, 1) > MOST_LINES and DIM in dataset.get("status", xr.DataArray()).dims
    )


def accompanies(name: str, dataset: xr.Dataset) -> bool:
    """Whether a variable is the error, an end of the interval or the quantiles of another."""
    return name.endswith("_stderr") or any(
        name.endswith(mark) and name.removesuffix(mark) in dataset for mark in _MARKS
    )


def averaged(dataset: xr.Dataset, name: str, over: list[Any]) -> xr.Dataset:
    """Averages of one observable over realizations, and before that over other dimensions."""
    if is_statistics(dataset):
        own = [name, *(name + mark for mark in _MARKS if name + mark in dataset)]
        # Of errors and intervals there is no average.
        return dataset[[name]].mean(over, keep_attrs=True) if over else dataset[own]
    kept = [name, "status"]
    if not over and f"{name}_stderr" in dataset:
        kept.append(f"{name}_stderr")
    data = dataset[kept]
    if over:
        data = data.assign({name: data[name].mean(over, keep_attrs=True)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # the title says it
        return ensemble_statistics(data, statuses=_DRAWN)


def average_curve(axes: Any, data: xr.Dataset, name: str, *, fan: bool, **line: Any) -> Any:
    """The mean over time on `axes`, its interval as a band, quantiles as lighter ones.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    data : xarray.Dataset
        Averages of the observable `name` at one point of a sweep (time).
    fan : bool
        Whether quantiles are drawn.
    line
        Passed on to `Axes.plot`.
    """
    times = data["time"]
    (drawn,) = axes.plot(times, data[name], zorder=3, **line)
    color = drawn.get_color()
    if f"{name}_low" in data:
        low, high = data[f"{name}_low"], data[f"{name}_high"]
        shade = 0.35 if fan else 0.2
        axes.fill_between(times, low, high, color=color, alpha=shade, lw=0, zorder=2)
    spread = data.get(f"{name}_quantile")
    if fan and spread is not None:
        for least, most, shade in _FANS:
            if {least, most} <= set(spread["quantile"].values.tolist()):
                ends = spread.sel(quantile=least), spread.sel(quantile=most)
                axes.fill_between(times, *ends, color=color, alpha=shade, lw=0, zorder=1)
    return drawn


def caption(dataset: xr.Dataset, *, band: bool, fan: bool) -> str:
    """What line and bands are."""
    percent = "\N{NO-BREAK SPACE}%"
    level = 100 * float(dataset.attrs.get("confidence_level", 0.95))
    shares = " and ".join(f"{100 * low:g}–{100 * high:g}{percent}" for low, high, _ in _FANS)
    parts = ["lines: mean over realizations"]
    parts += [f"bands: {level:g}{percent} interval of the mean"] if band else []
    parts += [f"light: {shares} of realizations"] if fan else []
    return "; ".join(parts)


def cells_shown(dataset: xr.Dataset) -> str:
    """How many cells are there and how they ended; nothing where all are there and ended well."""
    if "status" not in dataset:
        return ""
    counts = status_counts(dataset["status"].values)
    total = dataset["status"].size
    done = total - counts.pop("pending", 0)
    counts.pop("ok", None)
    parts = [f"{done} of {total} cells" if done < total else f"{total} cells"]
    parts += [f"{count} {way}" for way, count in counts.items()]
    return ", ".join(parts) if done < total or counts else ""
