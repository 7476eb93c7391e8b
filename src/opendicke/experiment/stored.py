"""Experiments in stores: begun, gone on with, made larger, read."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.advising.choosing import CHOICE, CHOSEN_FOR
from opendicke.errors import InputError, StoreError, ValidityWarning
from opendicke.experiment.campaign import (
    Campaign,
    Ledger,
    extents_of,
    pending,
    plan_attributes,
    selected,
    stored_extents,
    stored_plan,
    with_extents,
)
from opendicke.experiment.estimate import Survey, cost_of, survey, tell
from opendicke.experiment.executors import Executor
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.identity import describe_experiment, difference, essence, identity
from opendicke.experiment.plan import Plan, check_kinds, check_memory
from opendicke.experiment.reading import parse_parts
from opendicke.experiment.rounds import Extents
from opendicke.model.checks import machine_memory
from opendicke.results import ensemble_metadata as metadata
from opendicke.results import ensemble_place as place
from opendicke.results.dataset import FORMAT, as_json
from opendicke.results.ensemble_files import told
from opendicke.results.ensemble_layout import Layout
from opendicke.results.ensemble_store import (
    EnsembleStore,
    is_ensemble,
    load_ensemble,
)
from opendicke.results.frames import layout_of, public
from opendicke.results.store import load, locked, put_in_place
from opendicke.solving import provenance_of


def run_stored(
    experiment: Experiment,
    path: Path,
    executor: Executor,
    overwrite: bool,
    validity: str,
    progress: bool | None,
    chosen: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Begin a store, go on with the one that is there, or replace it when another is complete."""
    if overwrite and path.exists():
        beside = path.with_name(f"{path.stem}.new{path.suffix}")
        if beside.exists() and not _belongs(beside, experiment):
            raise StoreError(
                f"`{beside}` is in the way: results that are to replace `{path}` grow there until "
                "they are complete; move it away."
            )
        with locked(path):
            try:
                dataset = run_stored(
                    experiment, beside, executor, False, validity, progress, chosen
                )
            except KeyboardInterrupt as interruption:
                said, there, _ = str(interruption).partition(";")
                how = f"{said}; go on by running the same again, to overwrite" if there else said
                raise KeyboardInterrupt(how) from None
            put_in_place(path, beside)
        return dataset
    if path.exists():
        if not is_ensemble(path):
            return finished(path, experiment)
        return go_on(experiment, path, executor, validity, progress)
    check_memory(experiment, stored=True)
    plan = Plan.of(experiment)
    found = survey(plan, validity, advised=bool(chosen))
    layout = blank_layout(plan, found, chosen)
    tell(cost_of(plan, plan.asked(), found, layout, executor.workers), progress)
    new = _missing_folders(path)
    store = EnsembleStore.create(path, layout)
    campaign = Campaign(plan, store, executor, validity, progress)
    done: int | None = None
    try:
        with store:
            try:
                _interruptible(campaign, path)
            except BaseException:
                done = campaign.done
                raise
    except BaseException:
        if done == 0:  # nothing is lost with it
            place.remove(path)
            for folder in new:
                with contextlib.suppress(OSError):
                    folder.rmdir()
        raise
    return _loaded(path, campaign.plan)


def _missing_folders(path: Path) -> list[Path]:
    """Folders above a path that do not exist yet, the innermost first."""
    return [folder for folder in path.parents if not folder.exists()]


def _belongs(path: Path, experiment: Experiment) -> bool:
    """Whether a store is one of this experiment."""
    try:
        plan_at(path, experiment)
    except StoreError:
        return False
    return True


