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

# Okabe and Ito's palette: distinguishable with every kind of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
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


def spread_times(axes: Any, times: Any) -> None:
    """A logarithmic axis of time where times grow over decades, linear up to the first step."""
    steps = np.diff(np.asarray(times, dtype=float))
    if len(steps) > 2 and steps[-1] > 30 * steps[0] and times[0] == 0:
        axes.set_xscale("symlog", linthresh=float(steps[0]))


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
