"""A memory at work: overlaps in time beside pictures of the spins."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError
from opendicke.physics.retrieval import critical_coupling
from opendicke.plots.curves import curve
from opendicke.plots.style import line_style, spread_times, style

_PICTURES = 7
_KEPT = 0.1
_OF_RATES = ("rate-equation", "kinetic-monte-carlo", "RateEquation", "KineticMonteCarlo")


def shows_retrieval(dataset: xr.Dataset) -> bool:
    """Whether a dataset holds what the figure needs: overlaps, spins, and how they are laid out."""
    return "overlap" in dataset and spins_of(dataset) in dataset and "lattice" in dataset.attrs


def spins_of(dataset: xr.Dataset) -> str:
    """Name of the per-spin observable along the coupling axis."""
    return f"s{_model(dataset).get('coupling_axis', 'z')}_spin"


def retrieval(dataset: xr.Dataset, most_rows: int = 6) -> Any:
    """One row for each member: overlaps with all patterns, and the spins at a few times.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If no member is finished.
    """
    from matplotlib.figure import Figure

    spins, overlap = dataset[spins_of(dataset)], dataset["overlap"]
    members = [d for d in overlap.dims if d not in ("time", "pattern")]
    every = itertools.product(*(range(overlap.sizes[d]) for d in members))
    there = overlap.notnull().any([d for d in overlap.dims if d not in members]).values
    finished = [place for place in every if there[place]]  # a store under way has gaps
    if not finished:
        raise InputError("dataset", "hold a member that is finished", "held none")
    places = finished[:most_rows]
    moments = _moments(overlap["time"].values)
    with style():
        figure = Figure(figsize=(11.5, 1.75 * len(places) + 1.1), layout="constrained")
        panels = figure.subplots(
            len(places),
            1 + len(moments),
            squeeze=False,
            width_ratios=[2.6, *[1] * len(moments)],
        )
        for number, place in enumerate(places):
            row = panels[number]
            at = dict(zip(members, place, strict=True))
            _overlaps(row[0], dataset, at)
            image = _pictures(row[1:], dataset, spins.isel(at), moments, number == 0)
        entries, labels = panels[0][0].get_legend_handles_labels()
        panels[-1][0].set_xlabel("time")
        labels = [f"overlap with {labels[0]}", *labels[1:]]
        figure.legend(entries, labels, loc="outside upper left", ncols=len(labels))
        axis = spins_of(dataset)[1]
        bar = figure.colorbar(image, ax=panels[:, -1], shrink=0.7)
        bar.set_label(f"⟨σ{axis}⟩ of each spin")
        count = len(finished)
        more = f" {len(places)} of {count} members shown." if count > len(places) else ""
        figure.supxlabel(_caption(dataset) + more, fontsize=9, color="0.25")
    return figure


def _moments(times: np.ndarray) -> list[int]:
    """Indices of the pictures: from the start to the end, denser at first, where things happen."""
    wanted = times[0] + (times[-1] - times[0]) * np.linspace(0, 1, _PICTURES) ** 2
    return sorted({int(np.argmin(np.abs(times - t))) for t in wanted})


def _overlaps(axes: Any, dataset: xr.Dataset, at: dict[Any, int]) -> None:
    overlap = dataset["overlap"].isel(at)
    named = "pattern_name" in dataset.coords
    for k in range(overlap.sizes["pattern"]):
        name = str(dataset["pattern_name"].values[k]) if named else f"pattern {k}"
        curve(axes, overlap.isel(pattern=k), label=name, **line_style(k))
    axes.axhline(0, color="0.6", lw=0.7)
    axes.set_ylim(-1.08, 1.08)
    spread_times(axes, overlap["time"].values)
    axes.margins(x=0)
    axes.set_title(_title(dataset, at), fontsize=9, loc="left")


def _pictures(
    panels: Any, dataset: xr.Dataset, spins: xr.DataArray, moments: list[int], titled: bool
) -> Any:
    lattice = [int(extent) for extent in dataset.attrs["lattice"]]
    image = None
    for axes, moment in zip(panels, moments, strict=True):
        picture = spins.isel(time=moment).values.reshape(lattice)
        image = axes.imshow(picture, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        axes.spines[:].set_visible(False)
        if titled:
            axes.set_title(f"t = {float(spins['time'][moment]):.3g}", fontsize=9)
    return image


def _title(dataset: xr.Dataset, at: dict[Any, int]) -> str:
    """The member's parameters and what became of the pattern it started in."""
    parameters = _parameters(dataset, at)
    parts = []
    if (strength := parameters.get("strength")) is not None:
        parts.append(f"g₀ = {strength:.3g}")
        critical = None if _by_rates(dataset) else _critical(dataset)
        if critical is not None:
            parts[-1] += f" = {abs(strength) / critical:.2f} g_crit"
    if flipped := parameters.get("flipped"):
        parts.append(f"{flipped:.0%} flipped")
    return ", ".join([*parts, _outcome(dataset, at)])


