"""Tests of what carollo2021 says about retrieval: overlaps and occupations in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.scales import BELOW
from opendicke.papers.carollo2021.simulate import endings, limit
from opendicke.papers.carollo2021.theory import critical
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.physics.retrieval import retrieval_occupation


def _parameters(findings: Findings) -> Mapping[str, Any]:
    return findings.scale.parameters["fig3a"]


def own(data: xr.Dataset, name: str = "overlap") -> Array:
    """What belongs to the pattern that a run started in, (start, ratio)."""
    return np.stack([data[name].values[k, :, k] for k in range(data.sizes["start"])])


def in_window(data: xr.Dataset, findings: Findings) -> Array:
    """Where the retrieval state of the start exists but is unstable, (start, ratio)."""
    upper = findings("windows")["stable_above"].values[:, None]
    return np.asarray((data["ratio"].values > 1) & (data["strength"].values < upper))


@claim(
    "lost_below",
    "Below threshold the system forgets: from ξ = 1 the overlap goes to 0.",
    "p. 1, Fig. 1(b); Fig. 3(a)",
)
def lost_below(findings: Findings) -> Outcome:
    data = findings("fig3a")
    chosen = data.sel(ratio=[r for r in data["ratio"].values if r <= max(BELOW)])
    worst = float(own(chosen).max())
    longest = float(chosen["duration"].max())
    return Outcome(
        judged(worst < 1e-3),
        f"Aligned with each pattern in the limit, g₀/g_crit ≤ {max(BELOW):g}: largest |ξ|, "
        "averaged over the last quarter, runs doubled until averages stop changing (t = "
        f"{longest:g}).",
        value=worst,
        expected=0.0,
        error=worst,
    )


@claim(
    "transition",
    "As the coupling grows there is a nonequilibrium phase transition, from a disordered phase to "
    "one that keeps patterns; the overlap is its order parameter.",
    "Abstract; p. 4, Fig. 3",
)
def transition(findings: Findings) -> Outcome:
    """The squared overlap of the runs just above threshold, continued down to where it vanishes."""
    data = findings("fig3a")
    near = data.sel(ratio=list(_NEAR), method="nearest")
    onsets = []
    for squared, strength in zip(own(near) ** 2, near["strength"].values, strict=True):
        roots = np.roots(np.polyfit(strength, squared, 2)).real
        onsets.append(float(roots[np.abs(roots - strength[0]).argmin()]))
    expected = critical(_parameters(findings))
    apart = float(np.abs(np.array(onsets) / expected - 1).max())
    below = data.sel(ratio=[r for r in data["ratio"].values if r <= max(BELOW)])
    return Outcome(
        judged(apart < 2e-3 and float(own(below).max()) < 1e-3),
        "Runs in the limit of many spins. Parabolas through |ξ|² at g₀/g_crit = "
        f"{', '.join(f'{r:g}' for r in _NEAR)}, which know no theory, vanish at g₀ = "
        f"{', '.join(f'{g:.4f}' for g in onsets)} for the four patterns (value: the first; error: "
        "largest relative distance from g_crit). |ξ|² begins with a finite slope and is zero "
        "below, so the transition is continuous, with |ξ| growing as a square root. Which of the "
        "states above it are stable is another question, see `overlap_windows` and `basins`.",
        value=onsets[0],
        expected=float(expected[0]),
        error=apart,
    )


_NEAR = (1.02, 1.05, 1.1)
"""Ratios g₀/g_crit from which the onset is found."""


@claim(
    "disordered",
    "In the disordered phase all overlaps vanish, whatever the start.",
    "p. 1, Fig. 1(b)",
)
def disordered(findings: Findings) -> Outcome:
    """Below the lowest threshold, from random starts."""
    parameters = _parameters(findings)
    model = limit(parameters, 0.9 * float(critical(parameters)[0]))
    members = []
    for seed in range(6):
        vectors = np.random.default_rng(seed).normal(size=(model.spins, 3))
        vectors /= np.linalg.norm(vectors, axis=1)[:, None]
        members.append((model, ProductState.bloch(vectors)))
    found = endings(members, 2000.0, 1e-5)
    worst = max(float(ending.overlap.max()) for ending in found)
    return Outcome(
        judged(worst < 0.02),
        "0.9 of the lowest threshold, six starts of random directions, to t = 2000; error: "
        "largest |ξ|, averaged over the last fifth.",
        value=worst,
        expected=0.0,
        error=worst,
    )


def _against_theory(findings: Findings, *, window: bool) -> tuple[float, float, int]:
    """Largest difference from Eq. (12), longest run and number of points with ratio ≥ 1.02."""
    data = findings("fig3a")
    ratios = np.broadcast_to(data["ratio"].values, data["strength"].shape)
    chosen = (ratios >= 1.02) & (ratios <= 2) & (in_window(data, findings) == window)
    apart = np.abs(own(data) - data["expected_overlap"].values)[chosen]
    return float(apart.max()), float(data["duration"].values[chosen].max()), int(chosen.sum())


@claim(
    "overlap_stable",
    "Above threshold the overlap of an aligned start goes to Eq. (12).",
    "p. 4, Fig. 3(a)",
)
def overlap_stable(findings: Findings) -> Outcome:
    worst, longest, count = _against_theory(findings, window=False)
    return Outcome(
        judged(worst < 1e-3),
        f"{count} points of four patterns with 1.02 ≤ g₀/g_crit ≤ 2, where the state is stable; "
        f"error: largest difference of time-averaged |ξ| from Eq. (12), runs to t = {longest:g}. "
        "The sign of ξ is erratic. At g_crit itself |ξ| decays slowly, not exponentially.",
        value=worst,
        expected=0.0,
        error=worst,
    )


@claim(
    "overlap_windows",
    "The same, just above the thresholds of the patterns 2, 3 and 4.",
    "p. 4, Fig. 3(a)",
)
def overlap_windows(findings: Findings) -> Outcome:
    worst, longest, count = _against_theory(findings, window=True)
    finite = findings("finite").isel(case=1)
    start = int(finite["start"])
    left = float(finite["final_overlap"].isel(pattern=start).max())
    promised = float(finite["expected_overlap"])
    kept = worst < 1e-3
    return Outcome(
        Verdict.METHOD_ONLY if kept and left < promised / 2 else judged(kept),
        f"{count} points inside the windows of instability. Groups of exactly equal size reach "
        f"Eq. (12) (error: largest difference, runs to t = {longest:g}), because an aligned start "
        f"never leaves an invariant subspace. Drawn systems of up to {int(finite['spins'].max())} "
        f"spins, whose groups are unequal, all leave it: value and expected are |ξ_{start + 1}| "
        f"at the end and by Eq. (12) at {float(finite['ratio']):g} g_crit.",
        value=left,
        expected=promised,
        error=worst,
    )


@claim(
    "occupation",
    "A stored pattern occupies its mode macroscopically: ⟨a†a⟩/N → |α|², and no other mode.",
    "p. 4, Fig. 3(b)",
)
def occupation(findings: Findings) -> Outcome:
    data = findings("fig3b")
    parameters = _parameters(findings)
    frequency = np.array(parameters["frequencies"])[:, None]
    strengths = data["strength"].values
    expected = retrieval_occupation(strengths, parameters["field"], frequency, parameters["loss"])
    chosen = np.broadcast_to(np.abs(data["ratio"].values - 1) > 0.015, strengths.shape)
    apart = np.abs(own(data, "occupation") - expected)[chosen].max()
    others = data["occupation"].values.copy()
    for k in range(len(frequency)):
        others[k, :, k] = 0
    worst = max(float(apart), float(others[chosen].max()))
    return Outcome(
        judged(worst < 1e-3),
        "All points of Fig. 3(b) but those at threshold: occupation per spin against g₀²ξ²/(Ω_ν² "
        "+ κ²/4), and of the other modes against 0. Per spins of one group, as in the paper, it "
        "is 2^(M−1) times that. Value: pattern 1 at 2 g_crit.",
        value=float(own(data.sel(ratio=[2.0]), "occupation")[0, 0]),
        expected=float(expected[0, int(np.argmin(np.abs(data["ratio"].values - 2.0)))]),
        error=worst,
    )


@claim("proportional", "|α_μ| ∝ |ξ_μ|.", "p. 4; Suppl., below Eq. (S28)")
def proportional(findings: Findings) -> Outcome:
    """At fixed g₀ the ratio does not depend on the overlap: starts with flipped spins."""
    parameters = _parameters(findings)
    strength = 1.5 * float(critical(parameters)[0])
    starts = [ProductState.pattern(0, flipped=f) for f in (0.0, 0.1, 0.2)]
    found = endings([(limit(parameters, strength), s) for s in starts], 1000.0, 1e-6)
    ratios = [float(np.sqrt(e.occupation[0]) / e.overlap[0]) for e in found]
    frequency = parameters["frequencies"][0]
    expected = strength / np.hypot(frequency, parameters["loss"] / 2)
    worst = max(abs(ratio - expected) for ratio in ratios)
    return Outcome(
        judged(worst < 1e-5),
        f"|α|/|ξ| for overlaps {', '.join(f'{e.overlap[0]:.3f}' for e in found)} at one g₀; the "
        "factor g₀/√(Ω_ν² + κ²/4) grows with g₀, so along Fig. 3 the two are not proportional.",
        value=ratios[-1],
        expected=expected,
        error=worst,
    )


CLAIMS = (
    lost_below,
    transition,
    disordered,
    overlap_stable,
    overlap_windows,
    occupation,
    proportional,
)
