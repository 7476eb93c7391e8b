"""Drawings of the mapping to large spins: carollo2021 Figs. 2, S1 and S2."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.plots.style import COLORS, style

_TINTS = (COLORS[5], COLORS[4], COLORS[2])
"""One for each value of the couplings: sky blue, orange, green."""
_SHOWN = 10_000
"""Spins of the system whose group sizes are shown one by one."""


def draw_mapping(dataset: xr.Dataset, *, expected: str) -> Any:
    """The example: couplings as drawn, gauged and reordered; then what larger systems have.

    Parameters
    ----------
    dataset
        As `mapping.py` makes it.
    expected
        Formula of the expected group size, for the legend.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    matrices = _matrices(dataset)
    rows = dataset.sizes["pattern"]
    with style():
        figure = Figure(figsize=(9.6, 2.9 + len(matrices) * (0.55 + 0.26 * rows)))
        parts: Any = figure.subfigures(2, 1, height_ratios=[len(matrices) * 0.95, 2.0])
        top, bottom = parts
        columns = dataset.sizes["spin"], dataset.sizes["group"]
        grid = top.add_gridspec(
            len(matrices),
            2,
            width_ratios=[max(columns[0], 1.2 * columns[1]), columns[1] + 2],
            left=0.06,
            right=0.985,
            top=0.9,
            bottom=0.16,
            hspace=0.75,
            wspace=0.1,
        )
        for k, (title, values) in enumerate(matrices):
            axes = top.add_subplot(grid[k, 0])
            _cells(axes, dataset, values)
            axes.set_title(title, loc="left", fontsize=9)
            axes.set_ylabel("pattern μ")
        axes.set_title(_sizes_below(axes, dataset), loc="left", fontsize=9)
        _large_spins(top.add_subplot(grid[:, 1]), dataset)
        left, right = bottom.subplots(
            1, 2, gridspec_kw={"left": 0.075, "right": 0.985, "bottom": 0.19, "wspace": 0.24}
        )
        _counts(left, dataset, expected)
        _imbalance(right, dataset)
    return figure


def _matrices(dataset: xr.Dataset) -> list[tuple[str, np.ndarray]]:
    """The couplings as drawn, after the gauge if there is one, and reordered."""
    drawn = dataset["G"].values
    gauged = drawn * dataset["gauge"].values
    spins = drawn.shape[1]
    stages = [(f"(a) as drawn: {drawn.shape[0]} patterns, {spins} spins", drawn)]
    if dataset.attrs["gauged"]:
        stages.append(("gauge: spins with $G_1 = -1$ are reflected", gauged))
    order = np.argsort(dataset["member"].values, kind="stable")
    stages.append(("", gauged[:, order]))
    return stages


def _cells(axes: Any, dataset: xr.Dataset, values: np.ndarray) -> None:
    """A matrix as tinted cells with their values in them."""
    from matplotlib.colors import ListedColormap

    levels = np.sort(np.unique(dataset["f"].values))[::-1]
    index = np.argmin(np.abs(values[..., None] - levels), axis=-1)
    axes.imshow(
        index,
        cmap=ListedColormap(_TINTS[: len(levels)]),
        vmin=-0.5,
        vmax=len(levels) - 0.5,
        aspect="auto",
        alpha=0.75,
    )
    binary = set(levels) == {1.0, -1.0}
    for (row, column), value in np.ndenumerate(values):
        text = ("+" if value > 0 else "−") if binary else f"{value:g}".replace("-", "−")
        size = 9 if binary else 6
        axes.text(column, row, text, ha="center", va="center", fontsize=size)
    rows, columns = values.shape
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks(range(rows), [str(k + 1) for k in range(rows)])
    axes.tick_params(length=0)
    for place in range(columns + 1):
        axes.axvline(place - 0.5, color="white", lw=1.0)
    for place in range(rows + 1):
        axes.axhline(place - 0.5, color="white", lw=1.0)