def _outcome(dataset: xr.Dataset, at: dict[Any, int]) -> str:
    """Judged by the last fifth of the run: did the overlap it started with survive?"""
    overlap = dataset["overlap"].isel(at)
    first = np.abs(overlap.isel(time=0).values)
    start = int(np.argmax(first))
    late = overlap.isel(pattern=start, time=slice(-max(1, overlap.sizes["time"] // 5), None))
    final = float(np.abs(late).mean())
    if final < _KEPT:
        return "lost"
    if first[start] > 1 - 1e-9:
        return "kept"
    corrected = 1 - final < (1 - first[start]) / 2
    return "errors corrected" if corrected else "kept, errors and all"


def _model(dataset: xr.Dataset) -> dict[str, Any]:
    described = json.loads(dataset.attrs.get("experiment", "{}"))
    model: dict[str, Any] = described.get("model", {})
    return model


def _parameters(dataset: xr.Dataset, at: dict[Any, int]) -> dict[str, float]:
    """Coupling strength and flipped fraction, from the sweep or from the experiment."""
    described = json.loads(dataset.attrs.get("experiment", "{}"))
    state = described.get("state", {})
    couplings = _model(dataset).get("couplings", {})
    found: dict[str, float] = {}
    if isinstance(couplings, dict) and "strength" in couplings:
        found["strength"] = float(couplings["strength"])
    if "flipped" in state:
        found["flipped"] = float(state["flipped"])
    for name in ("strength", "flipped"):
        if name in at:
            found[name] = float(dataset[name].values[at[name]])
    return found


def _critical(dataset: xr.Dataset) -> float | None:
    """The lowest critical coupling, if the file says all that it depends on in plain numbers."""
    model = _model(dataset)
    swept = json.loads(dataset.attrs.get("experiment", "{}")).get("sweep", {})
    if any(f"model.{name}" in swept for name in ("field", "frequencies", "loss", "gain")):
        return None
    try:
        numbers = [np.asarray(model[name], float) for name in ("field", "frequencies", "loss")]
        gain = np.asarray(model.get("gain", 0.0), float)
    except (KeyError, TypeError, ValueError):
        return None
    if numbers[0].ndim or not numbers[0] or not numbers[1].all():
        return None
    return float(critical_coupling(numbers[0], numbers[1], numbers[2] - gain).min())


def _by_rates(dataset: xr.Dataset) -> bool:
    """Whether a method of flip rates made the dataset."""
    method = json.loads(dataset.attrs.get("experiment", "{}")).get("method", {})
    return bool(method.get("kind", method.get("class")) in _OF_RATES)


def _caption(dataset: xr.Dataset) -> str:
    fixed = _parameters(dataset, {}).get("flipped", 0.0)
    flipped = dataset["flipped"].values if "flipped" in dataset.coords else np.array(fixed)
    if _by_rates(dataset):
        return (
            "Spins flip at the rates that lossy modes leave. Few patterns, whose flips cost about "
            "the frequency of the modes, are cleared of errors."
        )
    text = "A stored pattern is kept above the critical coupling and lost below it."
    if (flipped > 0).any():
        text += (
            "\nMean field keeps patterns but corrects no error: spins of equal couplings turn "
            "together, so flipped pixels stay flipped."
        )
    return text
