"""Tests of what kelly2021 says about slow relaxation (Fig. 2, left and centre)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_frequency import Frequency, locked_frequency
from opendicke.analysis.relaxation_laws import Law
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import Curve, mean_curve, members_of
from opendicke.papers.kelly2021.looking import (
    all_follow,
    allowed,
    at,
    departure,
    exponent,
    law_between,
    listed,
    near,
    numbers,
    straight_stretch,
    verdicts,
)

_SEEN = 0.01
"""A deviation that one sees in a figure; the paper's sampling error."""


@claim(
    "logarithm",
    "For ω ≫ h the spins relax logarithmically, a − b ln(ht), beyond t_h and until t_ω.",
    "p. 3, Fig. 2, left",
)
def logarithm(findings: Findings) -> Outcome:
    """The law between t_h and the lower bound of t_ω, and how straight the curve looks."""
    data = findings("fig2_left")
    everywhere = range(data.sizes["curve"])
    inside = [
        law_between(
            data,
            k,
            float(data["perturbative_time"][k]),
            float(data["photon_time_low"][k]),
        )
        for k in everywhere
    ]
    open_still = sum(Law.LOGARITHMIC in found.possible for found in inside)
    ends = [straight_stretch(mean_curve(data, k), _SEEN) for k in everywhere]
    best = int(np.argmax([last / first for first, last in ends]))
    return Outcome(
        all_follow([found.verdict for found in inside], Law.LOGARITHMIC),
        "Between t_h and the lower bound of t_ω: "
        + "; ".join(
            f"ω = {w:g}: {found.verdict}"
            for w, found in zip(data["frequency"].values, inside, strict=True)
        )
        + f". From t_h to the end: {listed(data, 'frequency', 'ω')}. A logarithm is not excluded "
        f"in (value) of {len(inside)} windows. By eye it is there: within {_SEEN:g} the curve at "
        f"ω = {float(data['frequency'][best]):g} is straight over ln t from {ends[best][0]:.2g} to "
        f"{ends[best][1]:.2g}. {_straight_by_chance()}",
        value=float(open_still),
        expected=float(len(inside)),
    )


def _straight_by_chance() -> str:
    """How straight a stretched exponential looks over ln t."""
    times = np.geomspace(0.05, 100.0, 2000)
    curve = Curve(times, np.exp(-np.sqrt(times / 5)), np.zeros_like(times))
    first, last = straight_stretch(curve, _SEEN)
    return f"But so is exp(−√(t/τ)), for a factor of {last / first:.2g} in time."


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
            departure(mean_curve(data, k), start[k], 2 * start[k], _SEEN)
            for k in range(data.sizes["curve"])
        ]
    )
    slope, error = exponent(frequency, left)
    return Outcome(
        near(slope, error, 2.0, 0.5),
        f"A straight line over ln t from t_h to 2 t_h is left, by {_SEEN:g}, at t = "
        f"{numbers(left)} for ω = {numbers(frequency)} (nan: no such line, or it is not left), "
        f"where Eq. (7) has {numbers(data['photon_time_low'].values)} to "
        f"{numbers(data['photon_time_high'].values)}. Value: the exponent of ω.",
        value=slope if np.isfinite(slope) else None,
        expected=2.0,
        error=error if np.isfinite(error) else None,
    )


