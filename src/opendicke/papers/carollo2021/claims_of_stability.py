"""Tests of what carollo2021 says about stability, basins, memory, and the limit of many spins."""

from __future__ import annotations

import numpy as np

from opendicke.papers.carollo2021.claims_of_retrieval import in_window
from opendicke.papers.carollo2021.simulate import endings, limit
from opendicke.papers.carollo2021.theory import closed_windows, critical
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.physics.stationary import retrieval_state
from opendicke.physics.windows import kept_patterns


@claim(
    "stability",
    "Stationary solutions such as Eq. (12) are stable.",
    "p. 4, Discussion",
)
def stability(findings: Findings) -> Outcome:
    """Upper ends of the windows: bisection on the Jacobian against the closed form."""
    data = findings("windows")
    closed = closed_windows(findings.scale.parameters["windows"])
    found, thresholds = data["stable_above"].values, data["critical"].values
    apart = float(np.abs(found - closed[:, 1]).max())
    listing = ", ".join(
        f"pattern {k + 1} for {low:.4f} < g₀ < {high:.4f}"
        for k, (low, high) in enumerate(zip(thresholds, found, strict=True))
        if high > low + 1e-6
    )
    return Outcome(
        judged(not listing),
        f"By the eigenvalues of the Jacobian, unstable: {listing}. Value: upper end of the last "
        "window; expected: where the state begins to exist. Error: largest difference of the "
        "ends from the closed form g_ν^(3/2)/g_1^(1/2). See the errata.",
        value=float(found[-1]),
        expected=float(thresholds[-1]),
        error=apart,
    )


@claim(
    "basins",
    "The retrieval states have stable basins of attraction.",
    "p. 4, Discussion",
)
def basins(findings: Findings) -> Outcome:
    data = findings("kick")
    left = data["overlap"].argmax("pattern") != data["start"]  # where it ends elsewhere
    unstable = in_window(data, findings)
    agree = bool((left.values == unstable).all())
    fourth = data.sel(ratio=1.1).isel(start=3)
    ends = fourth["overlap"].values
    ratios = data["ratio"].values[left.values[3]]
    leaves = f"{ratios[0]:g} to {ratios[-1]:g}" if len(ratios) else "none"
    return Outcome(
        judged(not bool(left.any())),
        f"Started in each retrieval state and kicked by {float(data['size']):g}: "
        f"{int(left.sum())} of {left.size} starts end in pattern 1, "
        f"{'exactly those' if agree else 'not exactly those'} inside the windows. The fourth "
        f"leaves at ratios {leaves}. Value: |ξ_4| at ratio 1.1 (|ξ_1| is {ends[0]:.3f} there); "
        "expected: Eq. (12).",
        value=float(ends[3]),
        expected=float(fourth["expected_overlap"]),
        error=float(abs(ends[3] - fourth["expected_overlap"])),
    )


@claim(
    "basins_beyond",
    "The same, beyond the windows of instability.",
    "p. 4, Discussion",
)
def basins_beyond(findings: Findings) -> Outcome:
    data = findings("kick")
    stable = ~in_window(data, findings)
    ends = np.stack([data["overlap"].values[k, :, k] for k in range(data.sizes["start"])])
    worst = float(np.abs(ends - data["expected_overlap"].values)[stable].max())
    return Outcome(
        judged(worst < 1e-3),
        f"The {int(stable.sum())} kicked starts beyond the windows return to Eq. (12) within the "
        "error.",
        value=worst,
        expected=0.0,
        error=worst,
    )


@claim(
    "intermediate",
    "Thresholds differ between patterns, so that in between only some patterns are kept.",
    "p. 4, Discussion",
)
def intermediate(findings: Findings) -> Outcome:
    """A strength between the thresholds, each existing state kicked."""
    parameters = findings.scale.parameters["kick"]
    strength = 0.85
    kept = kept_patterns(
        strength, parameters["field"], parameters["frequencies"], parameters["loss"]
    )
    model = limit(parameters, strength)
    there = np.flatnonzero(kept.exists)
    members = [(model, retrieval_state(model, int(k)).kicked(1e-3, 0)) for k in there]
    found = endings(members, 500.0, 1e-5)
    stays = [int(k) for k, e in zip(there, found, strict=True) if e.overlap.argmax() == k]
    expected = np.flatnonzero(kept.stable).tolist()
    thresholds = ", ".join(f"{g:.4f}" for g in critical(parameters))
    return Outcome(
        judged(stays == expected and 0 < len(stays) < len(kept.exists)),
        f"Thresholds {thresholds}. At g₀ = {strength} the patterns "
        f"{', '.join(str(k + 1) for k in there)} have a retrieval state, and "
        f"{', '.join(str(k + 1) for k in stays)} survive a kick of 1e-3 (value: how many, as the "
        "closed form says). Because of the windows the regime is wider than the thresholds say.",
        value=len(stays),
        expected=len(expected),
        error=abs(len(stays) - len(expected)),
    )


