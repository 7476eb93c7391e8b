"""What the claims of kelly2021 look at: laws inside other windows, times, slopes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation import Relaxation, fit_relaxation
from opendicke.analysis.relaxation_laws import Law
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Verdict
from opendicke.papers.kelly2021.drawing import Curve, mean_curve, verdict_of
from opendicke.papers.kelly2021.relaxations import TOLERANCE


def numbers(values: Sequence[float] | Array, digits: int = 3) -> str:
    """Listed, such as "0.5, 1.2"."""
    return ", ".join(f"{value:.{digits}g}" for value in np.ravel(values))


def verdicts(dataset: xr.Dataset) -> list[str]:
    """The law of every curve."""
    return [verdict_of(dataset, number) for number in range(dataset.sizes["curve"])]


def listed(dataset: xr.Dataset, name: str, symbol: str) -> str:
    """Laws of all curves, such as "ω = 3.6: power law; …"."""
    return "; ".join(
        f"{symbol} = {float(value):g}: {law}"
        for value, law in zip(dataset[name].values, verdicts(dataset), strict=True)
    )


def allowed(dataset: xr.Dataset, number: int, law: Law) -> bool:
    """Whether a law is the verdict or has not been excluded."""
    possible = str(dataset["law_possible"].values[number]).split("; ")
    return law.value in possible or verdict_of(dataset, number) == law.value


def all_follow(found: Sequence[str], law: Law) -> Verdict:
    """Holds where all are this law, fails where one is another law, else cannot tell."""
    others = [name for name in found if name not in (law.value, "cannot tell")]
    if others:
        return Verdict.FAILS
    return Verdict.HOLDS if found and all(name == law for name in found) else Verdict.CANNOT_TELL


def members(dataset: xr.Dataset, number: int, name: str = "sx") -> Array:
    """Curves of the realizations, (R, T)."""
    one = dataset[name].isel(curve=number)
    return np.asarray(one.transpose("realization", "time").values)


def law_between(
    dataset: xr.Dataset, number: int, first: float, last: float, tolerance: float = TOLERANCE
) -> Relaxation:
    """The law of a curve inside a window of one's choice, deviations below `tolerance` forgiven."""
    period = float(dataset["period"][number])
    inside = dataset["time"].values <= last + period / 2
    return fit_relaxation(
        dataset["time"].values[inside],
        members(dataset, number)[:, inside],
        period=period if period < last else None,
        start=first,
        tolerance=tolerance,
    )


def straight_factor(curve: Curve, apart: float) -> tuple[float, float]:
    """The longest stretch of time in which a curve is a − b ln t within `apart`: both ends."""
    grid = np.geomspace(max(curve.times[0], 0.2), curve.times[-1], 120)
    values = np.interp(grid, curve.times, curve.mean)
    logs = np.log(grid)
    best = (0, 0)
    for first in range(len(grid) - 2):
        last = max(first + 2, first + best[1] - best[0])
        while last < len(grid):
            part = slice(first, last + 1)
            slope = np.polyfit(logs[part], values[part], 1)
            if np.abs(np.polyval(slope, logs[part]) - values[part]).max() > apart:
                break
            best = (first, last)
            last += 1
    return float(grid[best[0]]), float(grid[best[1]])


def departure(curve: Curve, first: float, last: float, apart: float) -> float:
    """When a curve leaves, by `apart`, the a − b ln t that it follows from `first` to `last`."""
    inside = (curve.times >= first) & (curve.times <= last)
    slope = np.polyfit(np.log(curve.times[inside]), curve.mean[inside], 1)
    late = curve.times > last
    gap = np.abs(curve.mean[late] - np.polyval(slope, np.log(curve.times[late])))
    gone = gap > np.maximum(apart, 3 * curve.stderr[late])
    return float(curve.times[late][gone.argmax()]) if gone.any() else float("nan")


def exponent(x: Array, y: Array) -> float:
    """Slope of ln y over ln x; NaN below two points."""
    good = np.isfinite(y) & (y > 0)
    if good.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.log(x[good]), np.log(y[good]), 1)[0])


def at(dataset: xr.Dataset, number: int, time: float, name: str = "sx") -> tuple[float, float]:
    """Averaged curve at a time, and its standard error."""
    curve = mean_curve(dataset, number, name)
    return (
        float(np.interp(time, curve.times, curve.mean)),
        float(np.interp(time, curve.times, curve.stderr)),
    )


def ordered(values: Array, errors: Array) -> Verdict:
    """Whether values rise: holds if every step does by two errors, fails if one falls by two."""
    steps = np.diff(values)
    sizes = 2 * np.hypot(errors[1:], errors[:-1])
    if len(steps) and (steps > sizes).all():
        return Verdict.HOLDS
    return Verdict.FAILS if (steps < -sizes).any() else Verdict.CANNOT_TELL
