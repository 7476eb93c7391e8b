"""From an experiment to its cells: one for each sweep point and realization. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.experiment.experiment import Experiment, replace_at
from opendicke.measure.observables import RESERVED, find_observables
from opendicke.measure.terms import IsingDistributionTerm
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import affordable
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import BYTES_PER_COUPLING, RandomDicke, affordable_couplings
from opendicke.model.state import ProductState
from opendicke.results.dataset import words


class Cell(NamedTuple):
    """One member of an experiment."""

    coordinates: dict[str, Any]
    """Sweep path → value, and "realization"."""
    model: DickeModel
    state: ProductState
    method: AbstractMethod
    key: tuple[int, int]
    """(seed, realization)."""


def cells(experiment: Experiment) -> Iterator[Cell]:
    """All cells, the last sweep axis and then the realizations running fastest."""
    for values in itertools.product(*experiment.sweep.values()):
        point = experiment
        for path, value in zip(experiment.sweep, values, strict=True):
            point = replace_at(point, path, value)
        for realization in range(experiment.realizations):
            coordinates = dict(zip(experiment.sweep, values, strict=True))
            yield Cell(
                coordinates | {"realization": realization},
                _draw(point, realization),
                point.state,
                point.method,
                (experiment.seed, realization),
            )


def check_memory(experiment: Experiment) -> None:
    """Refuse, before the first draw, a grid whose couplings and answers no memory would hold."""
    lengths = [len(values) for values in experiment.sweep.values()]
    members = math.prod(lengths) * experiment.realizations
    affordable("experiment", f"{members} members", members * _BYTES_PER_MEMBER)
    model, times = experiment.model, len(experiment.times)
    asked = find_observables(experiment.observables)
    sizes = list(
        itertools.product(
            experiment.sweep.get("model.spins", [model.spins]),
            experiment.sweep.get("model.modes", [model.modes]),
        )
    )
    total = 0
    for spins, modes in sizes:
        rows = _rows(experiment, spins, modes)
        affordable_couplings(rows, modes)
        extents = {
            "spin": rows,
            "other_spin": rows,
            "mode": modes,
            "pattern": modes,
            "energy_bin": IsingDistributionTerm().bins,
            "configuration": 2 ** min(rows, 60),
        }
        answers = sum(math.prod(extents.get(dim, 1) for dim in item.dims) for item in asked)
        total += BYTES_PER_COUPLING * rows * modes + 16 * times * answers
    most_spins, most_modes = map(max, zip(*sizes, strict=True))
    affordable(
        "experiment",
        f"{members} members of {most_spins} spins, {most_modes} modes and {times} times",
        total * (members // len(sizes)),
    )


def _rows(experiment: Experiment, spins: int, modes: int) -> int:
    """Rows of couplings of one member; too many of a limit are refused when they are made."""
    model = experiment.model
    if not experiment.thermodynamic or not isinstance(model, RandomDicke):
        return spins
    if model.couplings.matrix() is not None:
        return spins
    choices = len(model.couplings.levels().values)
    rows: int = min(choices ** min(modes, 1000), 2**27 // modes)
    return rows


_BYTES_PER_MEMBER = 10_000
"""Of the objects that describe a member, whatever its size."""


def _draw(point: Experiment, realization: int) -> DickeModel:
    if isinstance(point.model, DickeModel):
        return point.model
    assert isinstance(point.model, RandomDicke)
    if point.thermodynamic:
        return point.model.thermodynamic()
    return point.model.draw(point.seed, realization)


def grid(experiment: Experiment) -> dict[str, Any]:
    """The dimensions of the experiment with their coordinates, in the order of the cells."""
    names = axis_names(list(experiment.sweep))
    axes = {
        names[path]: coordinate(names[path], path, values)
        for path, values in experiment.sweep.items()
    }
    realizations = xr.Variable(("realization",), np.arange(experiment.realizations))
    return axes | {"realization": realizations}


def axis_names(paths: list[str]) -> dict[str, str]:
    """Short dimension names: the last part of a path, or all of it where that is ambiguous."""
    last = [path.split(".")[-1] for path in paths]
    return {
        path: path.replace(".", "_") if last.count(name) > 1 or name in RESERVED else name
        for path, name in zip(paths, last, strict=True)
    }


def coordinate(name: str, path: str, values: Sequence[Any]) -> Any:
    """Numbers and words label an axis themselves; anything else is numbered."""
    attributes: dict[str, Any] = {"long_name": path}
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if numbers:
        return xr.Variable((name,), np.array(values), attributes)
    if all(isinstance(v, str) for v in values):
        return words(name, values, attributes)
    attributes["values"] = str(values)
    return xr.Variable((name,), np.arange(len(values)), attributes)