@claim("slower", "For ω/h > 7.5 relaxation is slower.", "Fig. 2, caption")
def slower(findings: Findings) -> Outcome:
    """σx at one time on both sides of 7.5, and what is left of it without the self-term."""
    data = findings("fig2_left")
    time = min(4.0, 0.5 * float(data["time"][-1]))
    found = np.array([at(data, k, time) for k in range(data.sizes["curve"])])
    above = data["frequency"].values > 7.5
    if not above.any() or above.all():
        return Outcome(Verdict.CANNOT_TELL, "No frequencies on both sides of 7.5 were computed.")
    gap = found[above, 0].min() - found[~above, 0].max()
    error = float(found[:, 1].max())
    ways = findings("self_term")
    grid = ways["time"].values
    at_time = min(time, float(grid[-1]))
    held, dropped = (
        float(np.interp(at_time, grid, ways["sx"].isel(way=k).mean("realization"))) for k in (0, 2)
    )
    own = 2 * float(data["sigma"][0]) ** 2 * float(data["alpha"][0]) / (1 + float(data["alpha"][0]))
    verdict = judged(gap > 3 * error)
    if verdict is Verdict.HOLDS and abs(dropped) < 0.2 * held:
        verdict = Verdict.METHOD_ONLY
    return Outcome(
        verdict,
        f"At t = {time:g} the averaged σx is {numbers(found[:, 0])} for ω = "
        f"{numbers(data['frequency'].values)} (value: the least above 7.5 less the most below). "
        "With photons eliminated and the field dropped that a classical spin makes itself, "
        f"{dropped:.3f} is left at t = {at_time:g} in place of {held:.3f}: it is this field that "
        f"holds the spins. It turns one with up to 2σ²α/(1+α) = {own:.3g}, which only faster modes "
        "follow.",
        value=float(gap),
        error=error,
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
    gamma, low, high = (laws[f"law_gamma{end}"].values for end in ("", "_low", "_high"))
    kept = np.array([allowed(data, k, Law.POWER) for k in range(data.sizes["curve"])])
    claimed = np.array([law == Law.POWER for law in verdicts(data)])
    verdict = Verdict.CANNOT_TELL
    if kept.all() and claimed.any() and np.abs(gamma[claimed] - 0.75).max() <= 0.15:
        verdict = Verdict.HOLDS
    elif 2 * kept.sum() < len(kept) and np.isfinite(gamma).all():
        verdict = Verdict.FAILS
    texts = ", ".join(
        f"{g:.2f} ({a:.2f} to {b:.2f})" for g, a, b in zip(gamma, low, high, strict=True)
    )
    return Outcome(
        verdict,
        f"{listed(data, 'sigma', 'σ')}. Fitted all the same, γ is {texts} for σ = "
        f"{numbers(data['sigma'].values)} (95 %). A power law is not excluded for "
        f"{kept.sum()} of {len(kept)} values of σ. Value: γ at the largest σ.",
        value=float(gamma[-1]) if np.isfinite(gamma[-1]) else None,
        expected=0.75,
        error=float(high[-1] - low[-1]) / 3.92 if np.isfinite(gamma[-1]) else None,
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


def _frequency_of(data: xr.Dataset, number: int, name: str) -> Frequency | None:
    """The locked frequency in the first stretch of time in which one is seen."""
    frequency, period = float(data["frequency"][number]), float(data["period"][number])
    stop = float(data["time"][-1])
    for first, last in ((0.0, stop), (period, 10 * period), (0.5 * period, 4 * period)):
        if min(last, stop) - first < 2 * period:
            continue
        found = locked_frequency(
            data["time"].values,
            members_of(data, number, name),
            start=first,
            stop=min(last, stop),
            slowest=0.5 * frequency,
            fastest=2 * frequency,
        )
        if found is not None:
            return found
    return None


@claim(
    "locked",
    "Magnetisation and photons oscillate at a common frequency proportional to ω.",
    "p. 4, below Fig. 2",
)
def locked(findings: Findings) -> Outcome:
    """The frequencies of what is left of σx and of photons when a smooth curve is taken away."""
    data = findings("locked")
    ratios, errors, texts, unseen = [], [], [], 0
    for number in range(data.sizes["curve"]):
        frequency = float(data["frequency"][number])
        where = f"σ = {float(data['sigma'][number]):g}, ω = {frequency:g}"
        seen = []
        for name in ("sx", "photons"):
            found = _frequency_of(data, number, name)
            if found is None:
                unseen += 1
                seen.append("none seen")
                continue
            ratios.append(found.value / frequency)
            errors.append(found.stderr / frequency)
            seen.append(f"{found.value:.3g}")
        texts.append(f"{where}: {seen[0]} and {seen[1]}")
    if len(ratios) < 2:
        return Outcome(Verdict.CANNOT_TELL, "; ".join(texts) + ".")
    spread = float(np.ptp(ratios))
    verdict = judged(spread < 0.2)
    if verdict is Verdict.HOLDS and unseen > len(ratios):
        verdict = Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        "Frequencies of σx and of the number of photons, where one is seen beside the decay: "
        f"{'; '.join(texts)}. Seen in {len(ratios)} of {len(ratios) + unseen} curves. Value: the "
        f"mean of frequency over ω, which lies between {min(ratios):.3g} and {max(ratios):.3g}.",
        value=float(np.mean(ratios)),
        expected=1.0,
        error=float(np.std(ratios, ddof=1) / np.sqrt(len(ratios))),
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
