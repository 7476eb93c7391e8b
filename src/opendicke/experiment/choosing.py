"""Advice for a whole experiment, and the one method that "auto" stands for in it."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.advising.asking import TARGET, beyond, check_target, concluded, judged, merged
from opendicke.advising.choosing import CHOICE, CHOSEN_FOR, choice_of, told
from opendicke.advising.opinions import Advice, python_of
from opendicke.errors import InputError, ValidityWarning, shown
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.plan import Place, Plan
from opendicke.experiment.reading import build_method
from opendicke.experiment.stored import attributes_at
from opendicke.measure.observables import find_observables
from opendicke.methods.auto import Auto

_POINTS = 6
"""Points of a sweep that are looked at, the first and the last among them."""
_DRAWS = 3
"""Realizations at the first of them; at the others it is one."""
_LARGE = 200_000
"""Couplings from which on two members are looked at in all."""


def advise_experiment(experiment: Experiment, target_error: float | None = None) -> Advice:
    """Which methods hold for an experiment, why, and what they cost.

    Parameters
    ----------
    experiment : Experiment
        Its own method does not matter, but for the error it may have where it is "auto".
    target_error : float, optional
        The largest error that a valid method may have, as in `advise`.

    Returns
    -------
    Advice
        The worst opinion over a few members counts; times are those of all members together.

    Raises
    ------
    InputError
        If it is no experiment, or the target out of range.
    """
    if not isinstance(experiment, Experiment):
        raise InputError("experiment", "be an Experiment", f"was {shown(experiment)}")
    if target_error is None:
        own = experiment.method
        target_error = own.target_error if isinstance(own, Auto) else TARGET
    target = check_target(target_error)
    swept = {path: v for path, v in experiment.sweep.items() if not path.startswith("method.")}
    plan = Plan.of(dataclasses.replace(experiment, sweep=swept))
    asked = find_observables(experiment.observables)
    places, cells = _looked_at(plan), int(plan.asked().sum())
    every, sizes = [], []
    for place in places:
        cell = plan.cell(place)
        sizes.append((cell.model.spins, cell.model.modes))
        every.append(judged(cell.model, cell.state, experiment.times, asked, target))
    notes: tuple[str, ...] = ()
    if cells > 1:
        notes = (
            f"Of {cells:,} members {len(places)} were looked at, over the sweep and the draws; "
            "the worst counts, and times are those of all members, one after the other",
        )
    span = float(experiment.times[-1] - experiment.times[0])
    question = (
        f"{_range([n for n, _ in sizes], 'spin')}, {_range([m for _, m in sizes], 'mode')}; "
        f"{_range([len(experiment.times)], 'time')} over {span:.4g}; to be valid is "
        f"to deviate from exact by at most the error, {target:g} or less"
    )
    return concluded(merged(every, cells), question, target, (*notes, *beyond(asked)))


def settled(
    experiment: Experiment,
    validity: str,
    path: Path | None = None,
    progress: bool | None = None,
) -> tuple[Experiment, dict[str, Any]]:
    """The experiment with the method that "auto" stands for, and what results keep of the choice.

    Parameters
    ----------
    experiment : Experiment
    validity : {"refuse", "warn", "ignore"}
    path : Path, optional
        Where results may be that are gone on with: their method is kept, with a warning where it
        was chosen for larger errors than are asked for now.
    progress : bool, optional
        False: do not say on standard error what was chosen.

    Raises
    ------
    InputError
        If settings of the method are swept.
    ValidityError
        If nothing is valid.
    """
    if not isinstance(experiment.method, Auto):
        return experiment, {}
    for swept in experiment.sweep:
        if swept.startswith("method."):
            raise InputError(f"sweep.{swept}", "come with a named method", 'the method was "auto"')
    there = None if path is None else attributes_at(path)
    if there is not None and "method" in (made := json.loads(there["experiment"])):
        method = build_method(made["method"])
        kept = {name: there[name] for name in (CHOICE, CHOSEN_FOR) if name in there}
        told(f"{python_of(method)}, with which `{path}` was begun", progress)
        if kept.get(CHOSEN_FOR, 0.0) > experiment.method.target_error and validity != "ignore":
            warnings.warn(
                f"`{path}` keeps its method, chosen for errors up to {kept[CHOSEN_FOR]:g}, not "
                f"{experiment.method.target_error:g}; overwrite it to have another.",
                ValidityWarning,
                stacklevel=3,
            )
        return dataclasses.replace(experiment, method=method), kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        advice = advise_experiment(experiment)
    choice = choice_of(advice, validity, progress)
    return dataclasses.replace(experiment, method=choice.method), choice.attributes


def _looked_at(plan: Plan) -> list[Place]:
    """A few members: over the sweep, and over realizations at its first point."""
    points = plan.points()
    model = plan.experiment.model
    large = (model.spins or 0) * (model.modes or 0) > _LARGE
    count = min(len(points), 2 if large else _POINTS)
    chosen = [
        points[k] for k in np.unique(np.linspace(0, len(points) - 1, count).round(0)).astype(int)
    ]
    more = 0 if large else min(plan.experiment.realizations, _DRAWS) - 1
    return [*chosen, *((*chosen[0][:-1], k + 1) for k in range(more))]


def _range(values: list[int], what: str) -> str:
    low, high = min(values), max(values)
    many = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{many} {what}{'' if high == 1 else 's'}"
