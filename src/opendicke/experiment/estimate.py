"""What an experiment costs, before it is run."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass

import numpy as np

from opendicke.errors import ValidityWarning
from opendicke.experiment.plan import Place, Plan
from opendicke.experiment.reading import as_in_files
from opendicke.measure.observables import Observable, find_observables
from opendicke.methods.base import Assessment, Verdict, enforce
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.reduce import reduce
from opendicke.results.ensemble_layout import Layout
from opendicke.solving import check_question


@dataclass(frozen=True, eq=False)
class Survey:
    """What the first realization of every point tells of all of them."""

    model: DickeModel
    """One of the models, for labels."""
    observables: tuple[Observable, ...]
    shapes: dict[str, tuple[int, ...]]
    """Largest shape of each answer, without time."""
    assessments: dict[Place, Assessment]
    """Verdicts and costs by point."""


def survey(
    plan: Plan, validity: str, pending: Array | None = None, *, advised: bool = False
) -> Survey:
    """Check the question at every point, and judge the method there.

    With `pending`, cells that are to be computed, only at points that have some. Where the method
    is `advised`, its own doubts are not told: advice has looked more closely.

    Raises
    ------
    InputError, ValidityError
        If the question makes no sense, or the method refuses.
    """
    experiment = plan.experiment
    asked = find_observables(experiment.observables)
    shapes: dict[str, tuple[int, ...]] = {}
    assessments: dict[Place, Assessment] = {}
    first: DickeModel | None = None
    said: set[str] = set()
    points = plan.points()
    if pending is not None:
        points = [place for place in points if pending[place[:-1]].any()] or points[:1]
    for place in points:
        cell = plan.cell(place)
        first = first or cell.model
        as_in_files(check_question, cell.model, cell.state, cell.method, experiment.observables)
        problem = as_in_files(reduce, cell.model, cell.state)
        assessment = assessments[place] = cell.method.assess(problem, experiment.times)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if not advised or assessment.verdict is Verdict.INVALID:
                enforce(cell.method, assessment, validity)
        for text in dict.fromkeys(str(warning.message) for warning in caught):
            if text not in said:
                said.add(text)
                warnings.warn(text, ValidityWarning, stacklevel=4)
        for item in asked:
            shape = item.shape(cell.model)
            before = shapes.get(item.name, shape)
            shapes[item.name] = tuple(map(max, before, shape))
    assert first is not None
    return Survey(first, asked, shapes, assessments)


@dataclass(frozen=True)
class Estimate:
    """Rough cost of what is still to be computed of an experiment."""

    cells: int
    """Sweep points × realizations."""
    pending: int
    """Of these, not yet computed."""
    seconds: float
    """Time on this machine."""
    memory: float
    """Bytes of one cell while it is computed."""
    disk: float
    """Bytes of all cells, before compression."""

    def __str__(self) -> str:
        still = "" if self.pending == self.cells else f", {self.pending} of them to be computed"
        return (
            f"{self.cells} cells{still}: about {_duration(self.seconds)}, "
            f"{_bytes(self.memory)} of memory, {_bytes(self.disk)} on disk"
        )


def cost_of(plan: Plan, pending: Array, found: Survey, layout: Layout, workers: int) -> Estimate:
    """Add up the costs of the pending cells.

    Parameters
    ----------
    plan : Plan
    pending : array of bool
        Over the grid of the plan.
    found : Survey
    layout : Layout
        Of the store.
    workers : int
        Cells that are computed at a time.
    """
    seconds = sum(
        int(pending[place[:-1]].sum()) * assessment.seconds
        for place, assessment in found.assessments.items()
    )
    memory = max((each.memory for each in found.assessments.values()), default=0.0)
    numbers = sum(
        math.prod(layout.extents.get(dim, 1) for dim in variable.dims)
        for variable in layout.variables.values()
    )
    cells = int(plan.asked().sum())
    return Estimate(
        cells,
        int(np.count_nonzero(pending)),
        seconds / max(workers, 1),
        memory,
        8.0 * numbers * cells + _RECORD_BYTES * cells,
    )


_RECORD_BYTES = 300


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{max(seconds, 1):.0f} s"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.2g} {unit}"
    return f"{max(count / 1e3, 1):.0f} kB"


_LONG = 60.0
"""Seconds from which on the cost is told beforehand."""


def tell(cost: Estimate, progress: bool | None) -> None:
    """Say what a long run costs before it begins."""
    wanted = sys.stderr.isatty() if progress is None else progress
    if cost.seconds > _LONG and wanted:
        sys.stderr.write(f"{cost}\n")
