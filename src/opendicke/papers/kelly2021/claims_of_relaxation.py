"""Tests of what kelly2021 says about slow relaxation (Fig. 2, left and centre)."""

from __future__ import annotations

import math

import numpy as np

from opendicke.analysis.relaxation_frequency import locked_frequency
from opendicke.analysis.relaxation_laws import Law
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve
from opendicke.papers.kelly2021.looking import (
    all_follow,
    allowed,
    at,
    departure,
    exponent,
    law_between,
    listed,
    members,
    numbers,
    straight_factor,
    verdicts,
)

_SEEN = 0.01
"""A deviation that one sees in a figure; the paper's sampling error."""


@claim(
    "logarithm",
    "For ω ≫ h the spins relax logarithmically, a − b ln(ht), beyond t_h.",
    "p. 3, Fig. 2, left",
)
def logarithm(findings: Findings) -> Outcome:
    """The law from t_h on, and inside the window that the paper's time scales leave for it."""
    data = findings("fig2_left")
    inside = [
        law_between(
            data,
            number,
            float(data["perturbative_time"][number]),
            float(data["photon_time_low"][number]),
        ).verdict
        for number in range(data.sizes["curve"])
    ]
    spans = [straight_factor(mean_curve(data, k), _SEEN) for k in range(data.sizes["curve"])]
    factors = np.array([last / first for first, last in spans])
    best = int(factors.argmax())
    return Outcome(
        all_follow(verdicts(data), Law.LOGARITHMIC),
        f"From t_h on: {listed(data, 'frequency', 'ω')}. Between t_h and the lower bound of t_ω: "
        f"{', '.join(inside)}. Within {_SEEN:g}, what a figure shows, the averaged curve is a "
        f"straight line over ln t for a factor of at most (value) in time, from "
        f"{spans[best][0]:.2g} to {spans[best][1]:.2g} at ω = "
        f"{float(data['frequency'][best]):g}; a law asks for a decade (expected).",
        value=float(factors[best]),
        expected=10.0,
    )


@claim(
    "crossover",
    "The logarithm yields to another slow relaxation at t_ω, which grows as ω².",
    "p. 3, Fig. 2, left; Eq. (7)",
)
def crossover(findings: Findings) -> Outcome:
    """When curves leave the straight line that they follow after t_h, over ω."""
    data = findings("fig2_left")
    frequency = data["frequency"].values
    start = data["perturbative_time"].values
    left = np.array(
        [
            departure(mean_curve(data, k), start[k], 3 * start[k], _SEEN)
            for k in range(data.sizes["curve"])
        ]
    )
    slope = exponent(frequency, left)
    known = math.isfinite(slope) and np.isfinite(left).sum() >= 4
    return Outcome(
        judged(bool(abs(slope - 2) < 0.5)) if known else Verdict.CANNOT_TELL,
        "A straight line over ln t from t_h to 3 t_h is left, by 0.01 and three standard errors, "
        f"at t = {numbers(left)} for ω = {numbers(frequency)} (no number: not within the times), "
        f"where Eq. (7) has {numbers(data['photon_time_low'].values)} to "
        f"{numbers(data['photon_time_high'].values)}. Value: the exponent of ω.",
        value=slope,
        expected=2.0,
        error=abs(slope - 2),
    )


@claim("slower", "For ω/h > 7.5 relaxation is slower.", "Fig. 2, caption")
def slower(findings: Findings) -> Outcome:
    """What it is about 7.5: the frequency with which a classical spin turns in its own field."""
    data = findings("fig2_left")
    time = min(4.0, 0.5 * float(data["time"][-1]))
    found = np.array([at(data, k, time) for k in range(data.sizes["curve"])])
    above = data["frequency"].values > 7.5
    if not above.any() or above.all():
        return Outcome(Verdict.CANNOT_TELL, "No frequencies on both sides of 7.5 were computed.")
    gap = found[above, 0].max() - found[~above, 0].max()
    alpha, sigma = float(data["alpha"][0]), float(data["sigma"][0])
    own = 2 * sigma**2 * alpha / (1 + alpha)
    return Outcome(
        Verdict.METHOD_ONLY if gap > 3 * found[:, 1].max() else Verdict.FAILS,
        f"At t = {time:g} the averaged σx is {numbers(found[:, 0])} for ω = "
        f"{numbers(data['frequency'].values)}: it jumps between the largest below 7.5 and those "
        "above (value: by how much). A classical spin turns in the field that it makes itself with "
        f"up to 2σ²α/(1+α) = {own:.3g} (expected: where the jump is); slower modes do not follow "
        "it, faster ones do and hold the spin. A quantum spin has no such field.",
        value=float(gap),
        expected=own,
    )


