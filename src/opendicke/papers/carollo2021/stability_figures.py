"""Drawings beyond carollo2021: windows of instability, kicked states, phase diagrams."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.physics.windows import instability_windows
from opendicke.plots.style import COLORS, line_style, style


def draw_windows(dataset: xr.Dataset) -> Any:
    """Growth rate of small perturbations of each retrieval state; above zero it is unstable."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(6.2, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0, color="black", lw=0.9)
        strengths = dataset["strength"].values
        for pattern in range(dataset.sizes["pattern"]):
            color = COLORS[pattern]
            rate = dataset["growth_rate"].isel(pattern=pattern).values
            axes.plot(
                strengths, rate, **line_style(pattern), label=f"retrieval state {pattern + 1}"
            )
            low, high = dataset["window"].isel(pattern=pattern).values
            axes.axvline(low, color=color, lw=0.8, ls=":")
            if high > low:
                axes.axvspan(low, high, ymax=0.03 + 0.03 * pattern, color=color, alpha=0.45, lw=0)
            axes.plot(
                dataset["stable_above"].values[pattern], 0, "o", color=color, mfc="white", ms=5.5
            )
        axes.plot([], [], color="0.4", ls=":", label="$g_{crit}$ of each")
        axes.plot([], [], "o", color="0.4", mfc="white", label="stable from here on (Jacobian)")
        axes.fill_between([], [], [], color="0.5", alpha=0.45, lw=0, label="window in closed form")
        axes.set_xlim(strengths[0], strengths[-1])
        low, high = np.nanmin(dataset["growth_rate"]), np.nanmax(dataset["growth_rate"])
        axes.set_ylim(low - 0.12 * (high - low), high * 1.08)
        axes.set_xlabel("coupling strength $g_0$ (units of the loss)")
        axes.set_ylabel("growth rate of a small perturbation (loss)")
        axes.legend(fontsize=7.5, loc="upper right")
    return figure


def draw_kick(dataset: xr.Dataset) -> Any:
    """Final overlaps after a small kick, one panel for each retrieval state."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(9.6, 5.4), layout="constrained")
        panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
        ratios = dataset["ratio"].values
        fine = np.linspace(ratios[0], ratios[-1], 500)
        for start, axes in enumerate(panels):
            low, high = dataset["window"].isel(pattern=start).values
            axes.axvspan(1.0, high / low, color="0.85", lw=0, zorder=0)
            axes.plot(fine, np.sqrt(1 - fine**-4.0), color="black", lw=1, zorder=1)
            for pattern in range(dataset.sizes["pattern"]):
                ends = dataset["overlap"].isel(start=start, pattern=pattern).values
                marker = "os^D"[pattern]
                axes.plot(ratios, ends, marker, color=COLORS[pattern], ms=4.2, mfc="white", mew=1.2)
            axes.set_title(f"start in retrieval state {start + 1}", fontsize=9)
        panels[0].set_xlim(ratios[0] - 0.006, ratios[-1] + 0.006)
        panels[0].set_ylim(-0.04, 1.04)
        for axes in panels[2:]:
            axes.set_xlabel("$g_0 / g_{crit}$ of the start")
        for axes in panels[::2]:
            axes.set_ylabel("final |ξ|")
        handles = [
            panels[0].plot([], [], m, color=COLORS[k], mfc="white", label=f"with pattern {k + 1}")[
                0
            ]
            for k, m in enumerate("os^D")
        ]
        handles.append(
            panels[0].plot([], [], color="black", lw=1, label="Eq. (12) of the start")[0]
        )
        handles.append(
            panels[0].fill_between([], [], [], color="0.85", lw=0, label="window of instability")
        )
        figure.legend(handles=handles, loc="outside upper center", ncols=6, fontsize=8)
        figure.supxlabel(f"after a kick of {float(dataset['size']):g} to every spin", fontsize=9)
    return figure


def draw_diagram(dataset: xr.Dataset) -> Any:
    """Which pattern is kept, and how the system moves, after a start along the last pattern."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(9.8, 7.2), layout="constrained")
        panels = figure.subplots(2, 2)
        fields, counts = dataset["field"].values, dataset["modes"].values
        last = int(dataset.attrs["patterns"])
        names = ("field", "modes")
        for row, name in zip(panels, names, strict=True):
            _kept_map(row[0], dataset, name)
            _motion_map(row[1], dataset, name)
            for axes in row:
                _edges(axes, dataset, name)
                axes.set_xlabel("coupling strength $g_0$ (units of the loss)")
        for axes in panels[0]:
            axes.set_ylabel("field Ω (units of the loss)")
            axes.set_ylim(_borders(fields)[[0, -1]])
        for axes in panels[1]:
            axes.set_ylabel("number of patterns M")
            axes.set_yticks(range(len(counts)), [str(count) for count in counts])
        panels[0, 0].set_title(
            f"(a) pattern kept, of {last}; start along pattern {last}", fontsize=9
        )
        panels[0, 1].set_title("(b) kind of motion at the end", fontsize=9)
        own = float(dataset.attrs["own_field"])
        panels[1, 0].set_title(f"(c) pattern kept, Ω = {own:g}; start along pattern M", fontsize=9)
        panels[1, 1].set_title("(d) kind of motion at the end", fontsize=9)
        _legends(figure, dataset)
    return figure


