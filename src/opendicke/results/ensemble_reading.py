"""Read an ensemble's store, also while it is being written."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, StoreError
from opendicke.results import ensemble_metadata as metadata
from opendicke.results import ensemble_place as place
from opendicke.results.dataset import FORMAT
from opendicke.results.ensemble_files import DOCUMENT, ArrayFile, DamageError, Values, told
from opendicke.results.ensemble_layout import DTYPES, FILLS, JOURNAL, STATUS, Layout, Variable
from opendicke.results.ensemble_records import Buffer, Record, decode, grouped, journals
from opendicke.results.ensemble_records import place as place_values
from opendicke.results.journal import Journal

_ATTEMPTS = 20


class _ChangedError(Exception):
    """The store was replaced or its journal rewritten while it was read."""


def is_ensemble(path: str | Path) -> bool:
    """Whether there is the store of an ensemble at a path, finished or not."""
    try:
        return (place.find(place.named(path)) / JOURNAL).is_dir()
    except (InputError, OSError, ValueError):
        return False


def load_ensemble(path: str | Path) -> xr.Dataset:
    """Read what there is of an ensemble into memory, also while it is being written.

    Nothing is changed, and nothing waits for the writer. Pending cells have status 0 and NaN.

    Returns
    -------
    xarray.Dataset
        All variables but those of subgroups.

    Raises
    ------
    StoreError
        If there is none, it is damaged, or a later version of the library wrote it.
    """
    named = place.named(path)
    for attempt in range(_ATTEMPTS):
        folder = place.find(named)
        with told(named, "read"):
            if not folder.exists():
                raise StoreError(f"`{named}` does not exist.")
            if not (folder / JOURNAL).is_dir():
                raise StoreError(f"`{named}` does not hold an ensemble.")
            before = _state(folder)
        try:
            with told(named, "read"):
                return _load(folder, named)
        except _ChangedError:
            pass
        except DamageError as damage:
            if _state(folder) == before:
                where = damage.path.relative_to(folder)
                raise StoreError(
                    f"`{named}` is damaged in `{where}`; resuming it computes what is lost again."
                ) from None
        except StoreError:
            if _state(folder) == before:
                raise
        time.sleep(0.01 * attempt)
    raise StoreError(f"`{named}` cannot be read: it is being changed all the time.")


def _state(folder: Path) -> Any:
    """What changes when a store is written."""
    found: list[Any] = []
    for path in [folder, folder / JOURNAL / DOCUMENT, *journals(folder / JOURNAL)]:
        try:
            about = path.stat()
            size = 0 if path == folder else about.st_size  # folders change by temporary files
            found.append((path.name, about.st_ino, size))
        except OSError:
            found.append(path.name)
    return found


def _load(folder: Path, named: Path) -> xr.Dataset:
    """Journal, arrays, journal again: what came into chunks meanwhile is in its new part."""
    root = os.stat(folder).st_ino
    made = metadata.read(folder, named)
    buffer = Buffer(made.block)
    ends: dict[Path, tuple[int, int]] = {}
    for path in journals(folder / JOURNAL):
        try:
            inode = path.stat().st_ino
        except FileNotFoundError:
            raise _ChangedError from None
        found = list(Journal.read_places(path))
        buffer.replay(payload for payload, _ in found)
        ends[path] = inode, found[-1][1] if found else 0
    layout = made.layout
    status = made.arrays[STATUS].read_all(missing_is_fill=True)
    values = {
        name: _read(made.arrays[name], variable, layout, status)
        for name, variable in layout.variables.items()
        if "/" not in name
    }
    try:
        same = [path.stat().st_ino == inode for path, (inode, _) in ends.items()]
        same.append(os.stat(folder).st_ino == root)
    except FileNotFoundError:
        raise _ChangedError from None
    if not all(same):
        raise _ChangedError
    for path in journals(folder / JOURNAL):
        for payload in Journal.read(path, ends.get(path, (0, 0))[1]):
            said = decode(payload)
            if isinstance(said, Record):
                buffer.add(said)
    for entries in buffer.blocks.values():
        groups = grouped(entries)
        index = tuple(np.concatenate([group.places for group in groups]).T)
        place_values(status, groups, STATUS, [0] * status.ndim)
        for name, array in values.items():
            array[index] = FILLS[layout.variables[name].kind]
            place_values(array, groups, name, [0] * status.ndim)
    return _dataset(layout, status, values)


def _read(array: ArrayFile, variable: Variable, layout: Layout, status: Values) -> Values:
    """One variable at the cells that are done, fill values elsewhere."""
    fill = FILLS[variable.kind]
    values = np.full(array.shape, fill, DTYPES[variable.kind])
    axes = status.ndim
    for at in np.ndindex(*array.grid):
        box = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, array.chunk, strict=True))
        if status[box[:axes]].any():
            target = values[box]
            target[...] = array.read(at)[tuple(map(slice, target.shape))]
    values[status == 0] = fill
    return values


def _dataset(layout: Layout, status: Values, values: dict[str, Values]) -> xr.Dataset:
    variables = {
        name: xr.Variable(
            (*layout.axes, *layout.variables[name].dims), array, layout.variables[name].attributes
        )
        for name, array in values.items()
    }
    described = layout.all_variables[STATUS].attributes
    variables[STATUS] = xr.Variable(tuple(layout.axes), status, described)
    dataset = xr.Dataset(variables, {**layout.axes, **layout.coordinates})
    dataset.attrs = {"format": FORMAT, **layout.attributes}
    return dataset
