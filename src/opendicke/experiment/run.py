"""Run an experiment: all its cells, in as few compiled programs as their shapes allow."""

from __future__ import annotations

import dataclasses
import json
import time as clock
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import xarray as xr

from opendicke.errors import InputError, StoreError, ValidityWarning, shown
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.plan import Cell, cells, check_memory, grid
from opendicke.experiment.reading import as_in_files
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import enforce
from opendicke.model.couplings import Fixed
from opendicke.model.reduce import Problem, reduce
from opendicke.progress import Bar
from opendicke.results.dataset import as_json, describe, to_dataset
from opendicke.results.store import check_writable, load, save
from opendicke.solving import check_question, provenance_of


def run(
    experiment: Experiment,
    store: str | Path | None = None,
    *,
    overwrite: bool = False,
    validity: str = "refuse",
    progress: bool | None = None,
) -> xr.Dataset:
    """Run an experiment and label its results.

    Parameters
    ----------
    experiment : Experiment
    store : path ending in `.zarr` or `.nc`, optional
        Where to save. If it already holds the results of the same experiment they are returned
        as they are; anything else there is refused.
    overwrite : bool
        Replace what is at `store`, once the new results are complete.
    validity : {"refuse", "warn", "ignore"}
        As in `solve`; each distinct verdict is reported once.
    progress : bool, optional
        Show a progress bar; by default on terminals, after two seconds.

    Returns
    -------
    xarray.Dataset
        Dimensions: those of the sweep, `realization`, `time`, and those of each observable.
        `status` says how each member ended.

    Raises
    ------
    InputError, ValidityError, StoreError
        Before anything is computed or written.
    """
    if not isinstance(experiment, Experiment):
        raise InputError("experiment", "be an Experiment", f"was {shown(experiment)}")
    identity = describe_experiment(experiment)
    if store is not None:
        path = check_writable(store, overwrite=True)
        if path.exists() and not overwrite:
            return _finished(path, identity)
    check_memory(experiment)
    asked = find_observables(experiment.observables)
    start = clock.perf_counter()
    with Bar(type(experiment.method).__name__, enabled=progress) as bar:
        bar(0.0, "drawing")
        members = list(cells(experiment))
        problems = _problems(members, experiment, validity, bar)
        raws = _solve(members, problems, experiment.times, asked, bar)
    provenance = provenance_of(
        identity,
        device=experiment.method.device(),
        seed=experiment.seed,
        seconds=clock.perf_counter() - start,
    )
    _report(raws, members)
    dataset = to_dataset(
        raws, grid(experiment), asked, experiment.times, members[0].model, provenance
    )
    if store is not None:
        save(dataset, store, overwrite=overwrite)
    return dataset


_PREPARING = 0.05
"""Share of the progress bar for drawing and reducing."""


def describe_experiment(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain data: the tables of its file where it has one."""
    try:
        table = experiment.to_table()
        given = experiment.model.couplings
        if isinstance(given, Fixed) and given.path:  # what the file holds counts, not its place
            place = {"path": Path(given.path).name, "content": describe(given.array)}
            table["model"]["couplings"] |= place
    except InputError:  # a model that no file can hold
        fields = dataclasses.fields(experiment)
        table = {item.name: describe(getattr(experiment, item.name)) for item in fields}
    described: dict[str, Any] = json.loads(as_json(describe(table)))
    return described


def _finished(store: Path, identity: dict[str, Any]) -> xr.Dataset:
    """What is at `store`, if it is the result of the same experiment."""
    dataset = load(store)
    if json.loads(dataset.attrs["experiment"]) != identity:
        raise StoreError(
            f"`{store}` holds the results of another experiment; "
            "choose another path or ask to overwrite it."
        )
    return dataset


def _problems(
    members: list[Cell], experiment: Experiment, validity: str, bar: Bar
) -> list[Problem]:
    """Reduce every cell; each distinct verdict is enforced once."""
    problems, seen = [], set()
    for number, cell in enumerate(members):
        bar(_PREPARING * number / len(members), "reducing")
        check_question(cell.model, cell.state, cell.method, experiment.observables)
        problem = as_in_files(reduce, cell.model, cell.state)
        assessment = cell.method.assess(problem, experiment.times)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            enforce(cell.method, assessment, validity)
        for warning in caught:
            text = str(warning.message)
            if text not in seen:
                seen.add(text)
                warnings.warn(text, ValidityWarning, stacklevel=3)
        problems.append(problem)
    return problems


def _solve(
    members: list[Cell], problems: list[Problem], times: Any, asked: Any, bar: Bar
) -> list[Raw]:
    """Cells of equal method settings go to the method together."""
    raws: dict[int, Raw] = {}
    by_method: dict[Any, list[int]] = {}
    for i, cell in enumerate(members):
        by_method.setdefault(cell.method, []).append(i)
    for number, (method, chosen) in enumerate(by_method.items()):

        def report(share: float, text: str = "", number: int = number) -> None:
            solved = (number + share) / len(by_method)
            bar(_PREPARING + (1 - _PREPARING) * solved, text)

        keys = [members[i].key for i in chosen]
        made = method.run_many([problems[i] for i in chosen], times, asked, keys, report)
        raws.update(zip(chosen, made, strict=True))
    return [raws[i] for i in range(len(members))]


def _report(raws: list[Raw], members: list[Cell]) -> None:
    """Say which members did not end well; they stay in the dataset, marked."""
    bad = [i for i, raw in enumerate(raws) if raw.status is not Status.OK]
    if bad:
        kinds = Counter(raws[i].status.name.lower() for i in bad)
        listing = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        warnings.warn(
            f"{len(bad)} of {len(raws)} members did not end well ({listing}); the first, at "
            f"{members[bad[0]].coordinates}: {raws[bad[0]].message}.",
            ValidityWarning,
            stacklevel=3,
        )