_NONE = "0.88"
_MOTIONS = ("#BFDDEE", "#F3D79B", "#D9A3C0", "#9FD3BF", "0.65", "0.3")
_PRESENT = 0.05


def _borders(values: np.ndarray) -> np.ndarray:
    """Edges of the cells around equally spaced values."""
    step = values[1] - values[0]
    return np.asarray(np.append(values - step / 2, values[-1] + step / 2))


def _rows(dataset: xr.Dataset, name: str) -> np.ndarray:
    values = dataset[name].values
    return _borders(values) if name == "field" else np.arange(len(values) + 1) - 0.5


def _map(axes: Any, dataset: xr.Dataset, name: str, values: np.ndarray, colors: Any) -> None:
    from matplotlib.colors import ListedColormap

    axes.pcolormesh(
        _borders(dataset["strength"].values),
        _rows(dataset, name),
        values,
        cmap=ListedColormap(list(colors)),
        vmin=-0.5,
        vmax=len(colors) - 0.5,
    )
    axes.grid(False)


def _kept_map(axes: Any, dataset: xr.Dataset, name: str) -> None:
    """Colour of the pattern with the largest overlap, if it does not oscillate through zero."""
    overlap, swing = (
        dataset[f"{name}_{variable}"].transpose(name, "strength", "pattern").fillna(0.0).values
        for variable in ("overlap", "overlap_swing")
    )
    best = overlap.argmax(axis=-1)
    largest, change = overlap.max(axis=-1), swing.max(axis=-1)
    values = np.where(largest > _PRESENT, best + 2, 1)
    values[(change > largest) & (change > _PRESENT)] = 0
    count = dataset.sizes["pattern"]
    _map(axes, dataset, name, values, ("white", _NONE, *COLORS[:count]))


def _motion_map(axes: Any, dataset: xr.Dataset, name: str) -> None:
    motion = dataset[f"{name}_motion"].transpose(name, "strength")
    known = list(np.atleast_1d(motion.attrs["flag_values"]))
    values = np.searchsorted(known, motion.values)
    _map(axes, dataset, name, values, _MOTIONS[: len(known)])


def _edges(axes: Any, dataset: xr.Dataset, name: str) -> None:
    """Closed forms: lowest threshold, that of the start, and where the start becomes stable."""
    loss, last = float(dataset.attrs["loss"]), int(dataset.attrs["patterns"])
    right = float(_borders(dataset["strength"].values)[-1])
    if name == "field":
        borders = _borders(dataset["field"].values)
        fields = np.linspace(borders[0], borders[-1], 400)
        points = [(field, last) for field in fields]
        heights = fields
    else:
        own = float(dataset.attrs["own_field"])
        points = [(own, int(count)) for count in np.repeat(dataset["modes"].values, 2)]
        heights = np.arange(len(dataset["modes"])).repeat(2) + np.tile(
            [-0.5, 0.5], len(points) // 2
        )
    lines: list[list[float]] = [[], [], []]
    for field, count in points:
        windows = instability_windows(field, field * (np.arange(1, count + 1) + 2.0), loss)
        for line, value in zip(lines, (windows[:, 0].min(), *windows[-1]), strict=True):
            line.append(float(value))
    for line, dash in zip(lines, _DASHES, strict=True):
        axes.plot(line, heights, dash, color="black", lw=1.3)
    axes.set_xlim(float(_borders(dataset["strength"].values)[0]), right)


_DASHES = (":", "--", "-")
_EDGES = ("lowest threshold", "threshold of the start", "start stable from here on")


def _legends(figure: Any, dataset: xr.Dataset) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(color=_NONE, label="none kept"),
        Patch(facecolor="white", edgecolor="0.6", label="still oscillating"),
    ]
    handles += [
        Patch(color=COLORS[k], label=f"pattern {k + 1}") for k in range(dataset.sizes["pattern"])
    ]
    handles += [
        Line2D([], [], color="black", ls=dash, label=label)
        for dash, label in zip(_DASHES, _EDGES, strict=True)
    ]
    motion = dataset["field_motion"]
    seen = set(np.unique(motion)) | set(np.unique(dataset["modes_motion"]))
    for color, value, label in zip(
        _MOTIONS,
        np.atleast_1d(motion.attrs["flag_values"]),
        motion.attrs["flag_meanings"].split(),
        strict=False,
    ):
        if value in seen:
            name = label.replace("_", " ")
            handles.append(Patch(facecolor=color, edgecolor="0.6", label=name))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
