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
    """What the first term leaves of the field of the modes on the spins, along trajectories."""
    data = findings("elimination").sortby("frequency")
    raw = (data["left"] / data["leading"]).values
    averaged = (data["left_averaged"] / data["leading"]).values
    frequency = data["frequency"].values
    slope, _ = exponent(frequency, averaged)
    return Outcome(
        judged(float(raw[-1]) < 0.2),
        "Root mean square of the field of the modes less the first term, in units of that term: "
        f"{numbers(raw)} at every time for ω = {numbers(frequency)} (value: at the largest), and "
        f"{numbers(averaged)} of averages over 2π/ω, as ω^{slope:.1f}. Modes that start empty turn "
        "about their new places, for ever without loss, and so does their zero-point motion.",
        value=float(raw[-1]),
        expected=0.0,
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
        expected=1.0,
    )


@claim(
    "accurate",
    "For long-ranged models such as this one truncated Wigner is accurate at long times.",
    "p. 2, Methods",
)
def accurate(findings: Findings) -> Outcome:
    """Few spins, solved exactly beside it."""
    data = findings("self_term")
    last = min(10.0, float(data["few_time"][-1]))
    few = {
        name: data[name].sel(few_time=slice(2.0, last)).mean("few_time")
        for name in ("few_exact", "few_wigner")
    }
    gap = few["few_wigner"] - few["few_exact"]
    mean = gap.mean("few_realization").values
    error = gap.std("few_realization", ddof=1).values / np.sqrt(gap.sizes["few_realization"])
    texts = "; ".join(
        f"{int(spins)} spins: "
        + ", ".join(
            f"{words} {float(few[name].isel(few_spins=k).mean()):.3f}"
            for name, words in (("few_exact", "exact"), ("few_wigner", "truncated Wigner"))
        )
        for k, spins in enumerate(data["few_spins"].values)
    )
    verdict = Verdict.CANNOT_TELL
    if (np.abs(mean) > 3 * error).all():
        verdict = Verdict.FAILS
    elif (np.abs(mean) + 2 * error < 0.05).all():
        verdict = Verdict.HOLDS
    largest = int(np.abs(mean).argmax())
    return Outcome(
        verdict,
        f"Means of σx over 2 ≤ t ≤ {last:g} and {gap.sizes['few_realization']} draws: {texts}. "
        "Value: the larger difference in the same draws. For many spins no exact answer is known.",
        value=float(mean[largest]),
        expected=0.0,
        error=float(error[largest]),
    )


@claim(
    "self_term",
    "With many modes per spin a slow, subexponential relaxation, reminiscent of a glass, persists "
    "after t_h.",
    "p. 3 and p. 4",
)
def self_term(findings: Findings) -> Outcome:
    """The same with photons eliminated, and without the field that a spin makes itself."""
    data = findings("self_term")
    middle = 0.5 * float(data["time"][-1])
    left = []
    for way in range(data.sizes["way"]):
        each = np.array(
            [
                np.interp(middle, data["time"].values, member)
                for member in data["sx"].isel(way=way).transpose("realization", "time").values
            ]
        )
        left.append((float(each.mean()), float(each.std(ddof=1)) / np.sqrt(len(each))))
    slow = left[0][0] > 5 * left[0][1]
    without = abs(left[2][0]) < max(3 * left[2][1], 0.1 * left[0][0])
    verdict = Verdict.FAILS if not slow else Verdict.METHOD_ONLY if without else Verdict.HOLDS
    return Outcome(
        verdict,
        f"At t = {middle:g} σx is {left[0][0]:.3f}({1e3 * left[0][1]:.0f}) with photons, "
        f"{left[1][0]:.3f}({1e3 * left[1][1]:.0f}) with photons eliminated and the terms j = k of "
        f"Eq. (3) kept, and {left[2][0]:.3f}({1e3 * left[2][1]:.0f}) (value) without these. For "
        "quantum spins the terms j = k are a constant; a classical spin is held by them.",
        value=left[2][0],
        expected=left[0][0],
        error=left[2][1],
    )


CLAIMS = (photons_follow, second_term, adiabatic, photon_times, accurate, self_term)
