"""The members of an ensemble that count, and their answers, one sweep point after the other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from opendicke.errors import InputError, ValidityWarning, nearest, shown
from opendicke.measure.raw import Status
from opendicke.model.checks import Array
from opendicke.results.dataset import MEMBER_LABELS

DIM = "realization"
_AT_ONCE = 256_000_000
"""Bytes of one observable up to which it is read whole."""


@dataclass(frozen=True, eq=False)
class Members:
    """An ensemble and who of it counts."""

    dataset: xr.Dataset
    points: tuple[str, ...]
    """Dimensions of the sweep."""
    used: Array
    """Which members count, (points…, R)."""
    left_out: Array
    """How many do not, (points…)."""
    names: list[str]
    """Observables."""

    @classmethod
    def of(cls, dataset: xr.Dataset, statuses: Sequence[str]) -> Members:
        """The members whose computation ended in one of the ways that `statuses` names.

        A `ValidityWarning` says how many others there are.

        Raises
        ------
        InputError
            If the dataset is no ensemble with `status`, or a status is not known.
        """
        check_ensemble(dataset)
        points = tuple(str(dim) for dim in dataset["status"].dims if dim != DIM)
        status = dataset["status"].transpose(*points, DIM).values
        used = np.isin(status, _numbers(statuses))
        if not used.all():
            _warn(status[~used], status.size)
        return cls(dataset, points, used, (~used).sum(axis=-1), _observables(dataset, points))

    def inner(self, name: str) -> tuple[str, ...]:
        """Dimensions of one member's answer."""
        own = self.dataset[name].dims
        return tuple(str(dim) for dim in own if dim not in (*self.points, DIM))

    def shape(self, dims: Sequence[str]) -> tuple[int, ...]:
        """Extents of dimensions."""
        return tuple(self.dataset.sizes[dim] for dim in dims)

    def each(self, name: str) -> Iterator[tuple[tuple[int, ...], Array, Array | None]]:
        """Place of every sweep point, means (R, …) and standard errors of all its members.

        At most one sweep point is read at a time where the whole is large.
        """
        reads = [self._reader(name)]
        if f"{name}_stderr" in self.dataset:
            reads.append(self._reader(f"{name}_stderr"))
        for place in np.ndindex(*self.shape(self.points)):
            parts = [read[place] for read in reads]
            yield place, parts[0], parts[1] if len(parts) > 1 else None

    def _reader(self, name: str) -> _Reader:
        data = self.dataset[name].transpose(*self.points, DIM, *self.inner(name))
        return _Reader(data.values if data.nbytes <= _AT_ONCE else data)

    def coordinates(self, *dropped: str) -> dict[str, xr.DataArray]:
        """Coordinates that do not tell realizations (or what else is `dropped`) apart."""
        return {
            str(name): coordinate
            for name, coordinate in self.dataset.coords.items()
            if name not in (DIM, *dropped) and not {DIM, *dropped} & set(coordinate.dims)
        }


def check_ensemble(dataset: xr.Dataset) -> None:
    """Refuse what has no status of every realization."""
    if not isinstance(dataset, xr.Dataset):
        raise InputError("dataset", "be an xarray dataset", f"was {shown(dataset)}")
    if "status" not in dataset or DIM not in dataset["status"].dims:
        held = ", ".join(f"`{name}`" for name in dataset.data_vars) or "nothing"
        raise InputError("dataset", f"hold `status` along `{DIM}`", f"held {held}")


@dataclass(frozen=True, eq=False)
class _Reader:
    """Sweep points of an array, or of data that are read when asked for."""

    data: Array | xr.DataArray

    def __getitem__(self, place: tuple[int, ...]) -> Array:
        return np.asarray(self.data[place], dtype=float)


def _observables(dataset: xr.Dataset, points: tuple[str, ...]) -> list[str]:
    """Data variables that hold an answer of every member."""
    return [
        str(name)
        for name, data in dataset.data_vars.items()
        if {*points, DIM} <= set(data.dims)
        and data.dtype.kind == "f"
        and name not in MEMBER_LABELS
        and str(name).removesuffix("_stderr") not in set(dataset.data_vars) - {name}
    ]


def _numbers(statuses: Sequence[str]) -> list[int]:
    known = {value.name.lower(): int(value) for value in Status if value != Status.PENDING}
    if isinstance(statuses, str) or not isinstance(statuses, Sequence) or not len(statuses):
        raise InputError("statuses", "be a list of words", f"was {shown(statuses)}")
    for word in statuses:
        if word not in known:
            raise InputError("statuses", "hold known words", nearest(str(word), known))
    return [known[word] for word in statuses]


def status_counts(status: Array) -> dict[str, int]:
    """How many members ended in which way, in words."""
    ways = {int(value): value.name.lower().replace("_", " ") for value in Status}
    numbers, counts = np.unique(status, return_counts=True)
    pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
    return {ways.get(number, f"status {number}"): count for number, count in pairs}


def _warn(left_out: Array, total: int) -> None:
    counts = status_counts(left_out)
    told = ", ".join(f"{count} {way}" for way, count in counts.items())
    text = f"{len(left_out)} of {total} members are left out ({told})"
    if set(counts) != {"pending"}:
        text += "; averages are biased if whether a member ends well goes with its answer"
    warnings.warn(f"{text}.", ValidityWarning, stacklevel=4)
