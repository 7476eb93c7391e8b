"""Answers of one member as the variables of a dataset, and back.

Observables X are kept as X, their mean over trajectories, and X_stderr; with the number of
trajectories these are the moments from which a run can go on. Functions of several means keep those
and the sums of their products as well. Beside the answers stand `status` and a record, in JSON,
of the message and the numerics as resolved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import Observable
from opendicke.measure.raw import Raw, Status
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.results.dataset import (
    LABELS,
    MEMBER_LABELS,
    as_json,
    merged_numerics,
    status_attributes,
    to_dataset,
)
from opendicke.results.ensemble_layout import Layout, Variable
from opendicke.results.journal import pack, unpack

Frame = dict[str, Any]
"""Values of one cell by the name of the variable."""

RECORD = "record"
_TRAJECTORIES = "trajectories"
TIMES_DONE = "times_done"
ASKED_STDERR = "asked_stderr"
ASKED_VARIABLE = Variable((), "float", {"long_name": "standard error asked of the method"})
TIMES_VARIABLE = Variable((), "int", {"long_name": "number of times that are computed"})


_ENDS = {
    "bloch": ("end_spin", "end_axis"),
    "displacement": ("end_mode", "end_part"),
    "occupation": ("end_mode",),
}
"""States in which members end: Bloch vectors, amplitudes (real, imaginary), thermal occupation."""


def layout_of(
    model: DickeModel,
    observables: Sequence[Observable],
    shapes: Mapping[str, tuple[int, ...]],
    times: Array,
    axes: Mapping[str, xr.Variable],
    attributes: Mapping[str, Any],
    *,
    stochastic: bool,
    ends: tuple[int, int] | None = None,
) -> Layout:
    """The layout of an ensemble, before any of it is computed.

    Parameters
    ----------
    model
        One of the models, for labels.
    observables, shapes
        What is asked, and the largest shape (without time) of its answers.
    times
        Output times (T,).
    axes
        Dimensions of the cells with their coordinates, `realization` last.
    attributes
        Of the dataset.
    stochastic
        Whether answers have standard errors.
    ends
        Largest numbers of spins and modes, where the states in which members end are kept.
    """
    variables: dict[str, Variable] = {}
    values: dict[str, Any] = {}
    parts: dict[str, int] = {}
    for item in observables:
        blank = np.full((len(times), *shapes[item.name]), np.nan)
        if not stochastic:
            values[item.name] = blank
            continue
        values[item.name] = Moments(2, blank, blank)
        if item.combine is not None:
            part, other = f"{item.name}_part", f"{item.name}_other_part"
            parts |= dict.fromkeys((part, other), len(item.parts(model)))
            inner = ("time", *item.dims)
            variables[f"moments/{item.name}_mean"] = Variable((part, *inner), "float", {})
            variables[f"moments/{item.name}_m2"] = Variable((part, other, *inner), "float", {})
    template = to_dataset([Raw(values)], {}, observables, times, model, {})
    extents = {str(name): int(size) for name, size in template.sizes.items()} | parts
    for name, variable in template.data_vars.items():
        if name != "status":
            inner = tuple(map(str, variable.dims))
            variables[str(name)] = Variable(inner, "float", dict(variable.attrs))
    variables[RECORD] = Variable(
        (), "text", {"long_name": "message and numerics as resolved, in JSON"}
    )
    if ends is not None:
        variables |= {f"ends/{name}": Variable(dims) for name, dims in _ENDS.items()}
        extents |= {"end_spin": ends[0], "end_mode": ends[1], "end_axis": 3, "end_part": 2}
    coordinates = {str(name): each.variable for name, each in template.coords.items()}
    own = {name: template.attrs[name] for name in ("lattice",) if name in template.attrs}
    return Layout(dict(axes), coordinates, extents, variables, {**own, **attributes})


def frame_of(raw: Raw) -> tuple[Frame, dict[str, Variable]]:
    """A member's answers as variables, and what of these the layout may not have yet."""
    record = {"message": raw.message, "numerics": raw.numerics}
    frame: Frame = {"status": int(raw.status), RECORD: as_json(record)}
    extra: dict[str, Variable] = {}
    for name, entry in raw.values.items():
        if not isinstance(entry, (Moments, JointMoments)):
            frame[name] = entry
            continue
        frame[name], frame[f"{name}_stderr"] = entry.value, entry.stderr
        frame[_TRAJECTORIES] = entry.count
        if isinstance(entry, JointMoments):
            frame[f"moments/{name}_mean"], frame[f"moments/{name}_m2"] = entry.mean, entry.m2
    for name, (dims, array) in raw.labels.items():
        frame[name], extra[name] = array, Variable(dims, "float", LABELS[name])
    frame |= {f"ends/{name}": array for name, array in raw.end.items()}
    for name, label in MEMBER_LABELS.items():
        if name == _TRAJECTORIES and name in frame:
            extra[name] = Variable((), "int", {"long_name": label})
        elif name in raw.numerics and name != _TRAJECTORIES:
            frame[name] = float(raw.numerics[name])
            extra[name] = Variable((), "float", {"long_name": label})
    return frame, extra


