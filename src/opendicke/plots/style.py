"""One style for all figures."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.errors import InputError, StoreError

# Distinguishable with every kind of colour vision, and the first six by their lightness alone.
COLORS = ("#0B3C8C", "#D55E00", "#4DBE8A", "#A0185C", "#F0B429", "#007D8A", "#000000", "#8A8A8A")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.4, 1.2, 1.4)),
    (0, (9, 2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P")
SEQUENTIAL = "viridis"
"""The colour map of numbers: the larger, the lighter, in grey as well."""
FORMATS = (".png", ".pdf", ".svg")

_SETTINGS: dict[str, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 120,
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.bbox": "tight",
    "savefig.dpi": 150,
    "svg.hashsalt": "opendicke",
}


@contextmanager
def style() -> Iterator[None]:
    """The project's matplotlib settings, for the enclosed code only."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = _SETTINGS | {"axes.prop_cycle": cycler(color=COLORS)}
    with mpl.rc_context(settings):
        yield


def line_style(number: int, *, marker: bool = False) -> dict[str, Any]:
    """How the line of a number looks: colour and dashes, so that lines differ in grey as well.

    Parameters
    ----------
    number : int
        From 0; of many lines the looks repeat, dashes before colours.
    marker : bool
        With a symbol at each point, too.

    Returns
    -------
    dict
        Keywords of `Axes.plot`.
    """
    look = {"color": COLORS[number % len(COLORS)], "linestyle": DASHES[number % len(DASHES)]}
    return look | ({"marker": MARKERS[number % len(MARKERS)]} if marker else {})


def shades(count: int) -> Any:
    """Colours of curves over an ordered parameter, from light to dark, (count, 4)."""
    from matplotlib import colormaps

    return colormaps[SEQUENTIAL](np.linspace(0.9, 0.05, count))


def band(axes: Any, x: Any, mean: Any, error: Any = None, **line: Any) -> Any:
    """A curve on `axes`, and its error to both sides as a band of its colour.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, mean, error : arrays of one shape
        Without an error the curve alone is drawn.
    line
        Passed on to `Axes.plot`.

    Returns
    -------
    matplotlib.lines.Line2D
    """
    (drawn,) = axes.plot(x, mean, **line)
    if error is not None:
        below, above = np.asarray(mean) - np.asarray(error), np.asarray(mean) + np.asarray(error)
        place = drawn.get_zorder() - 0.5
        axes.fill_between(x, below, above, color=drawn.get_color(), alpha=0.25, lw=0, zorder=place)
    return drawn


def spread_times(axes: Any, times: Any) -> None:
    """A logarithmic axis of time where times grow over decades, linear up to the first step."""
    steps = np.diff(np.asarray(times, dtype=float))
    if len(steps) > 2 and steps[-1] > 30 * steps[0] and times[0] == 0:
        axes.set_xscale("symlog", linthresh=float(steps[0]))


def plain_ticks(*axes: Any) -> None:
    """Logarithmic `Axis` objects of few decades, marked at 1, 2 and 5 by plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def check_figure_path(path: str | Path) -> Path:
    """A path that a figure can be saved to."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError("figure", f"end in {', '.join(FORMATS)}", f"was `{path}`")
    if os.path.isdir(path):  # unlike Path.is_dir, never raises
        raise InputError("figure", "be a file", f"`{path}` was a folder")
    return path


def save_figure(figure: Any, path: str | Path) -> Path:
    """Write a figure, whole or not at all; the folder is made if need be."""
    path = check_figure_path(path)
    partial = path.with_name(f".{uuid.uuid4().hex[:8]}.new{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(partial)
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror or error}.") from None
    finally:
        with suppress(OSError):
            partial.unlink()
    return path
