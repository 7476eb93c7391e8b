"""Figs. 2, S1 and S2: couplings drawn at random, and the large spins that they form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.model.couplings import Binary, Discrete
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.papers.catalogue import Progress, Scale

_STRENGTH = 1.0


def make_fig2(scale: Scale, progress: Progress) -> xr.Dataset:
    """carollo2021 Fig. 2: with the gauge that makes the first pattern all +1."""
    return _mapping(scale.parameters["fig2"], progress, gauge=True)


def make_figS1(scale: Scale, progress: Progress) -> xr.Dataset:  # noqa: N802 (the paper's name)
    """carollo2021 Fig. S1: without gauge."""
    return _mapping(scale.parameters["figS1"], progress, gauge=False)


def make_figS2(scale: Scale, progress: Progress) -> xr.Dataset:  # noqa: N802 (the paper's name)
    """carollo2021 Fig. S2: couplings of several values with unequal probabilities."""
    return _mapping(scale.parameters["figS2"], progress, gauge=False)


def _mapping(parameters: Mapping[str, Any], progress: Progress, *, gauge: bool) -> xr.Dataset:
    """A small example in full, and the sizes of the groups of larger systems.

    Every group of the limit N → ∞ has its place along the dimension `group`, in the order of the
    paper (first pattern first, values in the order given); one that a drawn matrix does not hold
    has the size 0.
    """
    limit = _groups(_ensemble(parameters, 1).thermodynamic(), gauge)
    rows, shares = limit["rows"], limit["sizes"]
    order = _in_order(rows, parameters.get("values", [1.0, -1.0]))
    rows, shares = rows[order], shares[order]
    spins = int(parameters["spins"])
    small = _groups(_ensemble(parameters, spins).draw(parameters["seed"]), gauge)
    place = _places(small["rows"], rows)
    sizes, draws = list(parameters["sizes"]), int(parameters["draws"])
    counts = np.zeros((len(sizes), draws, len(rows)), dtype=int)
    for k, size in enumerate(sizes):
        for draw in range(draws):
            progress((k * draws + draw) / (len(sizes) * draws), f"{size} spins")
            model = _ensemble(parameters, size).draw(parameters["seed"], draw)
            found = _groups(model, gauge)
            counts[k, draw, _places(found["rows"], rows)] = found["sizes"]
    return xr.Dataset(
        {
            "G": (("pattern", "spin"), small["values"].T, {"long_name": "couplings as drawn"}),
            "gauge": (("spin",), small["sign"], {"long_name": "sign of the gauge"}),
            "member": (("spin",), place[small["member"]], {"long_name": "large spin of each spin"}),
            "f": (("pattern", "group"), rows.T, {"long_name": "couplings of large spins"}),
            "share": (("group",), shares, {"long_name": "expected share of spins"}),
            "count": (
                ("group",),
                np.bincount(place[small["member"]], minlength=len(rows)),
                {"long_name": "spins of each group, small example"},
            ),
            "large_count": (
                ("spins", "draw", "group"),
                counts,
                {"long_name": "spins of each group"},
            ),
        },
        {"spins": np.array(sizes)},
        {"gauged": int(gauge)},
    )


def _ensemble(parameters: Mapping[str, Any], spins: int) -> RandomDicke:
    values = parameters.get("values")
    couplings = (
        Binary(_STRENGTH)
        if values is None
        else Discrete(values, parameters["probabilities"], strength=_STRENGTH)
    )
    return RandomDicke(couplings, spins, parameters["modes"], frequencies=1.0)


def _groups(model: DickeModel, gauge: bool) -> dict[str, Array]:
    """The groups that the library's reduction finds, in units of g₀/√N, and their members."""
    state = ProductState.polarized("+z")
    problem = reduce(model, state, gauge=gauge, bright=False, pad=False)
    scale = _STRENGTH / (1.0 if model.thermodynamic else np.sqrt(model.spins))
    return {
        "values": np.round(model.couplings / scale, 12),
        "rows": np.round(problem.couplings / scale, 12),
        "sizes": problem.weights,
        "member": problem.spin_lift.group,
        "sign": problem.spin_lift.sign,
    }


def _in_order(rows: Array, values: list[float]) -> Array:
    """Rows sorted by the first pattern, then the second, …; values in the order given."""
    rank = {round(value, 12): k for k, value in enumerate(values)}
    keys = np.array([[rank[value] for value in row] for row in rows.tolist()])
    return np.lexsort(keys.T[::-1])


def _places(rows: Array, among: Array) -> Array:
    """Where each of `rows` stands `among` all."""
    return np.asarray((rows[:, None, :] == among[None]).all(axis=2).argmax(axis=1))
