"""The axes of a phase diagram: labels, ticks, and the cells around the values."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

_SYMBOLS = {
    "strength": ("coupling strength", "$g_0$"),
    "sigma": ("coupling strength", "σ"),
    "field": ("field", "Ω"),
    "frequencies": ("frequency", "ω"),
    "modes": ("number of modes", "$M$"),
    "spins": ("number of spins", "$N$"),
    "flipped": ("flipped fraction", "$f$"),
}
_FINE = 301
_LOGARITHMIC = 20.0
"""Ratio of ends from which an axis of equal ratios is drawn logarithmically."""


class Axis(NamedTuple):
    """A swept axis as it is drawn."""

    name: str
    label: str
    symbol: str
    values: np.ndarray
    """Where values lie, increasing."""
    words: tuple[str, ...]
    """What stands at them, if they are no numbers."""
    logarithmic: bool

    @classmethod
    def of(cls, data: xr.Dataset, name: str) -> Axis:
        coordinate = data[name]
        path = str(coordinate.attrs.get("long_name", name))
        last = path.split(".")[-1]
        plain, symbol = _SYMBOLS.get(last, (last.replace("_", " "), ""))
        listed = "values" in coordinate.attrs
        text = f"{name} (place in its list)" if listed else f"{plain} {symbol}".rstrip()
        if not listed and (others := _along(data, name, path)):
            text += f"\n({others} change with it)"
        words = () if numeric(coordinate) else tuple(map(str, coordinate.values))
        values = np.arange(len(words)) if words else coordinate.values
        return cls(name, text, symbol or name, values, words, not words and _geometric(values))

    def edges(self) -> np.ndarray:
        """Borders of the cells around the values: half-way to the neighbours."""
        values = np.log(self.values) if self.logarithmic else self.values.astype(float)
        if len(values) == 1:
            return np.asarray([values[0] - 0.5, values[0] + 0.5])
        middle = (values[1:] + values[:-1]) / 2
        ends = 2 * values[0] - middle[0], 2 * values[-1] - middle[-1]
        edges = np.concatenate([ends[:1], middle, ends[1:]])
        return np.asarray(np.exp(edges) if self.logarithmic else edges)

    def fine(self) -> np.ndarray:
        """Places at which a closed form is evaluated: all along, or at integers only."""
        if np.issubdtype(self.values.dtype, np.integer):
            return self.values
        ends = self.edges()[[0, -1]]
        inside = self.values[[0, -1]]
        # Borders of cells may have a sign that no value has: closed forms need not hold there.
        low, high = np.where(np.sign(ends) == np.sign(inside), ends, 1e-6 * inside)
        space = np.geomspace if self.logarithmic else np.linspace
        return np.asarray(space(low, high, _FINE))

    def at(self, place: int) -> str:
        """One value in words."""
        value = self.words[place] if self.words else f"{self.values[place]:.4g}"
        return f"{self.symbol} = {value}"

    def mark(self, axes: Any, side: str) -> None:
        """Ticks and scale of one axis, "x" or "y", of a panel."""
        from matplotlib.ticker import MaxNLocator

        axis = getattr(axes, f"{side}axis")
        if self.words:
            axis.set_ticks(self.values, self.words)
        elif np.issubdtype(self.values.dtype, np.integer):
            axis.set_major_locator(MaxNLocator(integer=True))
        elif self.logarithmic:
            axes.set(**{f"{side}scale": "log"})


def numeric(coordinate: xr.DataArray) -> bool:
    return bool(np.issubdtype(coordinate.dtype, np.number))


def _geometric(values: np.ndarray) -> bool:
    """Whether numbers have equal ratios and span a range worth a logarithmic scale."""
    if len(values) < 4 or values[0] <= 0 or np.issubdtype(values.dtype, np.integer):
        return False
    steps = np.diff(np.log(values))
    return bool(values[-1] > _LOGARITHMIC * values[0] and np.ptp(steps) < 1e-3 * steps.mean())


def _along(data: xr.Dataset, name: str, path: str) -> str:
    """Other parameters that change along an axis, as the dataset describes it."""
    try:
        paths = list(json.loads(data.attrs["experiment"])["sweep"][name])
    except (KeyError, TypeError, ValueError):
        return ""
    others = [str(other).split(".")[-1].replace("_", " ") for other in paths if other != path]
    return " and ".join(others)