def _sizes_below(axes: Any, dataset: xr.Dataset) -> str:
    """Borders, names and sizes of the groups on the reordered matrix; returns its title."""
    counts, rows = dataset["count"].values, dataset.sizes["pattern"]
    start = 0
    for k, count in enumerate(counts):
        if not count:
            continue
        ends = [start - 0.42, start + count - 0.58]
        axes.plot(ends, [rows - 0.28] * 2, color="black", lw=1.6, clip_on=False)
        axes.text(
            start + (count - 1) / 2,
            rows - 0.08,
            f"Γ$_{{{k + 1}}}$\n{count}",
            ha="center",
            va="top",
            fontsize=8.5,
        )
        start += count
        if start < dataset.sizes["spin"]:
            axes.axvline(start - 0.5, color="black", lw=1.6)
    axes.set_ylim(rows - 0.2, -0.5)
    empty = ", ".join(f"Γ$_{{{k + 1}}}$" for k in np.flatnonzero(counts == 0))
    return "reordered: spins of each large spin" + (f" ({empty} empty)" if empty else "")


def _large_spins(axes: Any, dataset: xr.Dataset) -> None:
    """The couplings f of the large spins, with the share of spins expected in each."""
    _cells(axes, dataset, dataset["f"].values)
    groups = dataset.sizes["group"]
    shares = dataset["share"].values
    axes.set_title(f"(b) couplings f of the {groups} large spins", loc="left", fontsize=9)
    axes.set_xticks(
        range(groups),
        [f"Γ$_{{{k + 1}}}$\n{share:.3g}" for k, share in enumerate(shares)],
        fontsize=8 if groups < 9 else 7,
    )
    axes.set_xlabel("and expected shares of all spins")


def _counts(axes: Any, dataset: xr.Dataset, expected: str) -> None:
    """Sizes of the groups in one large draw, against the binomial expectation."""
    sizes = dataset["spins"].values
    spins = int(sizes[np.argmin(np.abs(sizes - _SHOWN))])
    found = dataset["large_count"].sel(spins=spins).isel(draw=0).values
    share = dataset["share"].values
    groups = np.arange(1, len(share) + 1)
    deviation = np.sqrt(spins * share * (1 - share))
    axes.bar(groups, found, width=0.62, color=_TINTS[0], label="counted in one draw")
    axes.errorbar(
        groups,
        spins * share,
        yerr=2 * deviation,
        fmt="_",
        color="black",
        ms=14,
        capsize=4,
        lw=1.2,
        label=f"expected {expected}, ± 2 binomial deviations",
    )
    axes.set_xticks(groups, [f"Γ$_{{{k}}}$" for k in groups])
    axes.grid(axis="x", visible=False)
    axes.set_ylim(0, 1.42 * (spins * share + 2 * deviation).max())
    axes.set_ylabel("spins of the group")
    axes.set_title(f"(c) group sizes, $N_{{sp}}$ = {spins}", loc="left", fontsize=9)
    axes.legend(loc="upper right", fontsize=8)


def _imbalance(axes: Any, dataset: xr.Dataset) -> None:
    """Relative deviation of the sizes, root mean square over groups and draws, against N."""
    share = dataset["share"]
    spins = dataset["spins"]
    relative = dataset["large_count"] / (spins * share) - 1
    scatter = np.sqrt((relative**2).mean(("draw", "group")))
    largest = abs(relative).max(("draw", "group"))
    binomial = np.sqrt(((1 - share) / share).mean("group") / spins)
    axes.loglog(spins, binomial, color="black", lw=1.2, label="binomial, ∝ $N_{sp}^{-1/2}$")
    axes.loglog(spins, scatter, "o", color=COLORS[0], label="root mean square")
    axes.loglog(spins, largest, "^", color=COLORS[1], label="largest")
    axes.set_xlabel("number of spins $N_{sp}$")
    axes.set_ylabel("relative deviation")
    draws = dataset.sizes["draw"]
    axes.set_title(f"(d) how unequal the groups are, {draws} draws", loc="left", fontsize=9)
    axes.legend(loc="upper right", fontsize=8)
