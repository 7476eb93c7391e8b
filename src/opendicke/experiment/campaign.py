"""Cells solved until nothing is pending, round after round: one writer, any executor."""

from __future__ import annotations

import dataclasses
import json
import time as clock
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
import xarray as xr

from opendicke.errors import ValidityWarning
from opendicke.experiment.executors import Executor, Failure
from opendicke.experiment.experiment import Experiment
from opendicke.experiment.identity import describe_experiment
from opendicke.experiment.plan import Place, Plan, axis_names
from opendicke.experiment.rounds import Extents, Judged, next_extents, worst_error
from opendicke.experiment.solving_cells import Group, Job, solve_groups, times_done
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import Array
from opendicke.progress import Tally
from opendicke.results.dataset import as_json, describe
from opendicke.results.ensemble_layout import Layout
from opendicke.results.ensemble_memory import EnsembleMemory
from opendicke.results.ensemble_store import EnsembleStore, load_ensemble
from opendicke.results.frames import (
    ASKED_STDERR,
    ASKED_VARIABLE,
    RECORD,
    TIMES_DONE,
    TIMES_VARIABLE,
    Frame,
    frame_of,
    labelled,
    packed_frames,
)
from opendicke.results.transport import unpacked

Sink = EnsembleStore | EnsembleMemory


class Campaign:
    """An experiment and the place where its answers are kept.

    Parameters
    ----------
    plan : Plan
    sink : EnsembleStore or EnsembleMemory
    executor : Executor
    validity : {"refuse", "warn", "ignore"}
    progress : bool, optional
    retry : bool
        Compute members again that failed.
    """

    def __init__(
        self,
        plan: Plan,
        sink: Sink,
        executor: Executor,
        validity: str,
        progress: bool | None,
        *,
        retry: bool = False,
    ) -> None:
        self.plan = plan
        self._sink = sink
        self._executor = executor
        self._validity = validity
        self._progress = progress
        self._retry = retry
        self._worked = False
        self._asked = find_observables(plan.experiment.observables)
        self._start = clock.monotonic()
        self._spent = float(sink.attributes.get("wall_time_seconds", 0.0))

    def run(self) -> None:
        """Solve what is pending; with a target, go on in rounds until it is reached."""
        title = type(self.plan.experiment.method).__name__
        with Tally(title, int(self.plan.asked().sum()), enabled=self._progress) as tally:
            while True:
                self._solve(*self._pending(), tally)
                self._retry = False
                experiment = self.plan.experiment
                if experiment.target_stderr is None:
                    break
                names = [item.name for item in self._asked]
                worst = worst_error(self.dataset(), names, random=experiment.random)
                most = Extents(experiment.most_realizations, experiment.most_trajectories)
                wanted = next_extents(
                    worst,
                    experiment.target_stderr,
                    extents_of(experiment),
                    most,
                    random=experiment.random,
                )
                if wanted is None:
                    self._missed(worst)
                    break
                self._extend(wanted, tally)
        if self._worked:
            self._stamp()

    def dataset(self) -> xr.Dataset:
        """The answers of the cells that the experiment asks for, in its order."""
        sink = self._sink
        whole = sink.dataset() if isinstance(sink, EnsembleMemory) else load_ensemble(sink.path)
        return selected(whole, self.plan)

    @property
    def done(self) -> int:
        """Cells that are there with all that the experiment asks for."""
        return int((self.plan.asked() & ~self._pending()[0]).sum())

    def _pending(self) -> tuple[Array, Ledger]:
        ledger = Ledger.of(self._sink, self.plan.shape)
        return pending(self.plan, ledger, self._validity, retry=self._retry), ledger

    def _solve(self, mask: Array, ledger: Ledger, tally: Tally) -> None:
        """Solve the pending cells; each group is recorded as soon as it is there."""
        if not mask.any():
            return
        self._worked = True
        self._sink.await_cells(mask)
        begun = (ledger.status == Status.OK) | (ledger.status == Status.NOT_CONVERGED)
        cells = self.plan.groups(mask)
        groups = _Groups(cells, self._sink, begun)
        ended = self.plan.asked() & ~mask
        done = int(ended.sum())
        failed = int((ledger.status[ended] != Status.OK).sum())
        worst = float(np.nan_to_num(ledger.largest_stderr[ended]).max(initial=0.0))
        own = tuple(item for item in self._asked if not item.build.__module__.startswith(_LIBRARY))
        job = Job(self.plan, self._validity, own)

        def share(part: float, text: str) -> None:
            size = float(np.mean([len(group) for group in cells[:100]]))
            tally.update(done, failed, worst or None, min(part, 1.0) * size)

        tally.update(done, failed, worst or None)
        for group, answer in self._executor.run(job, groups, solve_groups, share):
            if isinstance(answer, Failure):
                frames = [self._failed(place, begun, answer.message) for place in group.cells]
            else:
                raws = unpacked(answer, self._asked)
                frames = [
                    self._failed(place, begun, raw.message)
                    if begun[place] and raw.status in (Status.FAILED, Status.REFUSED)
                    else self._frame(place, raw)
                    for place, raw in zip(group.cells, raws, strict=True)
                ]
            self._sink.put(group.cells, frames)
            done += len(frames)
            failed += sum(frame["status"] != Status.OK for frame in frames)
            errors = [float(frame.get("largest_stderr", 0.0)) for frame in frames]
            worst = max(worst, *np.nan_to_num(errors).tolist())
            tally.update(done, failed, worst or None)

    def _failed(self, place: Place, begun: Array, message: str) -> Frame:
        """A cell without an answer; what there was of it before stays."""
        if not begun[place]:
            return self._frame(place, Raw({}, Status.FAILED, message))
        frame = dict(self._sink.frames([place])[0])
        message = f"it could not be gone on with ({message})"
        record = json.loads(str(frame[RECORD])) | {"message": message}
        if ASKED_STDERR in frame:
            frame[ASKED_STDERR] = _UNSETTLED
        return {**frame, "status": int(Status.NOT_CONVERGED), RECORD: as_json(record)}

    def _target(self, place: Place) -> float:
        """The standard error asked of the method at a point, 0 for none."""
        method = self.plan.experiment.method
        if any(path.startswith("method.") for path in self.plan.sweep):
            method = self.plan.point(place).method
        return target_of(method)

    def _frame(self, place: Place, raw: Raw) -> Frame:
        """An answer as variables, those included that the sink has not seen yet."""
        frame, extra = frame_of(raw)
        method = self.plan.experiment.method
        if method.continues:
            frame[TIMES_DONE], extra[TIMES_DONE] = times_done(raw), TIMES_VARIABLE
        elif method.stochastic:
            frame[ASKED_STDERR], extra[ASKED_STDERR] = self._target(place), ASKED_VARIABLE
        for name, variable in extra.items():
            self._sink.declare(name, variable)
        known = self._sink.layout.variables
        return {name: value for name, value in frame.items() if name in known or name == "status"}

    def _extend(self, wanted: Extents, tally: Tally) -> None:
        """The next round: more realizations or more trajectories."""
        plan = Plan.of(with_extents(self.plan.experiment, wanted), self.plan)
        attributes = {**self._sink.attributes, **plan_attributes(plan)}
        if plan.shape != tuple(len(axis) for axis in self._sink.layout.axes.values()):
            self._sink.grow(
                dataclasses.replace(self._sink.layout, axes=plan.axes(), attributes=attributes)
            )
        else:
            self._sink.set_attributes(attributes)
        self.plan = plan  # when there is room for it
        tally.total = int(plan.asked().sum())

    def _missed(self, worst: Judged) -> None:
        experiment = self.plan.experiment
        assert experiment.target_stderr is not None
        if worst.error > experiment.target_stderr:
            made = extents_of(experiment)
            of = f" of {made.trajectories} trajectories" if made.trajectories else ""
            where = ", ".join(f"{name} {place}" for name, place in worst.place.items())
            warnings.warn(
                f"after {made.realizations} realizations{of} the standard error of the mean is "
                f"{worst.error:.2g} for `{worst.observable}` ({where}), above the target "
                f"{experiment.target_stderr:.2g}, and no more are allowed.",
                ValidityWarning,
                stacklevel=4,
            )

    def _stamp(self) -> None:
        seconds = self._spent + clock.monotonic() - self._start
        self._sink.set_attributes({**self._sink.attributes, "wall_time_seconds": seconds})