@claim(
    "power_law",
    "For ω ≈ h the spins relax as t^(−γ) with γ ≈ 0.75, from t_h on.",
    "p. 4, Fig. 2, centre; Abstract",
)
def power_law(findings: Findings) -> Outcome:
    """The laws from t_h on, and γ where a power law is not excluded."""
    data = findings("fig2_center")
    laws = data.sel(law=Law.POWER.value)
    gamma = laws["law_gamma"].values
    ends = zip(laws["law_gamma_low"].values, laws["law_gamma_high"].values, strict=True)
    kept = [k for k in range(data.sizes["curve"]) if allowed(data, k, Law.POWER)]
    largest = gamma[-1]
    texts = ", ".join(
        f"{g:.2f} ({low:.2f} to {high:.2f})" for g, (low, high) in zip(gamma, ends, strict=True)
    )
    found = verdicts(data)
    verdict = all_follow(found, Law.POWER)
    if verdict is Verdict.FAILS and any(name == Law.POWER for name in found):
        verdict = Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"{listed(data, 'sigma', 'σ')}. Fitted all the same, γ is {texts} for σ = "
        f"{numbers(data['sigma'].values)} (95 %). A power law is not excluded for "
        f"{len(kept)} of {len(found)} values of σ. Value: γ at the largest σ.",
        value=float(largest),
        expected=0.75,
        error=abs(float(largest) - 0.75),
    )


@claim(
    "not_exponential",
    "With active photons the magnetisation does not relax exponentially as a paramagnet does.",
    "p. 4",
)
def not_exponential(findings: Findings) -> Outcome:
    """At every σ of Fig. 2, centre."""
    data = findings("fig2_center")
    chance = data["law_p_value"].sel(law=Law.EXPONENTIAL.value).values
    fitted = np.isfinite(chance)
    excluded = fitted & (chance < 1e-3)
    verdict = judged(bool(excluded.all())) if fitted.any() else Verdict.CANNOT_TELL
    if fitted.any() and not excluded.all():
        verdict = Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"p-values of the exponential from t_h on: {numbers(chance, 2)} for σ = "
        f"{numbers(data['sigma'].values)}; it is excluded below 0.001. Value: the largest.",
        value=float(np.nanmax(chance)) if fitted.any() else None,
        expected=0.0,
    )


@claim(
    "locked",
    "Magnetisation and photons oscillate at a common frequency proportional to ω.",
    "p. 4, below Fig. 2",
)
def locked(findings: Findings) -> Outcome:
    """The frequency of what is left when a smooth decay is taken away."""
    ratios, errors, texts = [], [], []
    for figure in ("fig2_left", "fig2_center"):
        data = findings(figure)
        for number in range(data.sizes["curve"]):
            frequency = float(data["frequency"][number])
            found = locked_frequency(
                data["time"].values,
                members(data, number),
                start=1.0,
                stop=min(float(data["time"][-1]), max(15.0, 6 * float(data["period"][number]))),
                slowest=0.5 * frequency,
                fastest=1.5 * frequency,
            )
            where = f"σ = {float(data['sigma'][number]):g}, ω = {frequency:g}"
            if found is None:
                texts.append(f"{where}: none seen")
                continue
            ratios.append(found.value / frequency)
            errors.append(found.stderr / frequency)
            texts.append(f"{where}: {found.value:.3f}({1e3 * found.stderr:.0f})")
    if len(ratios) < 2:
        return Outcome(Verdict.CANNOT_TELL, "; ".join(texts) + ".")
    spread = float(np.ptp(ratios))
    return Outcome(
        judged(spread < 0.1),
        f"{'; '.join(texts)}. Value: the mean of frequency over ω; error: its range.",
        value=float(np.mean(ratios)),
        expected=1.0,
        error=spread,
    )


@claim(
    "frozen_until",
    "Spins stay frozen, to perturbation theory in h, until t_h ≃ (σ²/2h²)√(α+α²)/(1+α).",
    "p. 2, Eq. (4)",
)
def frozen_until(findings: Findings) -> Outcome:
    """What is left of the magnetisation at t_h, and when half of it is gone, over σ."""
    data = findings("fig2_center")
    sigma, limit = data["sigma"].values, data["perturbative_time"].values
    curves = [mean_curve(data, k, smooth=False) for k in range(data.sizes["curve"])]
    left = np.array([np.interp(t, c.times, c.mean) for t, c in zip(limit, curves, strict=True)])
    half = np.array(
        [c.times[(c.mean < 0.5).argmax()] if (c.mean < 0.5).any() else np.nan for c in curves]
    )
    return Outcome(
        judged(bool((left > 0.75).all())),
        f"At t_h = {numbers(limit)} the magnetisation is {numbers(left)} for σ = {numbers(sigma)} "
        f"(value: the least), far from frozen; half is first gone at t = {numbers(half)}. Eq. (4) "
        "is an order of magnitude, and counts the field that a spin makes itself (errata).",
        value=float(left.min()),
        expected=1.0,
    )


CLAIMS = (frozen_until, logarithm, crossover, slower, power_law, not_exponential, locked)
