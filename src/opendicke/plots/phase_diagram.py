"""Phase diagrams: how much of a pattern is left, and what kind of motion is left."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, nearest, shown
from opendicke.plots.style import COLORS, SEQUENTIAL, style
from opendicke.plots.swept import Axis, numeric

_LOOKS = {
    "settled": ("#DCE6EF", "o"),
    "settling": ("#7FB4D9", "^"),
    "limit_cycle": ("#D55E00", "D"),
    "undamped": ("#F0C64C", "s"),
    "moving": ("#707070", "x"),
    "failed": ("#000000", "*"),
    "hidden": ("#CC79A7", "v"),
}
"""Colour and marker of every kind of motion, apart for every kind of colour vision."""
_WORDS = {"hidden": "settled, unstable to kicks"}
_DASHES = ("-", "--", ":", "-.")
_MOST_ROWS = 6
_MOST_COLUMNS = 3
_MOST_MAPS = 4
_MOST_CURVES = len(COLORS)
_MOST_ENTRIES = 6
_KEPT = 0.1
"""Overlap from which a pattern counts as kept,"""
_NOTICEABLE = 0.01
"""and the share of all points that make it worth a panel."""
Contours = Mapping[str, Callable[..., Any]]


def is_phase_diagram(dataset: xr.Dataset) -> bool:
    """Whether a dataset holds averaged overlaps and kinds of motion instead of curves in time."""
    return not _missing(dataset)


def phase_diagram(
    dataset: xr.Dataset,
    patterns: int | Sequence[int] | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    contours: Contours | None = None,
) -> Any:
    """Maps of the averaged overlaps and of the kind of motion; curves where one axis is swept.

    Values are drawn in cells that reach half-way to their neighbours. A third axis makes a row of
    panels for each of its values, of at most six spread over all. Points that lack a pattern are
    hatched. Settled points with a hidden instability count as a kind of motion of their own.

    Parameters
    ----------
    dataset : xarray.Dataset
        Made by `opendicke.phase_diagram`, with one to three axes.
    patterns : int or list of int, optional
        Which patterns to show; by default those that prevail somewhere (four maps or eight curves
        at most), or else the one with the largest mean overlap.
    x, y : str, optional
        Names of the axes drawn horizontally and vertically; by default the first and the second.
    contours : dict, optional
        Label → function of the axes, by name, that vanishes on a line to be drawn, such as
        ``{"$g_{crit}$": lambda strength, field: strength - critical_coupling(field, 1.0, 1.0)}``.
        It is called with arrays. Axes of integers are evaluated at their values only.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the dataset is no phase diagram, or an argument does not fit it.
    """
    from matplotlib.figure import Figure

    missing = _missing(dataset)
    if missing:
        raise InputError("dataset", "be a phase diagram, as `phase_diagram` makes it", missing)
    names = _chosen_axes(dataset, x, y)
    data = _arranged(dataset, names)
    places = _patterns(data, patterns, _MOST_CURVES if len(names) == 1 else _MOST_MAPS)
    lines = _checked(contours, data, names)
    with style():
        if len(names) == 1:
            figure = Figure(figsize=(6.2, 4.2), layout="constrained")
            _draw_curves(figure, data, Axis.of(data, names[0]), places, lines)
        else:
            _, columns = shape = _shape(data, names, places)
            wide, high = (3.5, 2.7) if len(names) == 2 else (2.7, 2.0)
            extent = (1.1 + wide * columns, 0.9 + high * shape[0])
            figure = Figure(figsize=extent, layout="constrained")
            _draw_maps(figure, data, names, places, lines)
    return figure


def _missing(dataset: object) -> str:
    """What a dataset lacks to be a phase diagram, or nothing."""
    if not isinstance(dataset, xr.Dataset):
        return f"was {shown(dataset)}"
    for name in ("overlap", "motion"):
        if name not in dataset:
            return f"had no variable `{name}`"
    if "time" in dataset["overlap"].dims:
        return "had overlaps in time"
    flags = dataset["motion"].attrs
    if "flag_values" not in flags or "flag_meanings" not in flags:
        return "did not say what the values of `motion` mean"
    swept = dataset["motion"].dims
    if set(dataset["overlap"].dims) - {"pattern"} != set(swept):
        return "had other axes for `overlap` than for `motion`"
    if any(name not in dataset.coords for name in swept):
        return "had an axis without values"
    if not 1 <= len(swept) <= 3:
        return f"had {len(swept)} axes where one to three can be drawn; select some values"
    if not dataset["motion"].size:
        return "had no points"
    return ""


def _chosen_axes(dataset: xr.Dataset, x: str | None, y: str | None) -> list[str]:
    """Names of the axes: horizontal, vertical, row of panels."""
    known = [str(name) for name in dataset["motion"].dims]
    for argument, name in (("x", x), ("y", y)):
        if name is not None and name not in known:
            raise InputError(argument, "be an axis of the diagram", nearest(str(name), known))
    if y is not None and len(known) == 1:
        raise InputError("y", "not be given where one axis is swept", f"was `{y}`")
    if x is not None and x == y:
        raise InputError("y", "differ from `x`", f"both were `{x}`")
    rest = [name for name in known if name not in (x, y)]
    first = rest.pop(0) if x is None else x
    if len(known) == 1:
        return [first]
    return [first, rest.pop(0) if y is None else y, *rest]


def _arranged(dataset: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Axes in the order (row, vertical, horizontal, pattern), numbers increasing along each."""
    data = dataset[["overlap", "motion"]]
    if "hidden_instability" in dataset:
        data["motion"] = _with_hidden(data["motion"], dataset["hidden_instability"])
    if "pattern" not in data["overlap"].dims:
        data = data.assign(overlap=data["overlap"].expand_dims("pattern"))
    for name in names:
        if numeric(data[name]):
            data = data.sortby(name)
    return data.transpose(*names[::-1], "pattern")


