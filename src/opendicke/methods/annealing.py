"""Fields and damping that change in steps while a simulation runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array
from opendicke.model.dicke import DickeModel

_LARGEST = 1e100


class Stage(NamedTuple):
    """A stretch of time over which nothing changes."""

    until: float
    field: float
    """Factor of the model's field."""
    damping: float
    """Factor of the model's loss − gain, at equal gain."""


@dataclass(frozen=True)
class Annealing:
    """Tables of factors: entry k holds from `times[k]` to the next; the first one also before."""

    times: tuple[float, ...]
    field: tuple[float, ...]
    damping: tuple[float, ...]

    @classmethod
    def of(cls, times: object, field: object, damping: object) -> Annealing | None:
        """From the settings of a method; None where nothing is annealed.

        Raises
        ------
        InputError
            If there are factors without times or the reverse, times do not increase, lengths
            differ, or a damping is not positive.
        """
        if times is None:
            for name, given in (("anneal_field", field), ("anneal_damping", damping)):
                if given is not None:
                    raise InputError("anneal_times", f"be given with `{name}`", "was missing")
            return None
        entries = _table("anneal_times", times)
        if (np.diff(entries) <= 0).any():
            raise InputError("anneal_times", "be strictly increasing", f"was {entries.tolist()}")
        if field is None and damping is None:
            raise InputError(
                "anneal_times", "come with `anneal_field` or `anneal_damping`", "came with neither"
            )
        made = []
        for name, given in (("anneal_field", field), ("anneal_damping", damping)):
            values = np.ones(len(entries)) if given is None else _table(name, given)
            if len(values) != len(entries):
                raise InputError(
                    name,
                    f"have one entry for each of `anneal_times` ({len(entries)})",
                    f"had {len(values)}",
                )
            made.append(values)
        if (np.abs(made[0]) > _LARGEST).any():
            raise InputError(
                "anneal_field", f"be at most {_LARGEST:g} in size", f"had {np.abs(made[0]).max():g}"
            )
        if (made[1] <= 0).any():
            raise InputError("anneal_damping", "be positive", f"had {made[1].min():g}")
        return cls(*(tuple(map(float, values)) for values in (entries, *made)))

    def stages(self, start: float, end: float) -> Iterator[Stage]:
        """The stretches between two times, in order, the last one up to `end`."""
        current = max(0, int(np.searchsorted(self.times, start, side="right")) - 1)
        while True:
            last = current + 1 == len(self.times)
            until = end if last else min(self.times[current + 1], end)
            yield Stage(until, self.field[current], self.damping[current])
            if until >= end:
                return
            current += 1


def damped(model: DickeModel, factor: float) -> DickeModel:
    """The model with loss − gain times a factor, at equal gain: η of fiorelli2020 is scaled."""
    return model if factor == 1 else replace(model, loss=model.gain + factor * model.damping)


def _table(name: str, value: object) -> Array:
    table = numeric_array(name, value)
    if table.ndim != 1 or not len(table):
        raise InputError(name, "be a list of at least one number", f"had shape {table.shape}")
    return table
