"""Drawing of the theorem beside exact dynamics, from a stored dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.plots.style import COLORS, shades, style

_MARKERS = ("o", "s", "^", "D")


def draw_theorem(dataset: xr.Dataset) -> Any:
    """N 𝓔(t) and its limit; 𝓔 over N; the bound; what mean field and truncated Wigner miss."""
    from matplotlib.figure import Figure

    cases = dataset.sizes["case"]
    with style():
        figure = Figure(figsize=(14.0, 8.4), layout="constrained")
        above, below = figure.subplots(2, 4)
        for c in range(cases):
            _course(above[c], dataset.isel(case=c), "abcd"[c])
        single = [c for c in range(cases) if int(dataset["groups"][c]) == 1]
        double = [c for c in range(cases) if int(dataset["groups"][c]) > 1]
        _scaling(below[0], dataset, single, "(e) one large spin")
        _scaling(below[1], dataset, double, "(f) two large spins, two modes")
        _bound(below[2], dataset)
        _missed(below[3], dataset, single)
    return figure


def _entries(case: xr.Dataset) -> list[int]:
    """Sizes that the case has."""
    return [int(k) for k in np.flatnonzero(np.isfinite(case["spins"].values))]


def _course(axes: Any, case: xr.Dataset, letter: str) -> None:
    """N 𝓔(t): all curves near one that does not depend on N."""
    entries, time = _entries(case), case["time"]
    for k, color in zip(entries, shades(len(entries)), strict=True):
        one = case.isel(size=k)
        number = float(one["per_group"])
        scaled, spread = number * one["error"].values, number * one["error_stderr"].values
        label = f"{int(one['spins'])}"
        if float(one["jumps"]):
            late = not float(one["error_stderr"].sel(time=one["fit_time"][0], method="nearest"))
            label += " (jumps, late)" if late else " (jumps)"
        axes.plot(time, scaled, color=color, lw=1.3, label=label)
        if spread.any():
            axes.fill_between(
                time, scaled - 2 * spread, scaled + 2 * spread, color=color, alpha=0.25, lw=0
            )
    axes.plot(time, case["limit"], "--", color="black", lw=1.3, label="N → ∞")
    axes.set_xlabel("time t")
    axes.set_ylabel("$N\\,\\mathcal{E}_N(t)$")
    axes.set_ylim(bottom=0)
    axes.legend(title="$N_{sp}$", fontsize=7, title_fontsize=7.5)
    axes.set_title(f"({letter}) {case['title'].values}", fontsize=9)


def _scaling(axes: Any, dataset: xr.Dataset, cases: list[int], title: str) -> None:
    """𝓔 over N at a few times, and the fitted lines."""
    for position, c in enumerate(cases):
        case = dataset.isel(case=c)
        entries = _entries(case)
        number = case["per_group"].values[entries]
        for k, instant in enumerate(dataset["fit_time"].values):
            shown = case.sel(time=instant, method="nearest").isel(size=entries)
            color, filled = COLORS[k], position == 0
            slope, error = (
                float(case[name].isel(fit_time=k))
                for name in ("error_exponent", "error_exponent_stderr")
            )
            axes.errorbar(
                number,
                shown["error"],
                shown["error_stderr"],
                fmt=_MARKERS[position],
                color=color,
                mfc=color if filled else "white",
                ms=4.5,
                lw=1,
                label=f"{_short(case)}, t = {instant:g}: {_with_error(slope, error)}",
            )
            used = number >= float(case["fit_least"])
            middle = np.exp(np.log(number[used]).mean())
            height = np.exp(np.log(shown["error"].values[used]).mean())
            line = np.array([number[used].min(), number[used].max()])
            dash = "-" if filled else ":"
            axes.plot(line, height * (line / middle) ** slope, dash, color=color, lw=1)
    _logarithmic(axes, dataset["per_group"].values[cases])
    axes.set_xlabel("spins per group N")
    axes.set_ylabel("$\\mathcal{E}_N(t)$")
    _legend_below(axes, title="exponent of N")
    axes.set_title(title, fontsize=9)


def _logarithmic(axes: Any, sizes: Any) -> None:
    """Both axes, with the numbers of spins as ticks."""
    numbers: list[float] = []
    for number in np.unique(sizes[np.isfinite(sizes)]):
        if not numbers or number > 1.2 * numbers[-1]:  # closer ones would overlap
            numbers.append(float(number))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(numbers, [f"{number:g}" for number in numbers], minor=False)
    axes.set_xticks([], minor=True)


def _legend_below(axes: Any, **more: Any) -> None:
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)}
    axes.legend(
        fontsize=7, title_fontsize=7.5, columnspacing=1.0, handlelength=1.2, **place, **more
    )


def _short(case: xr.Dataset) -> str:
    """The part of a title after its comma."""
    return str(case["title"].values).split(", ")[-1]


def _with_error(value: float, error: float) -> str:
    sign = "−" if value < 0 else ""
    return f"{sign}{abs(value):.3f}" + (f" ± {error:.3f}" if np.isfinite(error) else "")


def _bound(axes: Any, dataset: xr.Dataset) -> None:
    """𝓔(t)/𝓔(0) of the largest systems, and e^{Ct}."""
    time = dataset["time"].values[1:]
    top = 1e6
    for c in range(dataset.sizes["case"]):
        case = dataset.isel(case=c)
        last = case.isel(size=_entries(case)[-1])
        ratio = last["error"].values / float(last["error"][0])
        axes.plot(time, ratio[1:], color=COLORS[c], label=str(case["title"].values))
        rate = float(case["constant"])
        fine = np.geomspace(time[0], np.log(top) / rate, 200)
        axes.plot(fine, np.exp(rate * fine), "--", color=COLORS[c], lw=1.1)
    axes.plot([], [], "--", color="0.3", label="bound $e^{Ct}$")
    rates = dataset["constant"].values
    seen = float(dataset["growth"].max())
    axes.text(
        0.97,
        0.6,
        f"C = {rates.min():.0f} … {rates.max():.0f};\nall that is seen\nneeds only {seen:.2g}",
        transform=axes.transAxes,
        ha="right",
        fontsize=7.5,
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5, top)
    axes.set_xlabel("time t")
    axes.set_ylabel("$\\mathcal{E}_N(t)/\\mathcal{E}_N(0)$")
    _legend_below(axes)
    axes.set_title("(g) Grönwall's bound", fontsize=9)


def _missed(axes: Any, dataset: xr.Dataset, cases: list[int]) -> None:
    """Error of mean values over N, by mean field at two times, by truncated Wigner at the last."""
    instants = dataset["fit_time"].values[-2:]
    for position, c in enumerate(cases):
        case = dataset.isel(case=c)
        entries = _entries(case)
        number, color = case["per_group"].values[entries], COLORS[position]
        for instant, line in zip(instants, (":", "-"), strict=True):
            shown = case.sel(time=instant, method="nearest").isel(size=entries)
            slope, error = (
                float(case[name].sel(fit_time=instant))
                for name in ("missed_exponent", "missed_exponent_stderr")
            )
            axes.errorbar(
                number,
                shown["missed"],
                shown["missed_stderr"],
                fmt=_MARKERS[position] + line,
                color=color,
                ms=4.5,
                lw=1,
                label=f"mean field, {_short(case)}, t = {instant:g}: {_with_error(slope, error)}",
            )
        value, noise = shown["wigner_missed"].values, shown["wigner_missed_stderr"].values
        seen = np.isfinite(value) & (value > 3 * noise)
        hidden = np.isfinite(value) & ~seen
        hollow = {"color": color, "mfc": "white", "ms": 5.0, "lw": 1.0}
        axes.errorbar(
            number[seen],
            value[seen],
            noise[seen],
            fmt=_MARKERS[position],
            label=f"truncated Wigner, {_short(case)}, t = {instants[-1]:g}",
            **hollow,
        )
        axes.plot(number[hidden], value[hidden] + 3 * noise[hidden], "v", **hollow)
    hidden_label = "not told from 0: three standard errors above"
    axes.plot([], [], "v", color="0.3", mfc="white", ls="none", label=hidden_label)
    _logarithmic(axes, dataset["per_group"].values[cases])
    axes.set_xlabel("spins N")
    axes.set_ylabel("error of the mean values")
    _legend_below(axes)
    axes.set_title("(h) error of group means and amplitudes", fontsize=9)
