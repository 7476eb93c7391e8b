"""A store of an ensemble with longer axes, made of the chunks of the shorter one."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from opendicke.errors import InputError
from opendicke.results import ensemble_metadata as metadata
from opendicke.results import ensemble_place as place
from opendicke.results.ensemble_files import Values
from opendicke.results.ensemble_layout import Layout, check_layout


def grown(path: Path, made: metadata.Metadata, layout: Layout, status: Values) -> place.Lock:
    """Replace a store, all of whose answers are in chunks, by one of a larger layout.

    The right to write it passes to the new one.
    """
    merged = _merged(made.layout, layout)
    folder = place.new_folder(path)
    with place.removed_on_failure(folder):
        lock = place.Lock(folder, path)
        try:
            chunks = {name: array.chunk for name, array in made.arrays.items()}
            new = metadata.write(folder, merged, chunks, made.block)
            padded = np.zeros(merged.cells, status.dtype)
            padded[tuple(map(slice, status.shape))] = status
            for name, array in new.arrays.items():
                if name in made.arrays:
                    _link_chunks(made.arrays[name].folder, array.folder)
                metadata.fill_missing(folder, array, padded)
            old = place.swap(path, folder)
        except BaseException:
            lock.release()
            raise
    place.remove(old)
    return lock


def _link_chunks(source: Path, target: Path) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name.startswith("c."):
                metadata.link(Path(entry.path), target / entry.name)


def _merged(now: Layout, then: Layout) -> Layout:
    """The larger layout, with the variables of the smaller one, too."""
    if list(now.axes) != list(then.axes):
        raise InputError("axes", f"stay {list(now.axes)}", f"were {list(then.axes)}")
    for name, axis in now.axes.items():
        if not metadata.same(axis.values, then.axes[name].values[: len(axis)]):
            raise InputError(
                f"axes.{name}", "begin with the values that are in the store", "did not"
            )
    for name, extent in now.extents.items():
        if then.extents.get(name, extent) < extent:
            raise InputError(
                f"extents.{name}", f"be at least {extent}", f"was {then.extents[name]}"
            )
    for name, variable in then.variables.items():
        there = now.variables.get(name, variable)
        if (there.dims, there.kind) != (variable.dims, variable.kind):
            raise InputError("variables", f"keep `{name}` as it is", f"was {variable}")
    merged = dataclasses.replace(
        then,
        extents={**now.extents, **then.extents},
        variables={**now.variables, **then.variables},
    )
    check_layout(merged)
    return merged
