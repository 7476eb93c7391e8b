"""What the journal of an ensemble holds: answers of cells that are not yet in chunks."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.results.ensemble_layout import DTYPES, STATUS, Cell, Layout
from opendicke.results.journal import Journal, pack, unpack

Frame = dict[str, Any]
"""Values of one cell by the name of the variable, `status` among them."""

SUFFIX = ".journal"
_OVERHEAD = 1000
"""Bytes a record takes in memory beside its values."""


class Column(NamedTuple):
    """Values of one variable and of one shape, of some cells of a record."""

    name: str
    rows: Any
    """Which cells of the record, (n,), ascending; None for all of them."""
    values: Any
    """(n, …); a list for texts."""

    def find(self, row: int) -> int | None:
        """Where the value of a cell is, if there is one."""
        if self.rows is None:
            return row
        at = int(np.searchsorted(self.rows, row))
        return at if at < len(self.rows) and self.rows[at] == row else None


@dataclass(eq=False)
class Record:
    """Answers of several cells that were found together."""

    cells: list[Cell]
    columns: list[Column]
    size: int
    live: int = 0
    """How many of its cells nothing has replaced."""

    def __post_init__(self) -> None:
        self.by_name: dict[str, list[Column]] = {}
        for column in self.columns:
            self.by_name.setdefault(column.name, []).append(column)

    def frame(self, row: int) -> Frame:
        """Values of one cell, as they were given."""
        found: Frame = {}
        for column in self.columns:
            at = column.find(row)
            if at is not None:
                found[column.name] = column.values[at]
        return found


def encode(cells: Sequence[Cell], frames: Sequence[Frame], layout: Layout) -> tuple[bytes, Record]:
    """Answers of several cells as one record: as bytes, and as `decode` will find it.

    Raises
    ------
    InputError
        For cells, variables or shapes that the layout does not have.
    """
    if len(cells) != len(frames):
        raise InputError("frames", "be one for each cell", f"were {len(frames)} for {len(cells)}")
    lengths, variables = layout.cells, layout.all_variables
    for cell in cells:
        if len(cell) != len(lengths) or not all(
            0 <= i < n for i, n in zip(cell, lengths, strict=True)
        ):
            raise InputError("cells", f"lie within {lengths}", f"one was {shown(cell)}")
    most = {name: layout.shape(variable) for name, variable in variables.items()}
    columns: dict[tuple[str, tuple[int, ...]], tuple[list[int], list[Any]]] = {}
    for row, frame in enumerate(frames):
        if not frame.get(STATUS):
            raise InputError("frames", "have a status", f"that of cell {cells[row]} has none")
        for name, given in frame.items():
            variable = variables.get(name)
            if variable is None:
                raise InputError("frames", "hold declared variables", f"`{name}` is not")
            value, shape = _checked(name, variable.kind, given, most[name])
            rows, values = columns.setdefault((name, shape), ([], []))
            rows.append(row)
            values.append(value)
    arrays: dict[str, Any] = {}
    entries, made = [], []
    for number, ((name, _), (rows, values)) in enumerate(columns.items()):
        entry: dict[str, Any] = {"name": name}
        some = np.array(rows) if len(rows) < len(frames) else None
        if some is not None:
            arrays[f"rows{number}"] = some
        if variables[name].kind == "text":
            entry["text"] = values
        else:
            arrays[str(number)] = np.array(values, dtype=DTYPES[variables[name].kind])
        entries.append(entry)
        made.append(Column(name, some, entry.get("text", arrays.get(str(number)))))
    plain = [tuple(map(int, cell)) for cell in cells]
    payload = pack({"cells": plain, "columns": entries}, arrays)
    return payload, Record(plain, made, len(payload) + _OVERHEAD)


def _checked(
    name: str, kind: str, given: Any, most: tuple[int, ...]
) -> tuple[Any, tuple[int, ...]]:
    """A value of the right kind that is not larger than the layout, and its shape."""
    if kind == "text":
        value: Any = np.asarray(given).tolist() if most else str(given)
        shape = np.shape(np.asarray(given)) if most else ()
    elif type(given) is float or type(given) is int:
        value, shape = given, ()
        if kind != "float" and type(given) is float:
            raise InputError(f"frames.{name}", "be an integer", f"was {given}")
    else:
        value = np.asarray(given)
        shape = value.shape
        if value.dtype.kind not in ("fiub" if kind == "float" else "iub"):
            raise InputError(f"frames.{name}", f"hold {kind}s", f"was {shown(given)}")
    if len(shape) != len(most) or any(map(operator.gt, shape, most)):
        raise InputError(f"frames.{name}", f"fit into {most}", f"has shape {shape}")
    return value, shape


def decode(payload: bytes) -> Record | Cell:
    """A record; or the block of cells that came into chunks.

    Raises
    ------
    ValueError
        If it is neither.
    """
    header, arrays = unpack(payload)
    try:
        if "written" in header:
            return tuple(map(int, header["written"]))
        cells = [tuple(map(int, cell)) for cell in header["cells"]]
        columns = []
        for number, entry in enumerate(header["columns"]):
            rows = arrays.get(f"rows{number}")
            values = entry["text"] if "text" in entry else arrays[str(number)]
            if len(cells if rows is None else rows) != len(values):
                raise ValueError("columns of different lengths")
            columns.append(Column(str(entry["name"]), rows, values))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a record of cells: {error}") from None
    return Record(cells, columns, len(payload) + _OVERHEAD)


def written(block: Cell) -> bytes:
    """The record that all cells of a block, as logged so far, are in its chunks."""
    return pack({"written": list(block)}, {})


class Buffer:
    """The latest answers of cells that are not in chunks, by block."""

    def __init__(self, block: Sequence[int]) -> None:
        self._block = tuple(block)
        self.blocks: dict[Cell, dict[Cell, tuple[Record, int]]] = {}
        self.size = 0
        """Bytes of memory."""

    def block_of(self, cell: Cell) -> Cell:
        """The block in which a cell lies."""
        return tuple(i // n for i, n in zip(cell, self._block, strict=True))

    def add(self, record: Record) -> None:
        """Take up the cells of a record; they replace older answers of the same cells."""
        record.live = len(record.cells)
        self.size += record.size
        for row, cell in enumerate(record.cells):
            entries = self.blocks.setdefault(self.block_of(cell), {})
            if cell in entries:
                self._drop(entries[cell][0])
            entries[cell] = record, row

    def _drop(self, record: Record) -> None:
        record.live -= 1
        if not record.live:
            self.size -= record.size

    def remove(self, block: Cell) -> None:
        """Forget a block."""
        for record, _ in self.blocks.pop(block, {}).values():
            self._drop(record)

    def get(self, cell: Cell) -> tuple[Record, int] | None:
        """Where the answer of a cell is."""
        return self.blocks.get(self.block_of(cell), {}).get(cell)

    def records(self) -> dict[Record, list[tuple[Cell, int]]]:
        """Live cells and their rows, by record, in the order in which they came."""
        found: dict[Record, list[tuple[Cell, int]]] = {}
        for entries in self.blocks.values():
            for cell, (record, row) in entries.items():
                found.setdefault(record, []).append((cell, row))
        return found

    def replay(self, payloads: Iterable[bytes]) -> None:
        """Take up what a journal says, up to the first record that says nothing."""
        for payload in payloads:
            try:
                said = decode(payload)
            except ValueError:
                return
            if isinstance(said, Record):
                if any(len(cell) != len(self._block) for cell in said.cells):
                    return
                self.add(said)
            else:
                self.remove(said)


def journals(folder: Path) -> list[Path]:
    """The journals in a folder, the oldest first."""
    names = [path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()]
    return sorted(names, key=lambda path: int(path.stem))


class Group(NamedTuple):
    """Cells whose answers are in one record."""

    record: Record
    rows: Any
    """(n,), ascending."""
    places: Any
    """Their positions, (n, axes)."""


def grouped(entries: Mapping[Cell, tuple[Record, int]]) -> list[Group]:
    """Cells by the record in which their answers are."""
    found: dict[Record, list[tuple[int, Cell]]] = {}
    for cell, (record, row) in entries.items():
        found.setdefault(record, []).append((row, cell))
    groups = []
    for record, pairs in found.items():
        pairs.sort()
        rows = np.array([row for row, _ in pairs])
        groups.append(Group(record, rows, np.array([cell for _, cell in pairs])))
    return groups


def place(target: Any, groups: Sequence[Group], name: str, origin: Sequence[int]) -> None:
    """Write values of one variable into an array over the cells from `origin` on."""
    end = np.array(origin) + target.shape[: len(origin)]
    for record, rows, places in groups:
        columns = record.by_name.get(name)
        if not columns:
            continue
        inside = ((places >= origin) & (places < end)).all(axis=1)
        for column in columns:
            if column.rows is None:
                chosen, taken = inside, rows
            else:
                taken = np.searchsorted(column.rows, rows).clip(max=len(column.rows) - 1)
                chosen = inside & (column.rows[taken] == rows)
            index = tuple((places[chosen] - origin).T)
            taken = taken[chosen]
            if not len(taken):
                continue
            if isinstance(column.values, list):
                values = np.array([column.values[k] for k in taken], dtype=object)
            elif len(taken) == len(column.values):
                values = column.values
            else:
                values = column.values[taken]
            target[(*index, *(slice(n) for n in values.shape[1:]))] = values


def open_journal(folder: Path) -> Journal:
    """A new journal behind those that are there; its file is made with the first record."""
    there = journals(folder)
    number = int(there[-1].stem) + 1 if there else 1
    return Journal(folder / f"{number:06d}{SUFFIX}")