@claim(
    "close_start",
    "From a start close to a pattern the system keeps a finite overlap with it.",
    "p. 1",
)
def close_start(findings: Findings) -> Outcome:
    data = findings("basin")
    apart = float(np.abs(data["overlap"] - data["expected_overlap"]).max())
    return Outcome(
        judged(apart < 2e-3),
        "Spins flipped at random in a fraction f, pattern 1, in the limit: |ξ| goes to √((1 − "
        "2f)² − (g_crit/g₀)⁴), and to 0 where that has no root (error: largest difference).",
        value=apart,
        expected=0.0,
        error=apart,
    )


@claim(
    "recognition",
    "The dynamics is akin to that of an associative memory, which completes corrupted patterns.",
    "p. 1; Abstract",
)
def recognition(findings: Findings) -> Outcome:
    """Recognition would raise the overlap of a corrupted start."""
    data = findings("basin").sel(flipped=slice(0.05, 0.45))
    gain = data["overlap"] - (1 - 2 * data["flipped"])
    return Outcome(
        judged(float(gain.max()) > 0),
        "Value: largest gain of overlap over all starts with flipped spins, which is a loss: "
        "spins with equal couplings turn together, so that flipped spins stay flipped and the "
        "overlap only falls. Mean field keeps what it is given (`close_start`, which is the "
        "sense in which the paper uses the word) and corrects nothing.",
        value=float(gain.max()),
        expected=0.0,
    )


@claim(
    "many_spins",
    "Couplings scaled by 1/√N_sp have a limit N_sp → ∞, in which the overlap is that of Eq. (12).",
    "p. 2, Eq. (2); p. 4",
)
def many_spins(findings: Findings) -> Outcome:
    case = findings("finite").isel(case=0)
    start = int(case["start"])
    apart = abs(case["final_overlap"].isel(pattern=start) - float(case["expected_overlap"]))
    others = case["final_overlap"].drop_isel(pattern=start).max("pattern")
    n = np.log(case["spins"].values.astype(float))
    slopes = [float(np.polyfit(n, np.log(v.values).mean(axis=1), 1)[0]) for v in (apart, others)]
    last = float(apart.isel(spins=-1).max())
    return Outcome(
        judged(last < 1e-3 and slopes[0] < -0.5 and slopes[1] < -0.25),
        f"Drawn couplings of {int(case['spins'].min())} to {int(case['spins'].max())} spins in a "
        f"stable state ({float(case['ratio']):g} g_crit), mean field: the difference from Eq. "
        f"(12) falls as N_sp^{slopes[0]:.2f}, other overlaps as N_sp^{slopes[1]:.2f}. Error: "
        "largest difference at the largest N_sp.",
        value=last,
        expected=0.0,
        error=last,
    )


@claim(
    "order_of_limits",
    "By the theorem, the scalar equations give the stationary properties of the overlaps too.",
    "p. 4, before the ansatz",
)
def order_of_limits(findings: Findings) -> Outcome:
    """Inside a window every finite system leaves, after a time that grows as ln N."""
    case = findings("finite").isel(case=1)
    start = int(case["start"])
    time = case["time"]
    half = float(case["expected_overlap"]) / 2
    escape = time.where(case["overlap"] >= half).max("time").mean("draw")
    slope = float(np.polyfit(np.log(case["spins"].values.astype(float)), escape, 1)[0])
    expected = 1 / (2 * float(case["growth_rate"]))
    left = float(case["final_overlap"].isel(pattern=start).max())
    return Outcome(
        Verdict.HOLDS if left > half else Verdict.METHOD_ONLY,
        f"The theorem is about finite times. Inside a window (pattern {start + 1}, "
        f"{float(case['ratio']):g} g_crit) every drawn system leaves the state after a time that "
        "grows as ln N_sp (value: its slope; expected: 1/(2λ), λ from the Jacobian), however "
        "large it is; the limits N → ∞ and t → ∞ do not commute there. Beyond the windows the "
        "statement stands, see `many_spins`.",
        value=slope,
        expected=expected,
        error=abs(slope - expected),
    )


CLAIMS = (
    stability,
    basins,
    basins_beyond,
    intermediate,
    close_start,
    recognition,
    many_spins,
    order_of_limits,
)