_LIBRARY = "opendicke."
_UNSETTLED = -1.0
"""Instead of the standard error asked: the status is to be judged again."""


class _Groups(Sequence[Group]):
    """Groups with what there is of their cells, which is read when a group is handed out."""

    def __init__(self, cells: Sequence[Sequence[Place]], sink: Sink, there: Array) -> None:
        self._cells = cells
        self._sink = sink
        self._there = there

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, number: int) -> Group: ...
    @overload
    def __getitem__(self, number: slice) -> list[Group]: ...
    def __getitem__(self, number: int | slice) -> Group | list[Group]:
        if isinstance(number, slice):
            return [self[k] for k in range(len(self))[number]]
        cells = tuple(self._cells[number])
        known = [place for place in cells if self._there[place]]
        if not known:
            return Group(cells)
        frames = dict(zip(known, self._sink.frames(known), strict=True))
        return Group(cells, packed_frames([frames.get(place) for place in cells]))


class Ledger(NamedTuple):
    """What is known of every cell of a grid; zero where it is not computed."""

    status: Array
    trajectories: Array
    largest_stderr: Array
    times_done: Array
    asked_stderr: Array

    @classmethod
    def of(cls, sink: Sink, shape: tuple[int, ...]) -> Ledger:
        """Of a store, for a grid that may be larger."""
        known = sink.layout.variables
        rest = (sink.scalars(name) if name in known else None for name in cls._fields[1:])
        return cls(*(_padded(values, shape) for values in (sink.status(), *rest)))

    @classmethod
    def of_dataset(cls, dataset: xr.Dataset, shape: tuple[int, ...]) -> Ledger:
        """Of a dataset that was read, for a grid that may be larger."""
        return cls(
            *(_padded(dataset[n].values if n in dataset else None, shape) for n in cls._fields)
        )