def raw_of(
    frame: Frame,
    observables: Sequence[Observable],
    shapes: Mapping[str, tuple[int, ...]],
    sizes: tuple[int, int],
) -> Raw:
    """The answers from which a run can go on.

    `shapes` are those of this member's answers, time first, and `sizes` its spins and modes.
    """
    record = json.loads(str(frame[RECORD]))
    numerics = _restored(record["numerics"])
    count = int(frame.get(_TRAJECTORIES, 0))
    values: dict[str, Any] = {}
    for item in observables:
        inner = tuple(slice(size) for size in shapes[item.name])
        value = np.array(np.asarray(frame[item.name])[inner])
        if not count or f"{item.name}_stderr" not in frame:
            values[item.name] = value
        elif item.combine is not None:
            mean = np.asarray(frame[f"moments/{item.name}_mean"])[:, *inner]
            m2 = np.asarray(frame[f"moments/{item.name}_m2"])[:, :, *inner]
            values[item.name] = JointMoments(count, np.array(mean), np.array(m2), item.combine)
        else:
            error = np.asarray(frame[f"{item.name}_stderr"])[inner]
            m2 = error**2 * count * (count - 1) if count > 1 else np.zeros_like(value)
            values[item.name] = Moments(count, value, np.asarray(m2))
    extents = dict(zip(("end_spin", "end_mode"), sizes, strict=True))
    end: dict[str, Array] = {}
    for name, dims in _ENDS.items():
        array = np.asarray(frame.get(f"ends/{name}", np.nan))
        if array.ndim == len(dims):
            end[name] = np.array(array[: extents[dims[0]]])
    if any(np.isnan(array).any() for array in end.values()):
        end = {}  # of members without
    return Raw(values, Status(int(frame["status"])), record["message"], numerics, {}, end)


def packed_frames(frames: Sequence[Frame | None]) -> bytes:
    """Frames as bytes, to travel to where they are gone on from."""
    arrays: dict[str, Array] = {}
    scalars: list[dict[str, Any] | None] = []
    for number, frame in enumerate(frames):
        if frame is None:
            scalars.append(None)
            continue
        plain = {k: v for k, v in frame.items() if not isinstance(v, np.ndarray) or not v.ndim}
        scalars.append({k: v.item() if hasattr(v, "item") else v for k, v in plain.items()})
        arrays |= {f"{number}/{k}": np.asarray(v) for k, v in frame.items() if k not in plain}
    return pack({"frames": scalars}, arrays)


def unpacked_frames(content: bytes) -> list[Frame | None]:
    """What `packed_frames` packed."""
    header, arrays = unpack(content)
    frames: list[Frame | None] = header["frames"]
    for place, array in arrays.items():
        number, _, name = place.partition("/")
        frame = frames[int(number)]
        assert frame is not None
        frame[name] = array
    return frames


def labelled(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset of users: the records of all members gathered in attributes."""
    records = [json.loads(str(text)) if text else {} for text in dataset[RECORD].values.ravel()]
    messages = {i: record["message"] for i, record in enumerate(records) if record.get("message")}
    numerics = merged_numerics([_restored(record.get("numerics", {})) for record in records])
    made = dataset.drop_vars(RECORD)
    made["status"].attrs = status_attributes(messages)
    made = made.set_coords([name for name in LABELS if name in made])
    return made.assign_attrs(numerics=as_json(numerics))


def _restored(numerics: Mapping[str, Any]) -> dict[str, Any]:
    """Numerics as they were before JSON made null of NaN and lists of tuples."""

    def back(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(map(back, value))
        return np.nan if value is None else value

    return {name: back(value) for name, value in numerics.items()}


def public(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset without what only the store needs.

    A member whose last times are missing, as the run that adds them has not come to it, is pending.
    """
    made = dataset.drop_vars([TIMES_DONE, ASKED_STDERR], errors="ignore")
    if TIMES_DONE in dataset:
        good = dataset["status"].isin([Status.OK, Status.NOT_CONVERGED])
        behind = good & (dataset[TIMES_DONE] < dataset.sizes["time"])
        status = dataset["status"].where(~behind, int(Status.PENDING)).astype(np.int8)
        made["status"] = status.variable
        made["status"].attrs = dataset["status"].attrs
    made.attrs = {name: value for name, value in dataset.attrs.items() if name not in _PRIVATE}
    return made


_PRIVATE = ("plan", "identity", "essence", "experiment_file", "fixed")
