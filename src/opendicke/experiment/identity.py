"""Which experiment a store belongs to: what it is without its extents, and where two differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opendicke.errors import InputError, shown
from opendicke.experiment.experiment import Experiment
from opendicke.model.couplings import Fixed
from opendicke.results.dataset import as_json, describe

_EXTENTS = ("realizations", "target_stderr", "most_realizations", "most_trajectories")
"""Of an experiment: how much of it is computed, not what it is."""
_METHOD_EXTENTS = ("trajectories", "target_stderr")


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


def essence(experiment: Experiment) -> dict[str, Any]:
    """What an experiment is without its extents: realizations, trajectories, swept values.

    Times are kept apart, as some methods can go on to later ones.
    """
    described = {
        name: value
        for name, value in describe_experiment(experiment).items()
        if name not in (*_EXTENTS, "times", "sweep")
    }
    described["method"] = {
        name: value for name, value in described["method"].items() if name not in _METHOD_EXTENTS
    }
    for path in experiment.sweep:  # its value in the file is that of no cell
        *parents, last = path.split(".")
        place: Any = described
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    described["sweep"] = sorted(experiment.sweep)
    # Optional tables say nothing by their absence.
    return {name: value for name, value in described.items() if value is not False}


def identity(experiment: Experiment) -> str:
    """A hash of the essence: the same for everything that extends one store."""
    return hashlib.sha256(as_json(essence(experiment)).encode()).hexdigest()


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first thing in which two essences differ, in words; empty if in nothing."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    # Which parameters are swept comes first: what is swept has no value besides.
    for place in dict.fromkeys(["sweep", "method.kind", *new, *old]):
        there, here = old.get(place, _ABSENT), new.get(place, _ABSENT)
        if there != here:
            return f"`{place}` {_said(there, 'was')} there and {_said(here, 'is')} here"
    return ""


_ABSENT = object()


def _said(value: object, verb: str) -> str:
    return f"{verb} left out" if value is _ABSENT else f"{verb} {shown(value)}"


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield place, value
        return
    for name, item in value.items():
        yield from _leaves(item, f"{place}.{name}" if place else str(name))