def go_on(
    experiment: Experiment,
    path: Path,
    executor: Executor,
    validity: str,
    progress: bool | None,
    *,
    retry: bool = False,
) -> xr.Dataset:
    """Add what is missing to a store of the same experiment."""
    before = plan_at(path, experiment)
    if experiment.target_stderr is not None:  # rounds that were made are not taken back
        made, wanted = stored_extents(_attributes(path)), extents_of(experiment)
        experiment = with_extents(experiment, Extents(*map(max, made, wanted)))
    plan = Plan.of(experiment, before)
    check_kinds(before, plan)
    dataset = None if retry else _complete(path, plan, validity)
    if dataset is not None:
        return dataset
    check_memory(experiment, stored=True)
    with EnsembleStore.open(path) as store:
        damaged = int(store.verify().sum())
        if damaged:
            warnings.warn(
                f"`{path}`: {damaged} cells were damaged on disk and are computed again.",
                ValidityWarning,
                stacklevel=4,
            )
        mask = pending(plan, Ledger.of(store, plan.shape), validity, retry=retry)
        advised = CHOICE in store.layout.attributes
        found = survey(plan, validity, mask, advised=advised)
        layout = blank_layout(plan, found)
        _grow(store, layout)
        tell(cost_of(plan, mask, found, layout, executor.workers), progress)
        campaign = Campaign(plan, store, executor, validity, progress, retry=retry)
        _interruptible(campaign, path)
    return _loaded(path, campaign.plan)


def _complete(path: Path, plan: Plan, validity: str) -> xr.Dataset | None:
    """The dataset, if all is there and in order and needs no more than reading."""
    if plan.experiment.target_stderr is not None:
        return None
    try:
        dataset = _read(path)
    except StoreError:
        return None  # damage is found and mended where the store is opened for writing
    grid = tuple(dataset.sizes[name] for name in plan.names)
    if grid != plan.shape or dataset.sizes["time"] < len(plan.experiment.times):
        return None
    missing = pending(plan, Ledger.of_dataset(dataset, plan.shape), validity).any()
    return None if missing else public(selected(dataset, plan))


def stored_experiment(path: Path) -> Experiment:
    """The experiment that a store was last asked for.

    Raises
    ------
    StoreError
        If there is no such store, or its experiment is one that no file can hold.
    """
    attributes = _attributes(path)
    text = attributes.get("experiment_file", "")
    if not text:
        raise StoreError(
            f"`{path}` holds an experiment that no file can hold: go on by running it from Python "
            "again, with the same store."
        )
    experiment = Experiment(**parse_parts(str(text), Path(), str(path)))
    if identity(experiment) != attributes["identity"]:
        raise StoreError(
            f"`{path}` was made from files that have changed since: "
            f"{difference(json.loads(attributes['essence']), essence(experiment))}."
        )
    return experiment


def blank_layout(plan: Plan, found: Survey, chosen: Mapping[str, Any] | None = None) -> Layout:
    """The layout of an ensemble whose first realizations have been surveyed.

    `chosen` are attributes of how its method was chosen, where that was not the user.
    """
    experiment = plan.experiment
    device, seed = experiment.method.device(), experiment.seed
    provenance = provenance_of({}, device=device, seed=seed, seconds=0.0)
    try:
        text = experiment.to_toml()
    except InputError:  # made in Python from what no file can hold
        text = ""
    attributes = {
        "format": FORMAT,
        **{k: v if isinstance(v, (str, int, float)) else as_json(v) for k, v in provenance.items()},
        **plan_attributes(plan),  # the experiment among them
        "identity": identity(experiment),
        "essence": as_json(essence(experiment)),
        "experiment_file": text,
        **(chosen or {}),
    }
    return layout_of(
        found.model,
        found.observables,
        found.shapes,
        experiment.times,
        plan.axes(),
        attributes,
        stochastic=experiment.method.stochastic,
        ends=_ends(plan),
    )


def _ends(plan: Plan) -> tuple[int, int] | None:
    """Largest numbers of spins and modes of the members whose last state is kept."""
    if not plan.experiment.method.continues:
        return None
    model = plan.experiment.model
    swept = (plan.sweep.get(f"model.{name}", [getattr(model, name)]) for name in ("spins", "modes"))
    sizes = [pair for pair in itertools.product(*swept) if 3 * sum(pair) <= _MOST_OF_AN_END]
    if not sizes:
        return None
    spins, modes = (max(column) for column in zip(*sizes, strict=True))
    return spins, modes


def _grow(store: EnsembleStore, layout: Layout) -> None:
    """Make room for what is asked in a store that has less."""
    there = store.layout
    kept = ("created", "wall_time_seconds", "opendicke_version", CHOICE, CHOSEN_FOR)
    before = {name: there.attributes[name] for name in kept if name in there.attributes}
    attributes = {**layout.attributes, **before}
    extents = {
        name: max(size, layout.extents.get(name, size)) for name, size in there.extents.items()
    }
    coordinates = {
        name: layout.coordinates[name]
        if name in layout.coordinates and layout.coordinates[name].size >= variable.size
        else variable
        for name, variable in there.coordinates.items()
    }
    lengths = [len(axis) for axis in layout.axes.values()]
    if lengths == list(there.cells) and extents == dict(there.extents):
        store.set_attributes(attributes)
        return
    store.grow(
        dataclasses.replace(
            there,
            axes=layout.axes,
            extents=extents,
            coordinates=coordinates,
            attributes=attributes,
        )
    )