def _with_hidden(motion: xr.DataArray, hidden: xr.DataArray) -> xr.DataArray:
    """One kind more: settled in a state that is unstable."""
    values = [int(value) for value in np.atleast_1d(motion.attrs["flag_values"])]
    mark = max(values) + 1
    flags = {
        "flag_values": [*values, mark],
        "flag_meanings": f"{motion.attrs['flag_meanings']} hidden",
    }
    marked = motion.astype(int).where(~hidden.astype(bool), mark)
    return marked.assign_attrs(motion.attrs | flags)


def _patterns(data: xr.Dataset, wanted: int | Sequence[int] | None, most: int) -> list[int]:
    """Places of the patterns to show."""
    count = data.sizes["pattern"]
    if wanted is not None:
        return [_numbers(data).index(number) for number in _listed(wanted, _numbers(data))]
    overlap = data["overlap"].values.reshape(-1, count)
    present = np.nan_to_num(overlap, nan=0.0)
    prevails = (present == present.max(axis=1, keepdims=True)) & (present > _KEPT)
    share = prevails.mean(axis=0)
    mean = present.sum(axis=0) / np.maximum(np.isfinite(overlap).sum(axis=0), 1)
    order = np.lexsort((-mean, -share))
    worth = [int(k) for k in order if share[k] >= _NOTICEABLE][:most]
    return sorted(worth) or [int(mean.argmax())]


def _listed(wanted: object, known: list[int]) -> list[int]:
    """Numbers of patterns, each once."""
    listed = [wanted] if isinstance(wanted, Integral) else wanted
    if not isinstance(listed, (list, tuple, range)) or not len(listed):
        raise InputError("patterns", "be a number or a list of numbers", f"was {shown(wanted)}")
    for number in listed:
        if not isinstance(number, Integral) or int(number) not in known:
            wish = f"be among the patterns {known[0]} … {known[-1]}"
            raise InputError("patterns", wish, f"had {shown(number)}")
    return list(dict.fromkeys(map(int, listed)))


