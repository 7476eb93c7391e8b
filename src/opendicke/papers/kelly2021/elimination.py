"""Eqs. (3), (5) and (6) of kelly2021: what the modes do along classical trajectories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_window import period_average
from opendicke.measure.observables import observable
from opendicke.measure.terms import QuadratureTerm
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel, eliminate
from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.kelly2021.ensembles import (
    POLARIZED,
    DeskPart,
    Point,
    experiment,
    gathered,
    random_model,
    step_of,
)
from opendicke.papers.kelly2021.scales import FIELD
from opendicke.solving import solve, trajectories

_SAMPLES = 16
"""Output times in a period of the modes."""
_PERIODS = 60
"""Of the modes, that are followed at most: what is averaged does not change later."""


def _couplings(model: DickeModel | IsingModel) -> Array:
    assert isinstance(model, DickeModel)
    return np.asarray(model.couplings)


@observable(
    "field_of_modes", dims=("spin",), unit="energy", long_name="field of the modes on each spin"
)
def _field(model: DickeModel | IsingModel) -> QuadratureTerm:
    """Σ_λ g (a + a†): what the coupling turns a spin with."""
    return QuadratureTerm(_couplings(model))


@observable(
    "other_quadrature",
    dims=("spin",),
    unit="energy",
    long_name="the same sum of the other quadrature",
)
def _other(model: DickeModel | IsingModel) -> QuadratureTerm:
    """−i Σ_λ g (a − a†)."""
    return QuadratureTerm(_couplings(model), angle=math.pi / 2)


def make_elimination(scale: Scale, desk: Desk) -> xr.Dataset:
    """How well Eq. (5) describes the modes, and the relaxation beside that of Eq. (3), over ω.

    Returns
    -------
    xarray.Dataset
        Along `curve` (frequencies): root mean squares over spins, trajectories and times of the
        field of the modes, of its two terms in Eq. (5), and of what these leave, at once and
        averaged over a period; `sx` of ensembles with modes, and `eliminated` for Eq. (3).
    """
    parameters = scale.parameters["elimination"]
    points = parameters["points"]
    found = []
    for number, point in enumerate(points):
        desk(0.4 * number / len(points), f"ω = {point['frequency']:g}: trajectories")
        found.append(_residuals(parameters, point))
    many = parameters["curves"]
    curves = gathered(DeskPart(desk, 0.4, 0.9), "elimination", many, points)
    eliminated = eliminated_curves(desk, many, points[0], "keep", (0.9, 1.0))
    return curves.merge(xr.concat(found, "curve")).assign(
        eliminated=eliminated["sx"], eliminated_stderr=eliminated["sx_stderr"]
    )


def _residuals(parameters: Mapping[str, Any], point: Point) -> xr.Dataset:
    r"""Field φ of the modes and its partner ψ, beside what Eq. (5) says of both.

    .. math::
        \varphi_j = \sum_\lambda g_{j\lambda}(a_\lambda + a^\dagger_\lambda) \approx
        -\frac2\omega\sum_k G_{jk}x_k, \qquad
        \psi_j = -i\sum_\lambda g_{j\lambda}(a_\lambda - a^\dagger_\lambda) \approx
        -\frac{2}{\omega^2}\sum_k G_{jk}\dot x_k, \qquad G = gg^T,

    with :math:`\dot x = -2h\,y` in the axes of kelly2021.
    """
    frequency = point["frequency"]
    period = 2 * math.pi / frequency
    stop = min(parameters["stop"], _PERIODS * period)
    times = np.linspace(0.0, stop, max(33, round(stop / period * _SAMPLES) + 1))
    asked = ["field_of_modes", "other_quadrature", "sx_spin", "sy_spin"]
    method = TruncatedWigner(parameters["trajectories"], step=step_of(point["sigma"]))
    sums: dict[str, list[float]] = {}
    for realization in range(parameters["draws"]):
        model = random_model(point, parameters["total"]).draw(parameters["seed"], realization)
        gram = model.couplings @ model.couplings.T
        runs, _ = trajectories(
            model, POLARIZED, times, method, asked, parameters["seed"], validity="ignore",
            progress=False,
        )  # fmt: skip
        field, other, along, across = (
            np.moveaxis(runs[name].transpose("time", ...).values, 0, -1) for name in asked
        )
        leading = -2 / frequency * _product(gram, along)
        next_one = -2 / frequency**2 * _product(gram, -2 * FIELD * across)
        for name, values in (
            ("field", field),
            ("leading", leading),
            ("left", field - leading),
            ("other", other),
            ("next", next_one),
            ("other_left", other - next_one),
        ):
            averaged = period_average(times, values.reshape(-1, len(times)), period)[1]
            sums.setdefault(name, []).append(float(np.mean(values**2)))
            sums.setdefault(f"{name}_averaged", []).append(float(np.mean(averaged**2)))
    about = {"units": "h"}
    return xr.Dataset(
        {name: ((), math.sqrt(np.mean(squares)), about) for name, squares in sums.items()}
    )


def _product(gram: Array, values: Array) -> Array:
    """Σ_k G_jk v_k of values (trajectory, spin, time)."""
    return np.asarray(np.einsum("jk,ikt->ijt", gram, values))


def eliminated_curves(
    desk: Desk,
    parameters: Mapping[str, Any],
    point: Point,
    self_interaction: str,
    share: tuple[float, float],
) -> xr.Dataset:
    """The same ensemble with the modes eliminated, kelly2021 Eq. (3): `sx` and `sz`.

    `self_interaction` is "keep" (terms j = k on classical spins, as in the paper) or "drop".
    """
    asked = experiment(parameters, point)
    random = random_model(point, parameters["total"])
    made = []
    for realization in range(asked.realizations):
        part = realization / asked.realizations
        desk(share[0] + (share[1] - share[0]) * part, f"eliminated, {self_interaction}")
        made.append(
            solve(
                eliminate(random.draw(asked.seed, realization), self_interaction=self_interaction),
                POLARIZED,
                asked.times,
                asked.method,
                ["sx", "sz"],
                asked.seed + 1 + realization,
                validity="ignore",
                progress=False,
            )[["sx", "sx_stderr", "sz", "sz_stderr"]].drop_attrs(deep=False)
        )
    return xr.concat(made, "realization", combine_attrs="override")
