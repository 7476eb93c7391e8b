"""Answers of cells in the chunks of a store: written by blocks, read back, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.errors import StoreError
from opendicke.results import ensemble_metadata as metadata
from opendicke.results.ensemble_files import ArrayFile, DamageError, Values, checked, remove_file
from opendicke.results.ensemble_layout import DTYPES, FILLS, STATUS, Cell, Variable
from opendicke.results.ensemble_records import Frame, Group, Record, grouped, place

Box = tuple[slice, ...]


def box_of(at: Sequence[int], sizes: Sequence[int]) -> Box:
    """The part of an array that a chunk covers."""
    return tuple(slice(i * n, (i + 1) * n) for i, n in zip(at, sizes, strict=True))


def bare(value: Any, variable: Variable) -> Any:
    """One value as a plain number or text."""
    convert: Any = {"float": float, "int": int, "status": int, "text": str}[variable.kind]
    return convert(value)


class Chunks:
    """What is in the chunks of a store, of which this process is the only writer.

    Numbers of every cell are in memory, as they are on disk. A cell whose status is 0 there has no
    answer, whatever the other chunks hold.
    """

    def __init__(self, root: Path, made: metadata.Metadata) -> None:
        self._root = root
        self._made = made
        self._axes = len(made.block)
        self.damaged = np.zeros(made.layout.cells, bool)
        """Cells that had answers in chunks that were found damaged."""
        self._scalars: dict[str, Values] = {}
        self._kept: dict[tuple[str, Cell], Values] = {}
        self._read_scalars()

    @property
    def status(self) -> Values:
        """Status of every cell; not to be changed."""
        return self._scalars[STATUS]

    def scalars(self, name: str) -> Values:
        """A number of every cell; not to be changed."""
        return self._scalars[name]

    def _blank_scalars(self, variable: Variable) -> Values:
        return np.full(self._made.layout.cells, FILLS[variable.kind], DTYPES[variable.kind])

    def _read_scalars(self) -> None:
        """Numbers of all cells, the status first; a damaged chunk leaves its cells pending."""
        for name, variable in reversed(self._made.layout.all_variables.items()):
            if not variable.scalar:
                continue
            values, array = self._blank_scalars(variable), self._made.arrays[name]
            self._scalars[name] = values
            for at in np.ndindex(*array.grid):
                box = box_of(at, array.chunk)
                if name != STATUS and not self.status[box].any():
                    continue
                try:
                    part = array.read(at)
                except DamageError as damage:
                    if name != STATUS:
                        self._lose(box, damage)
                    elif damage.path.exists():  # else nothing has come into this chunk
                        self.damaged[box] = True
                        remove_file(damage.path)
                    continue
                inside = values[box]
                inside[...] = part[tuple(map(slice, inside.shape))]

    def declare(self, name: str, variable: Variable) -> None:
        """A variable more."""
        metadata.declare(self._made, name, variable, self.status)
        if variable.scalar:
            self._scalars[name] = self._blank_scalars(variable)

    # Writing

    def write(self, block: Cell, entries: Mapping[Cell, tuple[Record, int]]) -> None:
        """Bring the answers of cells of one block into its chunks: the data, then the status."""
        box = box_of(block, self._made.block)
        groups = grouped(entries)
        self._kept.clear()
        index = tuple(np.concatenate([group.places for group in groups]).T)
        if self.status[index].any():
            # Cells that are done already are pending while their chunks change: nobody must take
            # old and new parts for one answer. The journal has them meanwhile.
            self.status[index] = 0
            self._write_scalars(STATUS, box)
        for name, variable in self._made.layout.variables.items():
            if variable.scalar:
                values = self._scalars[name]
                values[index] = FILLS[variable.kind]
                place(values, groups, name, [0] * self._axes)
                self._write_scalars(name, box)
            else:
                self._write_data(name, groups, box)
        place(self.status, groups, STATUS, [0] * self._axes)
        self._write_scalars(STATUS, box)
        self.damaged[index] = False

    def _write_scalars(self, name: str, box: Box) -> None:
        """Write the chunks of a variable of one number that meet a box of cells."""
        array = self._made.arrays[name]
        for at in self._parts(box, array):
            array.write(self._root, at, self._scalars[name][box_of(at, array.chunk)])

    def _parts(self, box: Box, array: ArrayFile) -> Iterator[Cell]:
        """Places of the chunks along the cells that meet a box."""
        ranges = [
            range(s.start // c, -(-min(s.stop, n) // c))
            for s, c, n in zip(box, array.chunk, array.shape, strict=False)
        ]
        for at in np.ndindex(*map(len, ranges)):
            yield tuple(r[i] for r, i in zip(ranges, at, strict=True))

    def _write_data(self, name: str, groups: list[Group], box: Box) -> None:
        """Write the chunks of one variable in a block."""
        array, axes = self._made.arrays[name], self._axes
        sizes = array.chunk[:axes]
        places = np.concatenate([group.places for group in groups])
        for at in self._parts(box, array):
            here = box_of(at, sizes)
            origin = [s.start for s in here]
            inside = (places >= origin) & (places < [s.stop for s in here])
            chosen = places[inside.all(axis=1)]
            if not len(chosen):
                continue
            values = None
            if self.status[here].any():  # of cells that stay; those that change are pending now
                try:
                    values = self._read_cells(array, at)
                except DamageError as damage:
                    self._lose(here, damage)
            if values is None:
                values = self._blank(array)
            values[tuple((chosen - origin).T)] = array.fill_value
            place(values, groups, name, origin)
            for within in np.ndindex(*array.grid[axes:]):
                cut: Any = (..., *box_of(within, array.chunk[axes:]))
                array.write(self._root, (*at, *within), values[cut])

    def _blank(self, array: ArrayFile) -> Values:
        """Fill values of all chunks over the same cells."""
        shape = (*array.chunk[: self._axes], *array.shape[self._axes :])
        return np.full(shape, array.fill_value, dtype=array.dtype)

    # Reading

    def _read_cells(self, array: ArrayFile, at: Cell) -> Values:
        """All chunks of one variable over the same cells, joined."""
        values, axes = self._blank(array), self._axes
        for within in np.ndindex(*array.grid[axes:]):
            cut: Any = (..., *box_of(within, array.chunk[axes:]))
            target = values[cut]
            target[...] = array.read((*at, *within))[tuple(map(slice, target.shape))]
        return values

    def frame(self, cell: Cell) -> Frame:
        """All values of a cell that is done; chunks are kept until one of another block is asked.

        Raises
        ------
        StoreError
            If one of its chunks is damaged.
        """
        full: Frame = {}
        for name, variable in self._made.layout.all_variables.items():
            if variable.scalar:
                full[name] = bare(self._scalars[name][cell], variable)
                continue
            array = self._made.arrays[name]
            at = tuple(i // n for i, n in zip(cell, array.chunk, strict=False))
            if (name, at) not in self._kept:
                for key in [key for key in self._kept if key[0] == name]:
                    del self._kept[key]
                try:
                    self._kept[name, at] = self._read_cells(array, at)
                except DamageError as damage:
                    raise StoreError(f"`{damage.path}` is damaged.") from None
            inside = tuple(i % n for i, n in zip(cell, array.chunk, strict=False))
            value = self._kept[name, at][inside]
            full[name] = value.copy() if variable.dims else bare(value, variable)
        return full

    # Damage

    def _lose(self, box: Box, damage: DamageError) -> None:
        """Cells whose chunk is damaged become pending; the chunk goes first."""
        remove_file(damage.path)
        lost = np.zeros_like(self.damaged)
        lost[box] = self.status[box] != 0
        if lost.any():
            self.damaged |= lost
            self.status[lost] = 0
            self._kept.clear()
            self._write_scalars(STATUS, box)

    def verify(self) -> None:
        """Check every chunk of cells that are done."""
        axes = self._axes
        for array in self._made.arrays.values():
            for at in np.ndindex(*array.grid[:axes]):
                box = box_of(at, array.chunk[:axes])
                if not self.status[box].any():
                    continue
                for within in np.ndindex(*array.grid[axes:]):
                    try:
                        checked(array.chunk_path((*at, *within)))
                    except DamageError as damage:
                        self._lose(box, damage)