def _numbers(data: xr.Dataset) -> list[int]:
    """The number of every pattern."""
    return [int(number) for number in data["pattern"].values]


def _pattern_name(data: xr.Dataset, place: int) -> str:
    if "pattern_name" in data.coords:
        return str(np.atleast_1d(data["pattern_name"].values)[place])
    return f"pattern {_numbers(data)[place]}"


def _kinds(data: xr.Dataset) -> dict[int, str]:
    """Value → kind of motion, of those that occur."""
    motion = data["motion"]
    values = [int(value) for value in np.atleast_1d(motion.attrs["flag_values"])]
    known = dict(zip(values, str(motion.attrs["flag_meanings"]).split(), strict=False))
    occurring = np.unique(motion.values)
    return {int(value): known.get(int(value), f"motion_{value}") for value in occurring}


def _look(kind: str) -> tuple[str, str]:
    return _LOOKS.get(kind, ("#999933", "P"))


def _words(kind: str) -> str:
    return _WORDS.get(kind, kind.replace("_", " "))


Lines = list[tuple[str, np.ndarray]]
"""Label and values on the fine grid (…, vertical, horizontal) of every contour."""


def _checked(contours: Contours | None, data: xr.Dataset, names: list[str]) -> Lines:
    """Evaluate every closed form, over the values of the third axis if there is one."""
    if contours is None:
        return []
    if not isinstance(contours, Mapping):
        raise InputError("contours", "map labels to functions", f"was {shown(contours)}")
    axes = [Axis.of(data, name) for name in names]
    if any(axis.words for axis in axes):
        wordy = next(axis.name for axis in axes if axis.words)
        raise InputError("contours", "be left out where an axis has words", f"`{wordy}` has them")
    places = [axis.fine() for axis in axes[:2]] + [axis.values for axis in axes[2:]]
    grids = np.meshgrid(*places[::-1], indexing="ij")
    arguments = dict(zip(names[::-1], grids, strict=True))
    lines: Lines = []
    for label, formula in contours.items():
        if not callable(formula):
            raise InputError(f"contours.{label}", "be a function", f"was {shown(formula)}")
        if not _takes(formula, arguments):
            wish = "take the axes " + ", ".join(f"`{name}`" for name in names)
            raise InputError(f"contours.{label}", wish, f"was {shown(formula)}")
        with np.errstate(all="ignore"):
            values = np.asarray(formula(**arguments))
        if values.shape != grids[0].shape or not np.issubdtype(values.dtype, np.number):
            raise InputError(
                f"contours.{label}",
                f"return one number for each point, shape {grids[0].shape}",
                f"returned {values.dtype}, shape {values.shape}",
            )
        lines.append((label, values.astype(float)))
    return lines


