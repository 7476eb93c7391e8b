"""What the drawings of kelly2021 share: curves with errors, averaged over a period of the modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import PARAMETERS, Law
from opendicke.analysis.relaxation_window import period_average
from opendicke.measure.nested import nested_error
from opendicke.model.checks import Array
from opendicke.plots.style import DASHES, band, shades


class Curve(NamedTuple):
    """Mean over disorder and its standard error."""

    times: Array
    mean: Array
    stderr: Array


def members_of(dataset: xr.Dataset, number: int, name: str = "sx") -> Array:
    """Curves of the realizations that ended well, (R, T)."""
    one = dataset[name].isel(curve=number).transpose("realization", "time").values
    if "status" not in dataset:
        return np.asarray(one)
    return np.asarray(one[dataset["status"].isel(curve=number).values == 1])


def mean_curve(dataset: xr.Dataset, number: int, name: str = "sx", *, smooth: bool = True) -> Curve:
    """One curve of a figure, averaged over a period of its modes if `smooth`."""
    times, members = dataset["time"].values, members_of(dataset, number, name)
    if smooth:
        times, members = period_average(times, members, float(dataset["period"][number]))
    both = nested_error(members)
    return Curve(times, both.mean, both.stderr)


def plot_curve(axes: Any, curve: Curve, **line: Any) -> None:
    """With its error as a band, where there is something above it."""
    late = curve.times > 0
    band(axes, curve.times[late], curve.mean[late], curve.stderr[late], **line)


def looks(count: int) -> list[dict[str, Any]]:
    """Colours from light to dark along an ordered parameter, and dashes that tell them apart."""
    colors = shades(count)
    return [
        {"color": colors[k], "linestyle": DASHES[k % len(DASHES)], "lw": 1.5} for k in range(count)
    ]


def above_errors(curve: Curve, floor: float = 3.0) -> Curve:
    """The curve up to where it first sinks below so many standard errors."""
    below = (curve.mean < floor * curve.stderr) & (curve.times > 0)
    end = int(below.argmax()) if below.any() else len(below)
    return Curve(*(part[:end] for part in curve))


def fitted(dataset: xr.Dataset, number: int, law: str, times: Array) -> Array:
    """A law with the parameters that were fitted to a curve."""
    of_law = dataset.isel(curve=number).sel(law=law)
    value = {name: float(of_law[f"law_{name}"]) for name in PARAMETERS[Law(law)]}
    if law == Law.LOGARITHMIC:
        return np.asarray(value["a"] - value["b"] * np.log(times))
    if law == Law.POWER:
        return np.asarray(value["amplitude"] * times ** -value["gamma"])
    return np.asarray(
        value["amplitude"] * np.exp(-((times / value["tau"]) ** value.get("beta", 1.0)))
    )


def verdict_of(dataset: xr.Dataset, number: int) -> str:
    """The law of a curve, "none of these" or "cannot tell"."""
    return str(dataset["law_verdict"].values[number])


def window_of(dataset: xr.Dataset, number: int) -> tuple[float, float]:
    """First and last time of a fit; NaN where there is none."""
    ends = (dataset["law_window_start"], dataset["law_window_end"])
    return float(ends[0].values[number]), float(ends[1].values[number])


def legend_below(figure: Any, axes: Any, columns: int) -> None:
    """One legend for all panels, under them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def legend_under(axes: Any, columns: int = 2) -> None:
    """The legend of one panel, under its axis, where no curve is."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, fontsize=8)


def named(dataset: xr.Dataset, symbols: Sequence[tuple[str, str]], number: int) -> str:
    """Such as "ω = 3.6, σ = 2", from coordinates of a curve."""
    return ", ".join(
        f"{symbol} = {float(dataset[name].values[number]):g}" for name, symbol in symbols
    )
