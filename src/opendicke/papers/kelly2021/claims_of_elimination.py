"""Tests of what kelly2021 says about eliminated photons, and about its method."""

from __future__ import annotations

import numpy as np

from opendicke.measure.nested import nested_error
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.looking import at, exponent, numbers
from opendicke.physics.timescales import perturbative_time, photon_time


@claim(
    "photons_follow",
    "For fast photons a(t) = −(1/ω)Σ g σx − (i/ω²)Σ g ∂σx + ….",
    "p. 3, Eq. (5)",
)
def photons_follow(findings: Findings) -> Outcome:
    """What both terms leave of the field of the modes on the spins, along trajectories."""
    data = findings("elimination")
    raw = (data["left"] / data["leading"]).values
    averaged = (data["left_averaged"] / data["leading"]).values
    frequency = data["frequency"].values
    return Outcome(
        Verdict.HOLDS if raw.max() < 0.2 else Verdict.FAILS,
        "From empty modes the displaced mode also turns about its new place, for ever without "
        "loss: the first term misses the field by (value: at the largest ω) times itself, "
        f"{numbers(raw)} for ω = {numbers(frequency)}, zero-point motion included, and this does "
        f"not fall with ω. Averaged over 2π/ω it is right: {numbers(averaged)} are left, falling "
        f"as ω^{exponent(frequency, averaged):.1f}.",
        value=float(raw[-1]),
        expected=0.0,
        error=float(averaged[-1]),
    )


@claim(
    "second_term",
    "The second term of Eq. (5) is the leading correction to the coupling, δH of Eq. (6).",
    "p. 3, Eq. (6)",
)
def second_term(findings: Findings) -> Outcome:
    """It is imaginary: it is seen in the other quadrature, which does not couple."""
    data = findings("elimination")
    frequency = data["frequency"].values
    share = (data["other_left_averaged"] / data["next_averaged"]).values
    coupled = (data["left_averaged"] / data["next_averaged"]).values
    return Outcome(
        judged(bool(coupled[-1] > 0.9)),
        "i ∂σx is imaginary for commuting σx, so that the real part in Eq. (6) vanishes for every "
        "pair of different spins; for j = k operators leave a shift of the field h. Along "
        "trajectories the term is there, in −i(a − a†): of its averages "
        f"{numbers(share)} are missed at ω = {numbers(frequency)}. What is missing in a + a†, "
        f"which couples, is {numbers(coupled)} of the term (value: at the largest ω; expected: "
        "all).",
        value=float(coupled[-1]),
        expected=1.0,
        error=float(share[-1]),
    )


@claim(
    "adiabatic",
    "At ω/h = 10 (σ² = 4h) the model is deep in the regime where photons are eliminated.",
    "Fig. 2, caption",
)
def adiabatic(findings: Findings) -> Outcome:
    """Relaxation with modes beside that of Eq. (3), terms j = k kept as in the paper's method."""
    data = findings("elimination")
    stop = float(data["time"][-1])
    times = [t for t in (1.0, 4.0, 10.0, 18.0) if t < 0.95 * stop]
    limit = nested_error(data["eliminated"].transpose("realization", "time").values)
    grid = data["time"].values
    gaps = np.array(
        [
            max(abs(at(data, k, t)[0] - float(np.interp(t, grid, limit.mean))) for t in times)
            for k in range(data.sizes["curve"])
        ]
    )
    near = int(np.abs(data["frequency"].values - 10).argmin())
    return Outcome(
        judged(bool(gaps[near] < 0.05)),
        f"The averaged σx differs from that of Eq. (3) by up to {numbers(gaps, 2)} at t = "
        f"{numbers(times)} for ω = {numbers(data['frequency'].values)} (value: at ω = "
        f"{float(data['frequency'][near]):g}).",
        value=float(gaps[near]),
        expected=0.0,
        error=float(limit.stderr.max()),
    )