def _takes(formula: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a function can be called with these names."""
    try:
        inspect.signature(formula).bind(**arguments)
    except TypeError:
        return False
    except ValueError:  # no signature is known
        return True
    return True


def _draw_curves(
    figure: Any, data: xr.Dataset, axis: Axis, places: list[int], lines: Lines
) -> None:
    """Overlaps along the only axis; markers say how points move."""
    from matplotlib.lines import Line2D

    axes = figure.subplots()
    kinds = _kinds(data)
    motion = data["motion"].values
    handles = []
    for color, place in zip(itertools.cycle(COLORS), places, strict=False):
        values = data["overlap"].values[:, place]
        axes.plot(axis.values, values, color=color, lw=1.0, alpha=0.7)
        for value, kind in kinds.items():
            there = motion == value
            # A point that failed has no overlap; it is marked at the bottom.
            height = np.where(np.isnan(values), 0.0, values) if kind == "failed" else values
            axes.plot(
                axis.values[there],
                height[there],
                _look(kind)[1],
                color=color,
                mfc="white" if kind != "settled" else color,
                ms=4.5 if len(motion) <= 60 else 3.0,
                mew=1.0,
                clip_on=False,
                zorder=3,
            )
        handles.append(Line2D([], [], color=color, label=_pattern_name(data, place)))
    for kind in kinds.values():
        handles.append(
            Line2D(
                [],
                [],
                ls="none",
                marker=_look(kind)[1],
                color="0.3",
                mfc="0.3" if kind == "settled" else "white",
                ms=4.5,
                label=_words(kind),
            )
        )
    for dash, (label, values) in zip(itertools.cycle(_DASHES[1:]), lines, strict=False):
        for zero in _zeros(axis.fine(), values):
            axes.axvline(zero, color="black", ls=dash, lw=1.1, zorder=1)
        handles.append(Line2D([], [], color="black", ls=dash, lw=1.1, label=label))
    axis.mark(axes, "x")
    axes.set_xlabel(axis.label)
    axes.set_ylabel("time average of |ξ$_μ$|")
    axes.set_ylim(bottom=min(-0.03, axes.get_ylim()[0]), top=max(1.03, axes.get_ylim()[1]))
    axes.margins(x=0.02)
    _below(figure, handles)


def _zeros(places: np.ndarray, values: np.ndarray) -> list[float]:
    """Where a function changes its sign, by straight lines between its values."""
    with np.errstate(invalid="ignore"):
        crossing = np.flatnonzero((values[:-1] < 0) != (values[1:] < 0))
    found = []
    for k in crossing:
        below, above = values[k], values[k + 1]
        if np.isfinite([below, above]).all():
            share = below / (below - above)
            found.append(float(places[k] + share * (places[k + 1] - places[k])))
    return found


def _rows(data: xr.Dataset, names: list[str]) -> list[int]:
    """Values of the third axis that get a row: all, or as many as fit, spread over all."""
    if len(names) < 3:
        return [0]
    count = data.sizes[names[2]]
    return [int(k) for k in np.unique(np.linspace(0, count - 1, _MOST_ROWS).round())]


def _shape(data: xr.Dataset, names: list[str], places: list[int]) -> tuple[int, int]:
    """Rows and columns of panels: with two axes four maps and more are better in two rows."""
    if len(names) == 3:
        return len(_rows(data, names)), len(places) + 1
    columns = len(places) + 1
    return (2, -(-columns // 2)) if columns > _MOST_COLUMNS else (1, columns)


def _draw_maps(
    figure: Any, data: xr.Dataset, names: list[str], places: list[int], lines: Lines
) -> None:
    """Maps of overlaps beside the map of motion."""
    horizontal, vertical, *third = (Axis.of(data, name) for name in names)
    rows = _rows(data, names)
    panels = figure.subplots(
        *_shape(data, names, places), sharex=True, sharey=True, squeeze=False
    ).ravel()
    kinds = _kinds(data)
    top = max(1.0, float(np.nanmax(np.append(data["overlap"].values, 0.0))))
    letters = iter("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    wanted = [(row, place) for row in rows for place in [*places, None]]
    image, absent, maps = None, False, []
    for axes, (row, place) in zip(panels, wanted, strict=False):
        at = {names[2]: row} if third else {}
        if place is None:
            _motion_map(axes, horizontal, vertical, data["motion"].isel(at), kinds)
            title = "kind of motion"
        else:
            values = data["overlap"].isel(at).isel(pattern=place).values
            image = _overlap_map(axes, horizontal, vertical, values, top)
            maps.append(axes)
            absent |= bool(np.isnan(values).any())
            title = f"overlap with {_pattern_name(data, place)}"
        _draw_lines(axes, horizontal, vertical, [(n, v[row] if third else v) for n, v in lines])
        if third:
            title += f", {third[0].at(row)}"
        axes.set_title(f"({next(letters)}) {title}", fontsize=9)
        horizontal.mark(axes, "x")
        vertical.mark(axes, "y")
    used = panels[: len(wanted)]
    for axes in panels[len(wanted) :]:
        axes.set_visible(False)
    for axes in used:
        below = axes.get_subplotspec()
        if below.is_last_row() or axes not in used[: len(wanted) - below.get_gridspec().ncols]:
            axes.set_xlabel(horizontal.label)
            axes.tick_params(labelbottom=True)
        if below.is_first_col():
            axes.set_ylabel(vertical.label)
    if image is not None:
        beside = maps if third or len(panels) <= _MOST_COLUMNS else list(panels)
        bar = figure.colorbar(image, ax=beside, aspect=22 * _height(panels), pad=0.02)
        bar.set_label("time average of |ξ$_μ$|")
        bar.outline.set_linewidth(0.6)
    _legend(figure, kinds, [label for label, _ in lines], absent)
    if third and len(rows) < data.sizes[names[2]]:
        text = f"{len(rows)} of {data.sizes[names[2]]} values of {third[0].label} are shown."
        figure.suptitle(text, fontsize=8, color="0.3")


def _height(panels: Any) -> int:
    """Rows of panels."""
    return int(panels[0].get_subplotspec().get_gridspec().nrows)


def _mesh(axes: Any, horizontal: Axis, vertical: Axis, values: Any, **colors: Any) -> Any:
    """Cells with their true borders; in vector graphics one picture, lest seams show."""
    axes.grid(False)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_linewidth(0.6)
    return axes.pcolormesh(horizontal.edges(), vertical.edges(), values, rasterized=True, **colors)


def _overlap_map(
    axes: Any, horizontal: Axis, vertical: Axis, values: np.ndarray, top: float
) -> Any:
    from matplotlib.patches import Rectangle

    background = Rectangle(
        (0, 0), 1, 1, transform=axes.transAxes, fc="white", ec="0.6", hatch="////", lw=0, zorder=0
    )
    axes.add_patch(background)
    shown_values = np.ma.masked_invalid(values)
    return _mesh(axes, horizontal, vertical, shown_values, cmap=SEQUENTIAL, vmin=0, vmax=top)


def _motion_map(
    axes: Any, horizontal: Axis, vertical: Axis, motion: xr.DataArray, kinds: dict[int, str]
) -> Any:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    values = np.array(list(kinds))
    colors = ListedColormap([_look(kind)[0] for kind in kinds.values()])
    borders = np.concatenate([values - 0.5, values[-1:] + 0.5])
    norm = BoundaryNorm(borders, len(values))
    return _mesh(axes, horizontal, vertical, motion.values, cmap=colors, norm=norm)


def _draw_lines(axes: Any, horizontal: Axis, vertical: Axis, lines: Lines) -> None:
    """Zero lines of the closed forms, legible on every colour."""
    from matplotlib import patheffects

    outline = [patheffects.withStroke(linewidth=2.6, foreground="white")]
    for dash, (_, values) in zip(itertools.cycle(_DASHES), lines, strict=False):
        known = np.ma.masked_invalid(values)
        if known.count() and known.min() <= 0 <= known.max() and min(known.shape) > 1:
            drawn = axes.contour(
                horizontal.fine(),
                vertical.fine(),
                known,
                levels=[0.0],
                colors="black",
                linestyles=dash,
                linewidths=1.3,
            )
            drawn.set_path_effects(outline)
    axes.set_xlim(horizontal.edges()[[0, -1]])
    axes.set_ylim(vertical.edges()[[0, -1]])


def _legend(figure: Any, kinds: dict[int, str], labels: list[str], absent: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(fc=_look(kind)[0], ec="0.4", lw=0.6, label=_words(kind)) for kind in kinds.values()
    ]
    if absent:
        handles.append(Patch(fc="white", ec="0.6", hatch="////", lw=0, label="no such pattern"))
    for dash, label in zip(itertools.cycle(_DASHES), labels, strict=False):
        handles.append(Line2D([], [], color="black", ls=dash, lw=1.3, label=label))
    _below(figure, handles)


def _below(figure: Any, handles: list[Any]) -> None:
    """The legend below the panels, in rows of about equal length."""
    rows = -(-len(handles) // _MOST_ENTRIES)
    columns = -(-len(handles) // rows)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
