"""Run an experiment: all its cells, here or on a cluster, into memory or a store that survives."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, ValidityWarning, shown
from opendicke.experiment.campaign import Campaign, Ledger, pending
from opendicke.experiment.choosing import settled
from opendicke.experiment.estimate import Estimate, cost_of, survey, tell
from opendicke.experiment.executors import Executor, make_executor
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.plan import Plan, check_memory
from opendicke.experiment.stored import (
    blank_layout,
    finished,
    go_on,
    plan_at,
    run_stored,
    stored_experiment,
)
from opendicke.measure.raw import Status
from opendicke.methods.base import VALIDITY
from opendicke.model.checks import choice, integer
from opendicke.results.ensemble_memory import EnsembleMemory
from opendicke.results.ensemble_store import is_ensemble, load_ensemble
from opendicke.results.frames import public
from opendicke.results.store import check_writable, named, named_as_given, save


def run(
    experiment: Experiment,
    store: str | Path | None = None,
    *,
    client: Any = None,
    scheduler: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    validity: str = "refuse",
    progress: bool | None = None,
) -> xr.Dataset:
    """Run an experiment and label its results.

    With a Zarr store every finished cell is on disk at once. A run that was interrupted, even
    killed, goes on when it is run again, to the same bits; an experiment that asks for more
    realizations, trajectories or values of its sweep adds them to what is there.

    Parameters
    ----------
    experiment : Experiment
    store : path ending in `.zarr` or `.nc`, optional
        Where to save. A `.zarr` may hold a part of the same experiment already; results of another
        one are refused. A `.nc` is written when all is done.
    client : distributed.Client, optional
        Of a Dask cluster that computes the cells.
    scheduler : str, optional
        Or the address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.
    workers : int, optional
        Or so many processes of this machine. By default cells are computed one after the other,
        each by all cores.
    overwrite : bool
        Replace what is at `store`.
    validity : {"refuse", "warn", "ignore"}
        As in `solve`, for the first realization of every point before anything is computed. Later
        realizations at which the method refuses are recorded and left out.
    progress : bool, optional
        Show progress; by default on terminals, after two seconds.

    Returns
    -------
    xarray.Dataset
        Dimensions: those of the sweep, `realization`, `time`, and those of each observable.
        Stochastic methods add `X_stderr`, the standard error over the trajectories of each member,
        and `trajectories`. `status` says how each member ended. Answers in a Zarr store that exceed
        0.4 of the memory are read when they are used.

    Raises
    ------
    InputError, ValidityError
        Before anything is computed or written.
    StoreError
        If the store cannot be used, or the workers are lost. What is finished is kept.
    """
    if not isinstance(experiment, Experiment):
        raise InputError("experiment", "be an Experiment", f"was {shown(experiment)}")
    choice("validity", validity, VALIDITY)
    path = None if store is None else check_writable(store, overwrite=True)
    experiment, chosen = settled(experiment, validity, None if overwrite else path, progress)
    with make_executor(workers, scheduler, client) as executor:
        if path is not None and path.suffix == ".zarr":
            with named_as_given(path):
                dataset = run_stored(
                    experiment, path, executor, overwrite, validity, progress, chosen
                )
        else:
            dataset = _whole(experiment, path, executor, overwrite, validity, progress, chosen)
    _report(dataset)
    return dataset


def resume(
    store: str | Path,
    *,
    client: Any = None,
    scheduler: str | None = None,
    workers: int | None = None,
    validity: str = "refuse",
    retry_failed: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Go on with what a store was last asked for.

    Parameters
    ----------
    store : path
        A Zarr store that `run` began.
    client, scheduler, workers, validity, progress
        As in `run`.
    retry_failed : bool
        Compute members again whose computation raised an error or lost its worker.

    Returns
    -------
    xarray.Dataset
        As of `run`.

    Raises
    ------
    StoreError
        If there is no such store, or its experiment is one that no file can hold.
    """
    path = named(store)
    experiment = stored_experiment(path)
    with make_executor(workers, scheduler, client) as executor, named_as_given(path):
        dataset = go_on(experiment, path, executor, validity, progress, retry=retry_failed)
    _report(dataset)
    return dataset


def estimate(
    experiment: Experiment,
    store: str | Path | None = None,
    *,
    workers: int | None = None,
    validity: str = "warn",
) -> Estimate:
    """What is to be computed of an experiment, and what it costs, without computing it.

    Parameters
    ----------
    experiment : Experiment
    store : path, optional
        What is there already does not count.
    workers : int, optional
        Cells at a time; 1 by default.
    validity
        As in `run`.

    Returns
    -------
    Estimate
        Cells, time, memory and disk; its text is a sentence.

    Raises
    ------
    InputError, ValidityError, StoreError
        If it could not be run, or not with this store.
    """
    if not isinstance(experiment, Experiment):
        raise InputError("experiment", "be an Experiment", f"was {shown(experiment)}")
    path = None if store is None else named(store)
    experiment, chosen = settled(experiment, validity, path, progress=False)
    check_memory(experiment, stored=store is not None)
    plan = Plan.of(experiment)
    found = survey(plan, validity, advised=bool(chosen))
    layout = blank_layout(plan, found)
    mask = plan.asked()
    if path is not None and path.exists():
        if is_ensemble(path):
            with named_as_given(path):
                plan = Plan.of(experiment, plan_at(path, experiment))
                mask = pending(plan, Ledger.of_dataset(load_ensemble(path), plan.shape), validity)
        else:
            finished(path, experiment)  # all of it, or it would be refused
            mask = np.zeros_like(mask)
    at_once = 1 if workers is None else integer("workers", workers, least=1)
    return cost_of(plan, mask, found, layout, at_once)


def _whole(
    experiment: Experiment,
    path: Path | None,
    executor: Executor,
    overwrite: bool,
    validity: str,
    progress: bool | None,
    chosen: Mapping[str, Any],
) -> xr.Dataset:
    """Compute everything in memory, and save it at the end if there is a path."""
    if path is not None and path.exists() and not overwrite:
        return finished(path, experiment)
    check_memory(experiment)
    plan = Plan.of(experiment)
    found = survey(plan, validity, advised=bool(chosen))
    sink = EnsembleMemory(blank_layout(plan, found, chosen))
    tell(cost_of(plan, plan.asked(), found, sink.layout, executor.workers), progress)
    campaign = Campaign(plan, sink, executor, validity, progress)
    campaign.run()
    dataset = public(campaign.dataset())
    if path is not None:
        save(dataset, path, overwrite=overwrite)
    return dataset


def _report(dataset: xr.Dataset) -> None:
    """Say which members did not end well; they stay in the dataset, marked."""
    status = dataset["status"]
    bad = np.argwhere(status.values != Status.OK)
    if not len(bad):
        return
    counts = Counter(Status(int(code)).name.lower() for code in status.values[tuple(bad.T)])
    listing = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    first = tuple(bad[0].tolist())
    where = {
        str(dim): dataset[dim].values.tolist()[k] if dim in dataset.coords else k
        for dim, k in zip(status.dims, first, strict=True)
    }
    number = str(int(np.ravel_multi_index(first, status.shape)))
    message = json.loads(status.attrs["messages"]).get(number, "no reason is known")
    warnings.warn(
        f"{len(bad)} of {status.size} members did not end well ({listing}); the first, at {where}: "
        f"{message}.",
        ValidityWarning,
        stacklevel=3,
    )
