"""From an experiment to its cells: one for each sweep point and realization. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.experiment.experiment import Experiment, replace_at
from opendicke.methods.base import AbstractMethod
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import ProductState
from opendicke.results.dataset import RESERVED, words


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
        names[path]: _coordinate(names[path], path, values)
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


def _coordinate(name: str, path: str, values: Sequence[Any]) -> Any:
    """Numbers and words label an axis themselves; anything else is numbered."""
    attributes: dict[str, Any] = {"long_name": path}
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if numbers:
        return xr.Variable((name,), np.array(values), attributes)
    if all(isinstance(v, str) for v in values):
        return words(name, values, attributes)
    attributes["values"] = str(values)
    return xr.Variable((name,), np.arange(len(values)), attributes)
