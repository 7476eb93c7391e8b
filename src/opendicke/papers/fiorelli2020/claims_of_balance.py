"""Tests of what fiorelli2020 says about detailed balance."""

from __future__ import annotations

import numpy as np

from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.fiorelli2020.standards import GOOD, of_group

_ROUNDING = 1e-7
"""Error of the logarithm of a ratio of eight rates."""


@claim(
    "balanced_ends",
    "Kolmogorov's ratio goes to 1 as η → 0 and as η → ∞.",
    "p. 4, Fig. 3",
)
def balanced_ends(findings: Findings) -> Outcome:
    """The largest |ln ratio| falls towards either end, over half a decade of η, and is small."""
    data = findings("fig3")
    etas = data["eta"].values
    largest = data["largest"].transpose("size", "many_draw", "eta").values
    two = np.abs(data["log_loop"].transpose("pair", "eta").values)
    most = np.maximum(two.max(axis=0), largest.max(axis=(0, 1)))
    half = 10**0.5 * (1 + 1e-9)
    low, high = etas <= etas[0] * half, etas >= etas[-1] / half
    rises = bool((np.diff(most[low]) > 0).all() and (np.diff(most[high]) < 0).all())
    powers = [float(np.polyfit(np.log(etas[p]), np.log(most[p]), 1)[0]) for p in (low, high)]
    ends = [float(most[k]) for k in (0, -1)]
    return Outcome(
        judged(rises and powers[0] > 0.5 and powers[1] < -0.5 and max(ends) < 0.02),
        f"{two.shape[0]} pairs of spins, and all loops of {largest.shape[1]} draws of "
        f"{', '.join(map(str, data['size'].values))} spins: largest |ln ratio| is {ends[0]:.2g} at "
        f"η = {etas[0]:g} and {ends[1]:.2g} at {etas[-1]:g} (value: the larger); between them it "
        f"reaches {most.max():.3g}. Over half a decade at the ends it goes like η^{powers[0]:.1f} "
        f"and η^{powers[1]:.1f}. Error: of rounding.",
        value=max(ends),
        expected=0.0,
        error=_ROUNDING,
    )


@claim(
    "one_crossing",
    "For the pair shown, whose couplings are not printed, the ratio of two spins is 1 at one point "
    "η ≈ 2 only, besides large and very small η.",
    "Fig. 3, caption",
)
def one_crossing(findings: Findings) -> Outcome:
    """Whether there is such a pair among those drawn."""
    data = findings("fig3")
    drawn = of_group(data, "pair", "drawn")
    etas = data["eta"].values
    roots = drawn["crossing"].transpose("pair", "root").values
    logs = np.abs(drawn["log_loop"].transpose("pair", "eta").values)
    counts = np.isfinite(roots).sum(axis=1)
    last = np.where(np.isfinite(roots), roots, -np.inf).max(axis=1)
    near = np.abs(last - 2) < 0.5
    # Below its first root the ratio is 1 for the eye.
    hidden = [
        count == 2 and row[etas < root[np.isfinite(root)].min()].max(initial=0.0) < GOOD
        for count, row, root in zip(counts, logs, roots, strict=True)
    ]
    single = (counts == 1) & near
    seen = np.array(hidden) & near
    if single.any():
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.CANNOT_TELL if seen.any() else Verdict.FAILS
    known = last[counts > 0]
    median = float(np.median(known)) if len(known) else None
    spread = float(1.2533 * known.std(ddof=1) / len(known) ** 0.5) if len(known) > 1 else None
    return Outcome(
        verdict,
        f"Of {len(counts)} drawn pairs {(counts == 1).mean():.0%} have one such point for "
        f"{etas[0]:g} < η < {etas[-1]:g}, {(counts == 2).mean():.0%} two, "
        f"{(counts > 2).mean():.0%} more and {(counts == 0).mean():.0%} none; "
        f"{int(single.sum())} have a single one within .5 of 2. Of "
        f"{int(((counts == 2) & near).sum())} with two points, the last that near to 2, "
        f"{int(seen.sum())} have the other so far down that the ratio is within {GOOD:.0%} of 1 "
        "below it, which a picture does not show. "
        "Value: median of the last points"
        + (f", which lie from {known.min():.2f} to {known.max():.2f}." if len(known) else "."),
        value=median,
        expected=2.0,
        error=spread,
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
    two = float(np.nanmax([*data["least"].sel(size=2).values, _ROUNDING]))
    lowest, texts, places = [], [], []
    for size in more["size"].values:
        one = more.sel(size=size)
        middle = float(one["largest"].sel(eta=slice(0.3, 10.0)).min())
        dips = one["least"].values
        there = np.isfinite(dips)
        places += list(one["least_at"].values[there & (dips < middle)])
        lowest.append(min(middle, float(dips[there].min())) if there.any() else middle)
        texts.append(f"{lowest[-1]:.2g} (N = {size})")
    return Outcome(
        judged(min(lowest) > 100 * two),
        f"{more.sizes['many_draw']} draws of each size. The largest |ln ratio| of all loops as a "
        f"function of η: its lowest local minimum, and its lowest value for 0.3 ≤ η ≤ 10, over "
        f"draws: {', '.join(texts)}. "
        + (f"Minima below the latter lie at η ≤ {max(places):.2g}. " if places else "")
        + "Value: the lowest of all; error: of rounding, or the same for two spins, at most, where "
        f"it is a zero. For spins of equal |g| all loops give {float(data['equal'].max()):.1g} at "
        "most, at every η; there the rate equation does not hold.",
        value=min(lowest),
        error=two,
    )


CLAIMS = (balanced_ends, one_crossing, no_eta_closes_all)