@claim(
    "photon_time",
    "ω²/(σ²h²) ≲ t_ω ≲ ω²σ²/h⁴, and t_ω ∼ ω²/h³ where σ² ∼ h.",
    "p. 3, Eq. (7)",
)
def photon_times(_: Findings) -> Outcome:
    """The bounds that Eq. (7) gives with 1/h ≲ t_s ≲ t_h."""
    sigma, frequency = 3.0, 10.0
    bounds = photon_time(sigma, 1e6, frequency, 1.0)
    low, high = float(bounds.low), float(bounds.high)
    meeting = photon_time(np.sqrt(2.0), 1e6, frequency, 1.0)
    return Outcome(
        judged(
            bool(
                0.3 < low * sigma**2 / frequency**2 < 3
                and 0.3 < high / (frequency * sigma) ** 2 < 3
            )
        ),
        f"At σ = 3, ω = 10, α → ∞ Eq. (7) gives {low:.3g} to {high:.3g}, that is 2 and 1/2 times "
        f"the printed bounds (t_h = {float(perturbative_time(sigma, 1e6, 1.0)):.3g}). They meet "
        f"at σ² = 2h in ω²/h³ ({float(meeting.low):.4g}).",
        value=low * sigma**2 / frequency**2,
        expected=2.0,
    )


@claim(
    "self_term",
    "Truncated Wigner is accurate for this long-ranged model, so the slow relaxation is the "
    "model's.",
    "p. 2, Methods; p. 3",
)
def self_term(findings: Findings) -> Outcome:
    """The field that a classical spin makes itself: dropped, and few spins solved exactly."""
    data = findings("self_term")
    late = slice(2.0, min(10.0, float(data["few_time"][-1])))
    few = {
        name: data[name].sel(few_time=late).mean("few_time") for name in ("few_exact", "few_wigner")
    }
    count = np.sqrt(data.sizes["few_realization"])
    mean = {name: values.mean("few_realization").values for name, values in few.items()}
    error = {
        name: values.std("few_realization", ddof=1).values / count for name, values in few.items()
    }
    gap = mean["few_wigner"] - mean["few_exact"]
    width = np.hypot(error["few_wigner"], error["few_exact"])
    middle = 0.5 * float(data["time"][-1])
    ways = [
        float(np.interp(middle, data["time"], data["sx"].isel(way=k).mean("realization")))
        for k in range(data.sizes["way"])
    ]
    wrong = bool((gap > 3 * width).all())
    return Outcome(
        Verdict.METHOD_ONLY if wrong else Verdict.CANNOT_TELL,
        f"Means over 2 ≤ t ≤ 10 of σx for {numbers(data['few_spins'].values)} spins: exactly "
        + ", ".join(
            f"{m:.3f}({1e3 * e:.0f})"
            for m, e in zip(mean["few_exact"], error["few_exact"], strict=True)
        )
        + ", truncated Wigner "
        + ", ".join(
            f"{m:.3f}({1e3 * e:.0f})"
            for m, e in zip(mean["few_wigner"], error["few_wigner"], strict=True)
        )
        + f". At the paper's size and t = {middle:g} truncated Wigner has {ways[0]:.3f} with "
        f"photons, {ways[1]:.3f} with photons eliminated and the terms j = k kept, {ways[2]:.3f} "
        "without them. A classical spin is held by the field that it made itself; a quantum spin "
        "is not. Value: the largest gap of few spins. For many spins no exact solution is known.",
        value=float(gap.max()),
        expected=0.0,
        error=float(width.max()),
    )


@claim(
    "steps",
    "Sampling errors of about 0.01 are the errors of the simulations.",
    "Fig. 3, caption",
)
def steps(findings: Findings) -> Outcome:
    """The error of our own steps beside it: same samples at half the step."""
    data = findings("steps")
    apart, error = data["apart"].values, data["apart_stderr"].values
    ratio = np.abs(apart) / np.maximum(error, 1e-12)
    seen = np.where(ratio > 4, np.abs(apart), 0.0)
    return Outcome(
        judged(bool(seen.max() < 0.01)),
        "Our steps, halved with the same samples, change no mean by more than (value) where the "
        f"change exceeds four of its standard errors; the root mean square of all changes is "
        f"{np.sqrt(np.mean(apart**2)):.2g}, of their standard errors "
        f"{np.sqrt(np.mean(error**2)):.2g}. The paper does not print its integrator.",
        value=float(seen.max()),
        expected=0.0,
    )


CLAIMS = (photons_follow, second_term, adiabatic, photon_times, self_term, steps)
