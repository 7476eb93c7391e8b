"""From the parts of an experiment to the tables of its file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.errors import InputError
from opendicke.methods.base import AbstractMethod
from opendicke.model import couplings as distributions
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.state import Bloch, Configuration, Pattern, Polarized, ProductState


def experiment_table(
    *,
    model: RandomDicke | DickeModel,
    state: ProductState,
    times: Array,
    method: AbstractMethod,
    observables: Sequence[str],
    realizations: int,
    seed: int,
    sweep: Mapping[str, Sequence[Any]],
    thermodynamic: bool,
    target_stderr: float | None,
    most_realizations: int,
    most_trajectories: int,
) -> dict[str, Any]:
    """The arguments of an `Experiment` as nested tables of plain values."""
    table: dict[str, Any] = {
        "seed": seed,
        "realizations": realizations,
        "observables": list(observables),
    }
    if thermodynamic:
        table["thermodynamic"] = True
    if target_stderr is not None:
        table["target_stderr"] = target_stderr
        table["most_realizations"] = most_realizations
        table["most_trajectories"] = most_trajectories
    table["model"] = _model_table(model)
    table["state"] = _state_table(state)
    table["times"] = _times_table(times)
    table["method"] = {"kind": method.kind} | {
        name: value for name, value in method.settings().items() if value is not None
    }
    if sweep:
        table["sweep"] = {path: list(values) for path, values in sweep.items()}
    return table


def _model_table(model: RandomDicke | DickeModel) -> dict[str, Any]:
    if isinstance(model, DickeModel):
        if model.patterns is not None or model.weights is not None:
            raise InputError(
                "model",
                "be a RandomDicke, or a DickeModel without patterns and weights, to go into a file",
                f"was {model!r}",
            )
        couplings: dict[str, Any] = {"kind": "fixed", "values": model.couplings.tolist()}
        sizes: dict[str, Any] = {}
    else:
        couplings = _couplings_table(model.couplings)
        fixed = isinstance(model.couplings, distributions.Fixed)
        sizes = {} if fixed else {"spins": model.spins, "modes": model.modes}
    numbers = {
        name: _number(getattr(model, name)) for name in ("frequencies", "loss", "gain", "field")
    }
    axes = {"coupling_axis": model.coupling_axis, "field_axis": model.field_axis}
    return {"couplings": couplings} | sizes | numbers | axes


def _couplings_table(couplings: distributions.Couplings) -> dict[str, Any]:
    table: dict[str, Any] = {"kind": type(couplings).__name__.lower()}
    if isinstance(couplings, distributions.Fixed):
        if couplings.path is not None:
            table["path"] = str(Path(couplings.path).absolute())
            if couplings.variable is not None:
                table["variable"] = couplings.variable
        else:
            table["values"] = couplings.array.tolist()
        if couplings.strength is not None:
            table["strength"] = couplings.strength
        if couplings.spread:
            table["spread"] = couplings.spread
        return table
    for item in dataclasses.fields(couplings):
        value = getattr(couplings, item.name)
        if item.name == "spread" and not value:
            continue
        table[item.name] = list(value) if isinstance(value, tuple) else value
    return table


def _state_table(state: ProductState) -> dict[str, Any]:
    match state.spins:
        case Polarized(direction):
            table: dict[str, Any] = {"spins": direction}
        case Pattern(index, flipped, seed):
            table = {"pattern": index, "flipped": flipped, "seed": seed}
        case Bloch(vectors):
            table = {"bloch": vectors.tolist()}
        case Configuration(values, axis):
            table = {"configuration": [int(v) for v in values], "axis": axis}
    table["bosons"] = state.bosons
    displacement = np.asarray(state.displacement, dtype=complex)
    if displacement.any():
        pairs = [[z.real, z.imag] for z in np.atleast_1d(displacement).tolist()]
        if displacement.ndim == 0 and displacement.imag == 0:
            table["displacement"] = float(displacement.real)
        elif displacement.ndim == 0:
            raise InputError(
                "displacement", "be real or have one entry per mode, to go into a file", "was not"
            )
        else:
            table["displacement"] = pairs
    if np.any(state.occupation):
        table["occupation"] = _number(state.occupation)
    return table


def _times_table(times: Array) -> Any:
    if len(times) > 1:
        start, stop, points = float(times[0]), float(times[-1]), len(times)
        if np.array_equal(np.linspace(start, stop, points), times):
            return {"start": start, "stop": stop, "points": points}
    return times.tolist()


def _number(value: Any) -> Any:
    """A float, or a list of floats; an array of equal entries is one number."""
    array = np.asarray(value, dtype=float)
    if array.ndim == 0 or (array == array.flat[0]).all():
        return float(array.flat[0])
    return array.tolist()