def plan_at(path: Path, experiment: Experiment) -> Plan:
    """The grid of a store, if it is one of this experiment.

    Raises
    ------
    StoreError
        With the first difference, if it is not.
    """
    layout = _layout_at(path)
    attributes = layout.attributes
    if attributes["identity"] != identity(experiment):
        where = difference(json.loads(attributes["essence"]), essence(experiment))
        raise StoreError(
            f"`{path}` holds the results of another experiment ({where}); choose another path or "
            "ask to overwrite it."
        )
    _check_times(path, layout, experiment)
    return stored_plan(layout, experiment)


def _check_times(path: Path, layout: Layout, experiment: Experiment) -> None:
    """Times must be those of the store, or go on behind them where the method can."""
    there, asked = layout.coordinates["time"].values, experiment.times
    shared = min(len(there), len(asked))
    same = np.array_equal(asked[:shared], there[:shared])
    if same and (len(asked) == len(there) or experiment.method.continues):
        return
    method = type(experiment.method).__name__
    if same and len(asked) > len(there):
        raise StoreError(
            f"`{path}` ends at time {there[-1]:g}, and {method} does not keep the states from "
            "which it could go on (MeanField does); choose another path or ask to overwrite it."
        )
    raise StoreError(
        f"`{path}` holds the results of another experiment (its {len(there)} times from "
        f"{there[0]:g} to {there[-1]:g} are not the beginning of the {len(asked)} times from "
        f"{asked[0]:g} to {asked[-1]:g}); choose another path or ask to overwrite it."
    )


def _attributes(path: Path) -> dict[str, Any]:
    return dict(_layout_at(path).attributes)


def attributes_at(path: Path) -> dict[str, Any] | None:
    """Attributes of the results at a path, if there are any; the cells of a store are not read."""
    if not path.exists():
        return None
    return _attributes(path) if is_ensemble(path) else dict(load(path).attrs)


def _layout_at(path: Path) -> Layout:
    """The layout of a store, read without the right to write it."""
    if not path.exists():
        raise StoreError(f"`{path}` does not exist.")
    if not is_ensemble(path):
        raise StoreError(f"`{path}` is no ensemble that could be gone on with.")
    with told(path, "read"):
        return metadata.read(place.find(path), path).layout


def finished(path: Path, experiment: Experiment) -> xr.Dataset:
    """What is at a path that cannot grow, if it is the result of the same experiment."""
    dataset = load(path)
    if json.loads(dataset.attrs["experiment"]) != describe_experiment(experiment):
        raise StoreError(
            f"`{path}` holds the results of another experiment; "
            "choose another path or ask to overwrite it."
        )
    return dataset


def _loaded(path: Path, plan: Plan) -> xr.Dataset:
    return public(selected(_read(path), plan))


def _read(path: Path) -> xr.Dataset:
    """All of a store: in memory, or read when it is used where it is too large for that."""
    layout = _layout_at(path)
    numbers = sum(math.prod(layout.shape(each)) for each in layout.variables.values())
    if 8 * numbers * math.prod(layout.cells) > _MOST_LOADED * machine_memory():
        lazily: xr.Dataset = xr.open_zarr(path, consolidated=False)
        return lazily
    return load_ensemble(path)


_MOST_LOADED = 0.4
"""Of the memory of this machine."""


def _interruptible(campaign: Campaign, path: Path) -> None:
    """Run; an interruption says how to go on."""
    try:
        campaign.run()
    except KeyboardInterrupt:
        done, total = campaign.done, int(campaign.plan.asked().sum())
        if not done:
            raise
        raise KeyboardInterrupt(
            f"{done} of {total} cells are in `{path}`; go on with: opendicke resume {path}"
        ) from None


_MOST_OF_AN_END = 100_000
"""Numbers of the state in which a member ends, if it is to be kept."""
