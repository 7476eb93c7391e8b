"""What the claims of kelly2021 look at: laws inside other windows, times, slopes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation import Relaxation, fit_relaxation
from opendicke.analysis.relaxation_laws import Law
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Verdict
from opendicke.papers.kelly2021.drawing import Curve, mean_curve, members_of, verdict_of
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


def law_between(
    dataset: xr.Dataset, number: int, first: float, last: float, tolerance: float = TOLERANCE
) -> Relaxation:
    """The law of a curve inside a window of one's choice, deviations below `tolerance` forgiven."""
    period = float(dataset["period"][number])
    inside = dataset["time"].values <= last + period / 2
    return fit_relaxation(
        dataset["time"].values[inside],
        members_of(dataset, number)[:, inside],
        period=period if period < last else None,
        start=first,
        tolerance=tolerance,
    )


def straight_stretch(curve: Curve, apart: float) -> tuple[float, float]:
    """The longest stretch of time in which a curve is a − b ln t within `apart`: both ends.

    It ends where five times as much is left of the curve: what has decayed is straight as well.
    """
    alive = curve.mean > 5 * apart
    end = len(alive) if alive.all() else int(alive.argmin())
    if end < 3:
        return float(curve.times[0]), float(curve.times[0])
    grid = np.geomspace(max(curve.times[0], 0.2), curve.times[end - 1], 120)
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
    """When a curve leaves, by `apart`, the a − b ln t that it follows from `first` to `last`.

    NaN if it does not follow one there, or does not leave it.
    """
    inside = (curve.times >= first) & (curve.times <= last)
    slope = np.polyfit(np.log(curve.times[inside]), curve.mean[inside], 1)
    line = np.polyval(slope, np.log(np.maximum(curve.times, 1e-9)))
    gone = np.abs(curve.mean - line) > np.maximum(apart, 3 * curve.stderr)
    if gone[inside].any():
        return float("nan")
    late = gone & (curve.times > last)
    return float(curve.times[late.argmax()]) if late.any() else float("nan")


def exponent(x: Array, y: Array) -> tuple[float, float]:
    """Slope of ln y over ln x and its standard error; NaN below two and below three points."""
    good = np.isfinite(y) & (y > 0)
    if good.sum() < 2:
        return float("nan"), float("nan")
    logs = np.log(x[good])
    slope, offset = np.polyfit(logs, np.log(y[good]), 1)
    if good.sum() < 3:
        return float(slope), float("nan")
    left = np.log(y[good]) - slope * logs - offset
    spread = float(np.sum((logs - logs.mean()) ** 2))
    return float(slope), float(np.sqrt(np.sum(left**2) / (good.sum() - 2) / spread))


def near(value: float, error: float, expected: float, within: float) -> Verdict:
    """Holds within `within` of what is expected; fails if further, by two errors; else open."""
    if not np.isfinite(value) or not np.isfinite(error):
        return Verdict.CANNOT_TELL
    gap = abs(value - expected)
    if gap + 2 * error <= within:
        return Verdict.HOLDS
    return Verdict.FAILS if gap - 2 * error > within else Verdict.CANNOT_TELL


def drift_of(dataset: xr.Dataset, number: int, name: str = "sz") -> tuple[float, float, float]:
    """Mean over the last fifth of the times, how much it differs from the fifth before, its error.

    The error is that of the difference in the same realizations.
    """
    curves = members_of(dataset, number, name)
    times = dataset["time"].values
    stop = float(times[-1])
    late = curves[:, times > 0.8 * stop].mean(axis=1)
    moved = late - curves[:, (times > 0.6 * stop) & (times <= 0.8 * stop)].mean(axis=1)
    return float(late.mean()), float(moved.mean()), float(moved.std(ddof=1) / np.sqrt(len(moved)))


def is_settled(drift: float, error: float, slow: float = 0.003) -> bool:
    """Whether a drift from fifth to fifth is below its errors, or too small to matter."""
    return abs(drift) <= max(3 * error, slow)


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
