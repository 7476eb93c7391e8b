"""From an experiment to its cells: one for each sweep point and realization. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.errors import InputError
from opendicke.experiment.experiment import Experiment, replace_all, value_key
from opendicke.measure.observables import RESERVED, find_observables
from opendicke.measure.terms import IsingDistributionTerm
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import Array, affordable
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import BYTES_PER_COUPLING, RandomDicke, affordable_couplings
from opendicke.model.state import ProductState
from opendicke.results.dataset import words

Place = tuple[int, ...]
"""Where a cell stands: its number along every sweep axis, and its realization."""


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
    plan = Plan.of(experiment)
    return (plan.cell(place) for place in itertools.product(*plan.places()))


@dataclass(frozen=True, eq=False)
class Plan:
    """The grid of an ensemble and what of it an experiment asks.

    A store grows: values once on an axis keep their places, later ones follow. So a cell is
    always found by the same numbers, and its keys are (seed, realization), whatever the grid.

    Parameters
    ----------
    experiment : Experiment
        What is asked.
    sweep : dict
        Path → all values on the axis, those asked and those that were there before.
    realizations : int
        The largest number of realizations of any point.
    """

    experiment: Experiment
    sweep: Mapping[str, list[Any]]
    realizations: int

    @classmethod
    def of(cls, experiment: Experiment, before: Plan | None = None) -> Plan:
        """The plan of an experiment, around what another one has on its axes."""
        sweep = {path: list(values) for path, values in experiment.sweep.items()}
        realizations = experiment.realizations
        if before is not None:
            for path, there in before.sweep.items():
                asked = sweep[path]
                # What is asked is at hand; of the rest there may be a description only.
                at_hand = {value_key(value): value for value in asked}
                kept = [at_hand.pop(value_key(value), value) for value in there]
                sweep[path] = [*kept, *at_hand.values()]
            sweep = {path: sweep[path] for path in before.sweep}
            realizations = max(realizations, before.realizations)
        return cls(experiment, sweep, realizations)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on every axis, realizations last."""
        return (*map(len, self.sweep.values()), self.realizations)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        names = axis_names(list(self.sweep))
        return (*(names[path] for path in self.sweep), "realization")

    def axes(self) -> dict[str, xr.Variable]:
        """The dimensions with their coordinates."""
        axes = {
            name: coordinate(name, path, values)
            for name, (path, values) in zip(self.names, self.sweep.items(), strict=False)
        }
        return axes | {"realization": xr.Variable(("realization",), np.arange(self.realizations))}

    def places(self) -> tuple[list[int], ...]:
        """Where on every axis the values asked stand, in the order in which they are asked."""
        swept = []
        for path, values in self.sweep.items():
            number = {value_key(value): k for k, value in enumerate(values)}
            swept.append([number[value_key(value)] for value in self.experiment.sweep[path]])
        return (*swept, list(range(self.experiment.realizations)))

    def asked(self) -> Array:
        """Which cells the experiment asks for."""
        mask = np.zeros(self.shape, dtype=bool)
        mask[np.ix_(*self.places())] = True
        return mask

    def coordinates(self, place: Place) -> dict[str, Any]:
        """Path → value, and the realization."""
        return {**self._values(place), "realization": int(place[-1])}

    def point(self, place: Place) -> Experiment:
        """The experiment at one point of the sweep."""
        return replace_all(self.experiment, self._values(place))

    def cell(self, place: Place) -> Cell:
        """The cell at a place, its model drawn."""
        point, realization = self.point(place), int(place[-1])
        key = (point.seed, realization)
        model = draw(point, realization)
        return Cell(self.coordinates(place), model, point.state, point.method, key)

    def _values(self, place: Place) -> dict[str, Any]:
        return {path: self.sweep[path][k] for path, k in zip(self.sweep, place, strict=False)}

    def points(self) -> list[Place]:
        """The first realization of every point asked."""
        return [(*swept, 0) for swept in itertools.product(*self.places()[:-1])]

    def groups(self, pending: Array) -> list[list[Place]]:
        """Pending cells in the order of the grid, in the groups that are computed together.

        A group is all that is pending of a block of fixed place, so that the same cells go
        together whoever computes them, and when.
        """
        block = block_shape(self.shape, self.experiment.method.together)
        found: dict[tuple[int, ...], list[Place]] = {}
        for place in map(tuple, np.argwhere(pending).tolist()):
            number = tuple(k // size for k, size in zip(place, block, strict=True))
            found.setdefault(number, []).append(place)
        return list(found.values())


def draw(point: Experiment, realization: int) -> DickeModel:
    """The model of one cell."""
    if isinstance(point.model, DickeModel):
        return point.model
    assert isinstance(point.model, RandomDicke)
    if point.thermodynamic:
        return point.model.thermodynamic()
    return point.model.draw(point.seed, realization)


def block_shape(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """Extents, powers of two, of blocks of about `size` cells, along the last axes first."""
    block = []
    for length in reversed(shape):
        most = 1 << max(length - 1, 0).bit_length()
        block.append(min(most, size))
        size = max(1, size // block[-1])
    return tuple(reversed(block))


def check_memory(experiment: Experiment, *, stored: bool = False) -> None:
    """Refuse, before the first draw, a grid that no memory would hold.

    Of a stored experiment, one member is there at a time.
    """
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
    total = largest = 0
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
        largest = max(largest, BYTES_PER_COUPLING * rows * modes + 16 * times * answers)
    most_spins, most_modes = map(max, zip(*sizes, strict=True))
    what = f"members of {most_spins} spins, {most_modes} modes and {times} times"
    if not stored:
        affordable("experiment", f"{members} {what}", total * (members // len(sizes)))
    affordable("experiment", what, largest)


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
"""Of what describes a member, whatever its size."""


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


def check_kinds(before: Plan, now: Plan) -> None:
    """Refuse an axis whose coordinates would change their kind.

    Raises
    ------
    InputError
        If numbers are added to words, or something else to either.
    """
    for path, values in now.sweep.items():
        kinds = [coordinate("x", path, each).dtype.kind for each in (before.sweep[path], values)]
        numbers = [kind in "iuf" for kind in kinds]
        if numbers[0] != numbers[1]:
            raise InputError(f"sweep.{path}", "go on with values of one kind", "mixed them")