def _padded(values: Array | None, shape: tuple[int, ...]) -> Array:
    padded = np.zeros(shape, dtype=float if values is None else values.dtype)
    if values is not None:
        assert all(there <= now for there, now in zip(values.shape, shape, strict=True))
        padded[tuple(map(slice, values.shape))] = values
    return padded


def pending(plan: Plan, ledger: Ledger, validity: str, *, retry: bool = False) -> Array:
    """Cells that are asked and not there, or there with fewer trajectories or times than asked.

    Members that failed are done unless they are tried again; refused ones, if they are refused now.
    A status that depends on the standard error asked is judged again where another one is.
    """
    asked, status = plan.asked(), ledger.status
    found = asked & (status == Status.PENDING)
    if retry:
        found |= asked & (status == Status.FAILED)
    if validity != "refuse":
        found |= asked & (status == Status.REFUSED)
    good = asked & ((status == Status.OK) | (status == Status.NOT_CONVERGED))
    method = plan.experiment.method
    if method.continues:
        found |= good & (ledger.times_done < len(plan.experiment.times))
    if method.stochastic:
        swept = any(path.startswith("method.") for path in plan.sweep)
        rows: list[tuple[Any, Experiment]] = (
            [(place[:-1], plan.point(place)) for place in plan.points()]
            if swept
            else [(..., plan.experiment)]
        )
        for row, point in rows:
            few = ledger.trajectories[row] < _trajectories(point)
            target = target_of(point.method)
            met = ledger.largest_stderr[row] <= target
            if target:
                few &= ~met
            other = ledger.asked_stderr[row] != target
            missed = status[row] == Status.NOT_CONVERGED
            found[row] |= good[row] & (few | (other & (missed | (target > 0) & ~met)))
    return np.asarray(found)


def target_of(method: AbstractMethod) -> float:
    """The standard error asked of a method, 0 for none."""
    return float(getattr(method, "target_stderr", None) or 0.0)


def _trajectories(point: Experiment) -> int:
    """Trajectories of each cell, at most."""
    return int(point.method.extent(point.state).most) if point.method.stochastic else 0  # type: ignore[attr-defined]


def extents_of(experiment: Experiment) -> Extents:
    """How much an experiment asks for."""
    return Extents(experiment.realizations, _trajectories(experiment))


def with_extents(experiment: Experiment, extents: Extents) -> Experiment:
    """The experiment with more, or less, of it."""
    method = experiment.method
    if extents.trajectories:
        method = dataclasses.replace(method, trajectories=extents.trajectories)  # type: ignore[call-arg]
    return dataclasses.replace(experiment, realizations=extents.realizations, method=method)


def plan_attributes(plan: Plan) -> dict[str, Any]:
    """What a store must know to be gone on with: its grid, and what was asked of it last."""
    asked = {"sweep": dict(plan.experiment.sweep), **extents_of(plan.experiment)._asdict()}
    grid = {"sweep": dict(plan.sweep), "realizations": plan.realizations, "asked": asked}
    described = describe_experiment(plan.experiment)
    if plan.sweep:
        described["sweep"] = json.loads(as_json(describe(dict(plan.sweep))))
    described["realizations"] = plan.realizations
    return {
        "plan": as_json(describe(grid)),
        "experiment": as_json(described),
        "fixed": int(not plan.experiment.random),
    }


def stored_plan(layout: Layout, experiment: Experiment) -> Plan:
    """The grid of a store, of which an experiment of the same essence asks a part or more.

    Its axes stand in the order of the arrays; their description is sorted by name.
    """
    grid = json.loads(layout.attributes["plan"])
    names, axes = axis_names(list(grid["sweep"])), list(layout.axes)
    paths = sorted(grid["sweep"], key=lambda path: axes.index(names[path]))
    sweep = {path: grid["sweep"][path] for path in paths}
    return Plan(experiment, sweep, int(grid["realizations"]))


def stored_extents(attributes: Mapping[str, Any]) -> Extents:
    """How much was asked of a store in its last round."""
    asked = json.loads(attributes["plan"])["asked"]
    return Extents(int(asked["realizations"]), int(asked["trajectories"]))


def selected(dataset: xr.Dataset, plan: Plan) -> xr.Dataset:
    """Of a whole store the cells that an experiment asks for, in its order, labelled."""
    places = dict(zip(plan.names, plan.places(), strict=True))
    times = len(plan.experiment.times)
    whole = all(list(range(dataset.sizes[name])) == place for name, place in places.items())
    if whole and times == dataset.sizes["time"]:
        return labelled(dataset)
    described = as_json(describe_experiment(plan.experiment))
    part = dataset.isel(places).isel(time=slice(times))
    return labelled(part.assign_attrs(experiment=described))
