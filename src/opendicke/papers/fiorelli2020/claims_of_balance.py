"""Tests of what fiorelli2020 says about detailed balance."""

from __future__ import annotations

import numpy as np

from opendicke.papers.catalogue import Findings, Outcome, claim, judged

_ROUNDING = 1e-7
"""Error of the logarithm of a ratio of eight rates."""


@claim(
    "balanced_ends",
    "Kolmogorov's ratio goes to 1 as η → 0 and as η → ∞.",
    "p. 4, Fig. 3",
)
def balanced_ends(findings: Findings) -> Outcome:
    data = findings("fig3")
    largest = data["largest"].transpose("size", "many_draw", "eta").values
    two = np.abs(data["log_loop"].transpose("pair", "eta").values)
    ends = [max(float(two[:, k].max()), float(largest[..., k].max())) for k in (0, -1)]
    peak = max(float(two.max()), float(largest.max()))
    return Outcome(
        judged(max(ends) < 0.02),
        f"{two.shape[0]} pairs of spins, and all loops of {largest.shape[1]} draws of "
        f"{', '.join(map(str, data['size'].values))} spins: largest |ln ratio| is {ends[0]:.2g} at "
        f"η = {float(data['eta'][0]):g} and {ends[1]:.2g} at {float(data['eta'][-1]):g}; between "
        f"them it reaches {peak:.3g}. Value and error: the larger end.",
        value=max(ends),
        expected=0.0,
        error=max(ends),
    )


@claim(
    "one_crossing",
    "Between the limits the ratio of two spins is 1 at one point only, near η ≈ 2.",
    "Fig. 3",
)
def one_crossing(findings: Findings) -> Outcome:
    data = findings("fig3")
    roots = data["crossing"].transpose("pair", "root").values
    counts = np.isfinite(roots).sum(axis=1)
    last = np.nanmax(roots[counts > 0], axis=1)
    others = roots[np.isfinite(roots) & (roots < 1)]
    low = f", from {others.min():.2f} to {others.max():.2f}" if len(others) else ""
    return Outcome(
        judged(bool((counts == 1).all()) and bool((np.abs(last - 2) < 0.5).all())),
        f"Of {len(counts)} pairs {(counts == 1).mean():.0%} have one such point for "
        f"{float(data['eta'][0]):g} < η < {float(data['eta'][-1]):g}, "
        f"{(counts == 2).mean():.0%} have two, {(counts > 2).mean():.0%} more and "
        f"{(counts == 0).mean():.0%} none. The last one (value: median, error: half the range of "
        f"the middle half) lies between {last.min():.2f} and {last.max():.2f}. Others lie below "
        f"1{low}, where the ratio deviates from 1 by less.",
        value=float(np.median(last)),
        expected=2.0,
        error=float(np.subtract(*np.quantile(last, [0.75, 0.25])) / 2),
    )


@claim(
    "no_eta_closes_all",
    "With more than two spins no η fulfils Kolmogorov's criterion for all loops, the limits apart.",
    "Fig. 3, caption",
)
def no_eta_closes_all(findings: Findings) -> Outcome:
    """The largest |ln ratio| of all loops has no zero between the limits: its minima are above."""
    data = findings("fig3")
    more = data.sel(size=[size for size in data["size"].values if size > 2])
    two = float(data["least"].sel(size=2).max())
    lowest, texts = [], []
    for size in more["size"].values:
        one = more.sel(size=size)
        middle = float(one["largest"].sel(eta=slice(0.3, 10.0)).min())
        dips = one["least"].values
        lowest.append(min(middle, np.nanmin(dips) if np.isfinite(dips).any() else middle))
        texts.append(f"{lowest[-1]:.2g} (N = {size})")
    return Outcome(
        judged(min(lowest) > 100 * max(two, _ROUNDING)),
        f"{more.sizes['many_draw']} draws of each size. The largest |ln ratio| of all loops as a "
        f"function of η: its lowest local minimum, and its lowest value for 0.3 ≤ η ≤ 10, over "
        f"draws: {', '.join(texts)}. The low ones lie at η < 0.1, where all loops tend to 0 "
        f"together. Value: the lowest of all; error: the same for two spins, at most, where it is "
        f"a zero. Spins of exactly equal |g| are an exception: all their loops are closed at every "
        f"η ({float(data['equal'].max()):.1g} at most), but there the rate equation does not hold.",
        value=min(lowest),
        error=two,
    )


CLAIMS = (balanced_ends, one_crossing, no_eta_closes_all)
