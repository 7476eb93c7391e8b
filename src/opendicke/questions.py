"""What every question is checked for before a method is asked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.measure.observables import Observable, find_observables
from opendicke.methods.base import AbstractMethod
from opendicke.model.checks import Array, affordable, numeric_array
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.state import ProductState


def check_times(times: Any) -> Array:
    """Strictly increasing, finite output times (T,), T ≥ 1."""
    array = numeric_array("times", times)
    if array.ndim != 1 or not len(array):
        raise InputError("times", "be a list of at least one time", f"had shape {array.shape}")
    falls = np.diff(array) <= 0
    if falls.any():
        place = int(np.argmax(falls))
        raise InputError(
            "times",
            "be strictly increasing",
            f"entry {place + 1} ({array[place + 1]:g}) follows {array[place]:g}",
        )
    with np.errstate(over="ignore"):
        span = array[-1] - array[0]
    if not np.isfinite(span):
        raise InputError("times", "span a finite time", f"ran from {array[0]:g} to {array[-1]:g}")
    return array


def check_answers(
    model: DickeModel | IsingModel, asked: tuple[Observable, ...], times: Array
) -> None:
    """Refuse, before anything is computed, answers that no memory would hold."""
    numbers = sum(math.prod(item.shape(model)) for item in asked)
    what = f"{len(times)} times of {', '.join(item.name for item in asked)}"
    affordable("observables", what, 16 * len(times) * numbers)


def check_question(
    model: object, state: object, method: object, observables: object
) -> tuple[Observable, ...]:
    """Types, admission and observables of a question; returns the observables."""
    if not isinstance(model, (DickeModel, IsingModel)):
        hint = " (call its `draw` first)" if hasattr(model, "draw") else ""
        raise InputError("model", "be a DickeModel or an IsingModel", f"was {shown(model)}{hint}")
    if not isinstance(state, (ProductState, Ensemble)):
        raise InputError("state", "be a ProductState or an Ensemble", f"was {shown(state)}")
    if not isinstance(method, AbstractMethod):
        given = f"was the class {method.__name__}" if isinstance(method, type) else None
        raise InputError(
            "method",
            'be a method such as MeanField(), or "auto" in `solve`',
            given or f"was {shown(method)}",
        )
    if not isinstance(state, method.starts):
        raise InputError(
            "state", f"be a ProductState for {type(method).__name__}", f"was {shown(state)}"
        )
    if observables is None:
        observables = method.asks(model.coupling_axis)
        if not model.modes:
            observables = [name for name in observables if name != "photons"]
    asked = find_observables(observables)
    method.check_observables(asked, model)
    method.admits(model, state)
    extents: dict[str, int] = {}
    for item in asked:
        item.check_combine(model)
        for dim, size in zip(item.dims, item.shape(model), strict=True):
            if extents.setdefault(dim, size) != size:
                raise InputError(
                    "observables",
                    f"agree on the size of `{dim}`",
                    f"`{item.name}` has {size} entries and another {extents[dim]}",
                )
    return asked
