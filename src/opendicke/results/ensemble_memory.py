"""An ensemble in memory, for runs without a store: what `EnsembleStore` is on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.results.ensemble_layout import DTYPES, FILLS, STATUS, Layout, Variable
from opendicke.results.frames import Frame


class EnsembleMemory:
    """Frames of the cells of an ensemble, by their places."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._frames: dict[tuple[int, ...], Frame] = {}

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the dataset."""
        return dict(self.layout.attributes)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes."""
        self.layout = dataclasses.replace(self.layout, attributes=dict(attributes))

    def declare(self, name: str, variable: Variable) -> None:
        """Add a variable, unless there is one of this name."""
        if name not in self.layout.variables:
            self.layout = self.layout.with_variable(name, variable)

    def await_cells(self, mask: Array) -> None:
        """Say which cells are to come."""

    def put(self, cells: Sequence[tuple[int, ...]], frames: Sequence[Frame]) -> None:
        """Keep frames; those of cells that are there already are replaced."""
        self._frames.update(zip(map(tuple, cells), frames, strict=True))

    def frames(self, cells: Sequence[tuple[int, ...]]) -> list[Frame]:
        """Frames of cells that are there."""
        return [self._frames[tuple(cell)] for cell in cells]

    def status(self) -> Array:
        """Status of every cell."""
        return self.scalars(STATUS)

    def scalars(self, name: str) -> Array:
        """A number of every cell; 0 or NaN where there is none yet."""
        return self._stacked(name)

    def grow(self, layout: Layout) -> None:
        """Longer axes; cells keep their places."""
        declared = {**self.layout.variables, **layout.variables}
        self.layout = dataclasses.replace(layout, variables=declared)

    def dataset(self) -> xr.Dataset:
        """All cells as a dataset, in the form in which a store opens."""
        names = tuple(self.layout.axes)
        variables = {
            name: xr.Variable((*names, *each.dims), self._stacked(name), dict(each.attributes))
            for name, each in self.layout.all_variables.items()
            if "/" not in name
        }
        coordinates = {**self.layout.axes, **self.layout.coordinates}
        return xr.Dataset(variables, coordinates, self.layout.attributes)

    def _stacked(self, name: str) -> Array:
        """Values of all cells; smaller ones (a sweep of sizes) end in NaN."""
        variable = self.layout.all_variables[name]
        shape = (*self.layout.cells, *self.layout.shape(variable))
        values = np.full(shape, FILLS[variable.kind], DTYPES[variable.kind])
        for cell, frame in self._frames.items():
            if name in frame:
                entry = np.asarray(frame[name], values.dtype)
                place: Any = (*cell, *map(slice, entry.shape))
                values[place] = entry
        return values
