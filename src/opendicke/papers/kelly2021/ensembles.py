"""Disorder ensembles of kelly2021's model: from a point of a figure to a labelled dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from opendicke.experiment.experiment import Experiment
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model.couplings import Gaussian
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import ProductState
from opendicke.papers.catalogue import Desk
from opendicke.papers.kelly2021.scales import FIELD

Point = Mapping[str, float]
"""What tells the curves of a figure apart: alpha, sigma, frequency, and loss or part."""
USUAL = 10.0
"""α of Figs. 1 and 2."""
SPINS = ("sx", "sz")


def sizes(total: int, alpha: float) -> tuple[int, int]:
    """Spins and modes, N_s + N_b = N_t and N_b/N_s as near to alpha as integers allow."""
    spins = max(1, round(total / (1 + alpha)))
    return spins, total - spins


def random_model(point: Point, total: int) -> RandomDicke:
    """kelly2021 Eqs. (1), (2)."""
    spins, modes = sizes(total, point["alpha"])
    return RandomDicke(
        Gaussian(point["sigma"]),
        spins,
        modes,
        frequencies=point["frequency"],
        loss=point.get("loss", 0.0),
        field=FIELD,
        coupling_axis="x",
        field_axis="z",
    )


def displacement(point: Point, total: int) -> float:
    """A part of the paper's shift of every mode, 2N_s/√(N_t ω/h) ("Tuning the ratio")."""
    spins, _ = sizes(total, point["alpha"])
    whole = 2 * spins / math.sqrt(total * point["frequency"] / FIELD)
    return point.get("part", 0.0) * whole


def start(point: Point, total: int) -> ProductState:
    """All spins along the coupling axis; modes empty, or displaced alike."""
    shift = displacement(point, total)
    return ProductState.polarized("+x", displacement=shift) if shift else POLARIZED


POLARIZED = ProductState.polarized("+x")


def step_of(sigma: float) -> float:
    """A step at which errors of means are far below .002: 0.1, halved until at most 1/(4σ).

    The couplings turn spins by up to σ² per unit time, so that the step shrinks with σ; the figure
    `steps` measures what it does. It is given because trajectories are chaotic: pilots of a
    few cannot tell the means of two steps apart.
    """
    step = 0.1
    while step > 0.2501 / sigma:
        step /= 2
    return step


def trajectories_of(parameters: Mapping[str, Any], point: Point) -> int:
    """As many as the figure's parameters say at α = 10; fewer where more spins are averaged."""
    usual, _ = sizes(parameters["total"], USUAL)
    spins, _ = sizes(parameters["total"], point["alpha"])
    return max(1, round(int(parameters["trajectories"]) * usual / spins))


def experiment(
    parameters: Mapping[str, Any],
    point: Point,
    step: float | None = None,
    observables: Sequence[str] = SPINS,
) -> Experiment:
    """One curve: an ensemble over disorder, by truncated Wigner."""
    count = round(parameters["stop"] / parameters["interval"]) + 1
    trajectories = trajectories_of(parameters, point)
    return Experiment(
        model=random_model(point, parameters["total"]),
        state=start(point, parameters["total"]),
        times=np.linspace(0.0, parameters["interval"] * (count - 1), count),
        method=TruncatedWigner(
            trajectories=trajectories,
            step=step or step_of(point["sigma"]),
            precision=parameters["precision"],
        ),
        observables=list(observables),
        realizations=parameters["draws"],
        target_stderr=parameters.get("target_stderr"),
        most_trajectories=max(2, trajectories),
        seed=parameters["seed"],
    )


@dataclass(frozen=True)
class DeskPart:
    """A desk whose progress goes from `low` to `high` of another's."""

    desk: Desk
    low: float
    high: float

    def _share(self, share: float) -> float:
        return self.low + (self.high - self.low) * share

    def __call__(self, share: float, text: str) -> None:
        self.desk(self._share(share), text)

    def run(
        self, name: str, experiment: Experiment, share: tuple[float, float] = (0.0, 1.0)
    ) -> xr.Dataset:
        """As that of the other desk."""
        return self.desk.run(name, experiment, (self._share(share[0]), self._share(share[1])))


def label(point: Point) -> str:
    """A name for a store, from all that the point says."""
    return "_".join(f"{name}{value:g}" for name, value in point.items())


def gathered(
    desk: Desk,
    figure: str,
    parameters: Mapping[str, Any],
    points: Sequence[Point],
    observables: Sequence[str] = SPINS,
) -> xr.Dataset:
    """Ensembles of all points of a figure along the dimension `curve`.

    With a `target_stderr` among the parameters, curves have as many realizations as they need.

    Returns
    -------
    xarray.Dataset
        The observables and their standard errors over trajectories, (curve, realization, time), NaN
        and status 0 where a curve has fewer realizations than others; the
        coordinates of every curve, its spins and modes, and `period` of the modes.
    """
    kept = [*observables, *(f"{name}_stderr" for name in observables), "status"]
    found = []
    for number, point in enumerate(points):
        share = (number / len(points), (number + 1) / len(points))
        asked = experiment(parameters, point, observables=observables)
        made = desk.run(f"{figure}_{label(point)}", asked, share)
        found.append(made[kept].drop_attrs(deep=False).load())
    whole = xr.concat(
        found,
        "curve",
        data_vars="all",
        combine_attrs="override",
        join="outer",
        fill_value={"status": 0} | {name: np.nan for name in kept if name != "status"},
    )
    return whole.assign_coords(coordinates(parameters["total"], points))


def over_draws(data: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean over realizations, and its standard error; NaN is left out."""
    count = np.sqrt(data.notnull().sum("realization"))
    return data.mean("realization"), data.std("realization", ddof=1) / count


def coordinates(total: int, points: Sequence[Point]) -> dict[str, Any]:
    """What the curves are of."""
    names = list(dict.fromkeys(name for point in points for name in point))
    units = {"sigma": "√h", "frequency": "h", "loss": "h"}
    made: dict[str, Any] = {
        name: ("curve", [point.get(name, 0.0) for point in points], _about(units.get(name)))
        for name in names
    }
    both = [sizes(total, point["alpha"]) for point in points]
    made["spins"] = ("curve", [spins for spins, _ in both])
    made["modes"] = ("curve", [modes for _, modes in both])
    made["period"] = (
        "curve",
        [2 * math.pi / point["frequency"] for point in points],
        _about("1/h"),
    )
    return made


def _about(unit: str | None) -> dict[str, str]:
    return {} if unit is None else {"units": unit}
