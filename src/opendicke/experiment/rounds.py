"""How an ensemble goes on until its errors are small: realizations, or trajectories. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from opendicke.measure.nested import nested_error
from opendicke.measure.raw import Status

_LARGEST_GROWTH = 4.0
"""A round asks for at most this many times what there is."""
_MARGIN = 1.05
_OVERHEAD = 32.0
"""What a cell costs besides its trajectories, in trajectories: drawing, reducing, pilots."""


class Extents(NamedTuple):
    """How much of an ensemble is computed."""

    realizations: int
    trajectories: int
    """Of each cell; 0 for methods without."""


class Judged(NamedTuple):
    """The largest standard error of an ensemble, relative to values above 1."""

    error: float
    trajectory: float
    """Its part from trajectories."""
    observable: str
    place: dict[str, int]
    """Where, by dimension."""


def worst_error(dataset: xr.Dataset, observables: Sequence[str], *, random: bool) -> Judged:
    """The largest standard error of the means over realizations, over all points and times.

    It is infinite where too few members ended well: two, if realizations differ.
    """
    worst = Judged(0.0, 0.0, observables[0], {})
    used = (dataset["status"] == Status.OK).transpose("realization", ...).values
    for name in observables:
        values = dataset[name].transpose("realization", ...)
        errors = dataset.get(f"{name}_stderr")
        spread = None if errors is None else errors.transpose("realization", ...).values
        found = nested_error(values.values, spread, used)
        defined = np.isfinite(found.mean)
        scale = max(1.0, float(np.abs(found.mean[defined]).max(initial=0.0)))
        error = np.where(defined, np.nan_to_num(found.stderr, nan=np.inf), 0.0) / scale
        error = np.where(found.realizations < (2 if random else 1), np.inf, error)
        place = np.unravel_index(int(np.argmax(error)), error.shape)
        if error[place] > worst.error:
            part = 0.0 if spread is None else float(np.nan_to_num(found.trajectory[place])) / scale
            where = dict(zip(map(str, values.dims[1:]), map(int, place), strict=True))
            worst = Judged(float(error[place]), part, name, where)
    return worst


def next_extents(
    worst: Judged, target: float, made: Extents, most: Extents, *, random: bool
) -> Extents | None:
    r"""What to compute next; None if the target is reached or nothing more is allowed.

    The squared error of a mean over R realizations of n trajectories is
    :math:`V = V_d/R + V_t/(Rn)`. Twice the realizations halve all of it at the price of
    R(n + c) trajectories, twice the trajectories halve the second part at the price of Rn; the
    better bargain is made, c standing for what a cell costs besides.
    """
    if worst.error <= target:
        return None
    realizations, trajectories = made
    more_r = random and realizations < most.realizations
    more_n = 0 < trajectories < most.trajectories
    if (not more_r and not more_n) or not math.isfinite(worst.error):
        return None
    excess = (worst.error / target) ** 2
    share = min((worst.trajectory / worst.error) ** 2, 1.0) if worst.error else 0.0
    if more_r and more_n:
        buys_r, buys_n = 1 / (trajectories + _OVERHEAD), share / trajectories
        more_n = buys_n > buys_r
        more_r = not more_n
    if more_r:
        wanted = math.ceil(realizations * min(excess * _MARGIN, _LARGEST_GROWTH))
        wanted = max(realizations + 1, -(-wanted // 4) * 4)
        return Extents(min(wanted, most.realizations), trajectories)
    # The rest, (1 − share) of the squared error, does not fall with more trajectories.
    left = 1 / excess - (1 - share)
    growth = share / left * _MARGIN if left > 0 else _LARGEST_GROWTH
    wanted = math.ceil(trajectories * min(growth, _LARGEST_GROWTH))
    unit = min(64, trajectories)
    wanted = max(trajectories + 1, -(-wanted // unit) * unit)
    return Extents(realizations, min(wanted, most.trajectories))
