"""What an ensemble's store holds: its variables, their dimensions and chunks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

from opendicke.errors import InputError, shown
from opendicke.measure.raw import Status

Kind = Literal["float", "int", "status", "text"]
Cell = tuple[int, ...]

STATUS = "status"
JOURNAL = "journal"
GROUPS = ("moments", "ends")
"""Subgroups: what plain datasets do not show."""

DTYPES: dict[str, Any] = {
    "float": np.dtype(np.float64),
    "int": np.dtype(np.int64),
    "status": np.dtype(np.int8),
    "text": np.dtypes.StringDType(),
}
FILLS: dict[str, Any] = {"float": math.nan, "int": 0, "status": 0, "text": ""}

_BLOCK_CELLS = 64
_SCALAR_CELLS = 4096
_CHUNK_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class Variable:
    """One variable of every cell."""

    dims: tuple[str, ...] = ()
    """Inner dimensions, those of the cells left out."""
    kind: Kind = "float"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scalar(self) -> bool:
        """One number for each cell."""
        return not self.dims and self.kind != "text"


STATUS_VARIABLE = Variable(
    (),
    "status",
    {
        "long_name": "how the computation ended",
        "flag_values": [int(value) for value in Status],
        "flag_meanings": " ".join(value.name.lower() for value in Status),
    },
)


@dataclass(frozen=True)
class Layout:
    """Dimensions, labels and variables of an ensemble."""

    axes: Mapping[str, xr.Variable]
    """Dimensions of the cells in order, with their coordinates; the last is "realization"."""
    coordinates: Mapping[str, xr.Variable] = field(default_factory=dict)
    """Labels without dimensions of the cells: time, spin, …"""
    extents: Mapping[str, int] = field(default_factory=dict)
    """Lengths of all inner dimensions."""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    """All but `status`. Names "moments/NAME" and "ends/NAME" live in subgroups."""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cells(self) -> tuple[int, ...]:
        """Lengths of the dimensions of the cells."""
        return tuple(variable.sizes[name] for name, variable in self.axes.items())

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Inner shape of a variable."""
        return tuple(self.extents[dim] for dim in variable.dims)

    @property
    def all_variables(self) -> dict[str, Variable]:
        """The variables and `status`, which is the last."""
        return {**self.variables, STATUS: STATUS_VARIABLE}

    def with_variable(self, name: str, variable: Variable) -> Layout:
        """One variable more."""
        return dataclasses.replace(self, variables={**self.variables, name: variable})


def check_layout(layout: Layout) -> None:
    """Refuse what no store can hold.

    Raises
    ------
    InputError
        For axes, names or dimensions that do not fit together.
    """
    if not layout.axes or list(layout.axes)[-1] != "realization":
        raise InputError("axes", "end in `realization`", f"were {shown(list(layout.axes))}")
    for name, axis in layout.axes.items():
        if axis.dims != (name,) or not len(axis):
            raise InputError(f"axes.{name}", "be a variable along itself", f"was {shown(axis)}")
    for name, extent in layout.extents.items():
        if name in layout.axes or not isinstance(extent, int) or extent < 1:
            raise InputError(f"extents.{name}", "be at least 1", f"was {shown(extent)}")
    for name, coordinate in layout.coordinates.items():
        _check_name(name, layout)
        for dim, size in coordinate.sizes.items():
            if layout.extents.get(str(dim), size) != size:
                raise InputError(
                    f"coordinates.{name}",
                    f"have length {layout.extents[str(dim)]} along `{dim}`",
                    f"has {size}",
                )
    for name, variable in layout.variables.items():
        check_variable(name, variable, layout)


def check_variable(name: str, variable: Variable, layout: Layout) -> None:
    """Refuse a variable that does not fit into a layout."""
    _check_name(name, layout)
    if name in layout.coordinates or name == STATUS:
        raise InputError("variables", "have names of their own", f"`{name}` is taken")
    if variable.kind not in DTYPES:
        raise InputError(f"variables.{name}.kind", "be known", f"was {shown(variable.kind)}")
    for dim in variable.dims:
        if dim not in layout.extents:
            raise InputError(f"variables.{name}.dims", "have extents", f"`{dim}` has none")


def _check_name(name: str, layout: Layout) -> None:
    *groups, last = name.split("/")
    good = last and not last.startswith((".", "__")) and last != JOURNAL
    if not good or "\\" in name or "\0" in name or (groups and groups not in [[g] for g in GROUPS]):
        raise InputError("variables", "have usable names", f"one was {shown(name)}")
    if not groups and (last in layout.axes or last in GROUPS):
        raise InputError("variables", "have names of their own", f"`{name}` is taken")


def is_fixed(layout: Layout) -> bool:
    """Whether nothing is random, so that there will never be more than one realization."""
    axis = layout.axes["realization"]
    return len(axis) == 1 and bool(axis.attrs.get("fixed") or layout.attributes.get("fixed"))


def _power(number: int) -> int:
    """The least power of two that is not below a number."""
    return 1 << max(0, number - 1).bit_length()


def block_shape(cells: Sequence[int], fixed: bool) -> tuple[int, ...]:
    """Cells that share their chunks: 64, along the realizations, then along the sweep.

    Axes may grow later, but never the chunks; so a block is not longer than its axis now, unless
    all axes together have fewer cells, or an axis has length 1 for good.
    """
    *sweep, realizations = cells
    points = math.prod(_power(length) for length in sweep)
    last = 1
    if not fixed:
        last = min(_BLOCK_CELLS, max(_power(realizations), _BLOCK_CELLS // min(points, 64)))
    block = _spread(sweep, [1] * len(sweep), _BLOCK_CELLS // last)
    return (*block, last)


def scalar_shape(cells: Sequence[int], block: Sequence[int], fixed: bool) -> tuple[int, ...]:
    """Cells that share a chunk of one number each: about 4096, whole blocks."""
    factor = _SCALAR_CELLS // math.prod(block)
    if fixed:
        return (*_spread(cells[:-1], block[:-1], factor), block[-1])
    return _spread(cells, block, factor)


def _spread(lengths: Sequence[int], shape: Sequence[int], factor: int) -> tuple[int, ...]:
    """Lengthen a shape by a factor, the last axes first; what is too much goes to the last."""
    made = list(shape)
    for i in reversed(range(len(made))):
        share = max(1, min(factor, _power(lengths[i]) // made[i]))
        made[i] *= share
        factor //= share
    if made:
        made[-1] *= factor
    return tuple(made)


def chunk_shape(
    inner: Sequence[int], block: Sequence[int], itemsize: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunk of a variable along the cells and within a cell.

    A block is cut where its values exceed 128 MB, a single cell along its first dimension.
    """
    cells, within = list(block), list(inner)
    size = itemsize * math.prod(inner)
    for i in range(len(cells)):
        while cells[i] > 1 and size * math.prod(cells) > _CHUNK_BYTES:
            cells[i] //= 2
    for i in range(len(within)):
        while within[i] > 1 and itemsize * math.prod(within) > _CHUNK_BYTES:
            within[i] = -(-within[i] // 2)
    return tuple(cells), tuple(within)
