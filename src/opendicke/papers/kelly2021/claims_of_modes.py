"""Tests of what kelly2021 says about the ratio of modes and spins (Fig. 3)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import Law
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.drawing import mean_curve
from opendicke.papers.kelly2021.looking import allowed, law_between, listed, numbers, verdicts
from opendicke.physics.thermodynamics import (
    IMPLIED_ALPHA,
    STATED_ALPHA,
    critical_alpha,
    glass_temperature,
    glass_window,
    initial_temperature,
)

_FORGIVEN = (0.004, 0.007, 0.01, 0.015)
"""Deviations from an exponential that are forgiven; 0.01 is the paper's sampling error, Fig. 3."""


def _exponential(data: xr.Dataset, number: int, tolerance: float) -> bool:
    """Whether an exponential is not excluded from t_h on, deviations below `tolerance` forgiven."""
    first, last = float(data["perturbative_time"][number]), float(data["time"][-1])
    return Law.EXPONENTIAL in law_between(data, number, first, last, tolerance).possible


def border_of(alpha: Array, exponential: list[bool]) -> tuple[float, float] | None:
    """Between which α the exponential ends; None where it does not end, or does not begin."""
    places = np.flatnonzero(exponential)
    if len(places) == 0 or len(places) == len(alpha) or len(places) != places[-1] + 1:
        return None
    return float(alpha[places[-1]]), float(alpha[places[-1] + 1])


def agreed(borders: list[tuple[float, float] | None], expected: float) -> Verdict:
    """Holds if every border holds what is expected; fails if all are on one side of it."""
    known = [border for border in borders if border is not None]
    if not known or len(known) < len(borders):
        return Verdict.CANNOT_TELL
    if all(low <= expected <= high for low, high in known):
        return Verdict.HOLDS
    below = all(high < expected for _, high in known)
    above = all(low > expected for low, _ in known)
    return Verdict.FAILS if below or above else Verdict.CANNOT_TELL


def _transition(findings: Findings, figure: str, expected: float, words: str) -> Outcome:
    """The border of exponential relaxation, and how it moves with what is forgiven."""
    data = findings(figure).sortby("alpha")
    alpha = data["alpha"].values
    found = {
        tolerance: [_exponential(data, k, tolerance) for k in range(len(alpha))]
        for tolerance in _FORGIVEN
    }
    borders = [border_of(alpha, flags) for flags in found.values()]
    texts = "; ".join(
        f"{tolerance:g}: " + (numbers(alpha[np.array(flags)]) or "none")
        for tolerance, flags in found.items()
    )
    middles = [float(np.sqrt(low * high)) for low, high in filter(None, borders)]
    return Outcome(
        agreed(borders, expected),
        f"{listed(data, 'alpha', 'α')}. An exponential is not excluded, with deviations forgiven "
        f"of {texts}. Where it ends depends on the errors that one has (value: at the largest "
        f"deviation that leaves a border). {words}",
        value=middles[-1] if middles else None,
        expected=expected,
    )


@claim(
    "alpha_center",
    "Relaxation is exponential for α ≲ 0.37 and subexponential above (σ = 5, ω = 1).",
    "p. 4, Fig. 3, centre",
)
def alpha_center(findings: Findings) -> Outcome:
    """The border between both from the data, beside what theory says."""
    theory = float(critical_alpha(5.0, 1.0, modes="wigner"))
    words = (
        f"Estimates: {STATED_ALPHA:.3f} as printed, {IMPLIED_ALPHA:.3f} from the printed formulas, "
        f"0.25 corrected, {theory:.4f} with the zero point of the modes."
    )
    return _transition(findings, "fig3_center", STATED_ALPHA, words)


@claim(
    "alpha_right",
    "For σ = 2, ω = 10 the transition moves up, to α_c ≈ 3.",
    "p. 4, Fig. 3, right",
)
def alpha_right(findings: Findings) -> Outcome:
    """The border from the data; theory has none."""
    theory = float(critical_alpha(2.0, 10.0, modes="wigner"))
    words = (
        "The corrected argument has no crossing here: the zero point of the modes alone keeps the "
        "temperature of the start above that of the glass at any α."
        if not np.isfinite(theory)
        else f"The corrected argument has {theory:.3g}."
    )
    return _transition(findings, "fig3_right", 3.0, words)


@claim(
    "alpha_formula",
    "The temperatures as printed cross at α_c = (√3 − 1)/2 ≃ 0.366.",
    "p. 4",
)
def alpha_formula(_: Findings) -> Outcome:
    """They cross where the root of α is that."""
    return Outcome(
        judged(abs(IMPLIED_ALPHA - STATED_ALPHA) < 1e-3),
        "Equating the printed T_c and T gives √α_c = (√3 − 1)/2; a square is missing. With the "
        "constant j = k on both sides it is 1/4. See the errata.",
        value=float(IMPLIED_ALPHA),
        expected=float(STATED_ALPHA),
    )


@claim(
    "temperature_decides",
    "Where the start is hotter than the glass, relaxation is that of a paramagnet; glasslike "
    "relaxation needs a colder one.",
    "p. 4",
)
def temperature_decides(findings: Findings) -> Outcome:
    """Laws at the largest α of both panels beside the temperature of their starts, corrected."""
    texts, wrong, known = [], 0, 0
    for figure in ("fig3_center", "fig3_right"):
        data = findings(figure)
        number = int(data["alpha"].values.argmax())
        alpha, sigma, frequency = (
            float(data[name][number]) for name in ("alpha", "sigma", "frequency")
        )
        hot = float(initial_temperature(sigma, alpha, frequency, modes="wigner"))
        cold = float(glass_temperature(sigma, alpha))
        law = verdicts(data)[number]
        fast = allowed(data, number, Law.EXPONENTIAL)
        texts.append(
            f"σ = {sigma:g}, ω = {frequency:g}, α = {alpha:g}: T = {hot:.3g}, T_g = {cold:.3g}, "
            f"{law}"
        )
        if law != "cannot tell" or not fast:
            known += 1
            wrong += (hot > cold) != fast
    bright = glass_window(5.0, 1.0, modes="wigner", bright_only=True)
    verdict = Verdict.FAILS if wrong else Verdict.HOLDS if known == 2 else Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"Corrected temperatures, in units of h: {'; '.join(texts)}. Of the modes of one frequency "
        "only as many combinations as there are spins exchange energy; counting these, the start "
        f"is colder than the glass for {float(bright.low):.3g} < α < {float(bright.high):.3g}, at "
        "σ = 5, ω = 1. Value: how many of the two do not agree.",
        value=float(wrong),
        expected=0.0,
    )


@claim(
    "alpha_relieves",
    "Fewer modes per spin relieve frustration: relaxation gets faster as α falls.",
    "p. 4, Fig. 3",
)
def alpha_relieves(findings: Findings) -> Outcome:
    """When the averaged σx first falls below a fifth, over α, in both panels."""
    texts, good = [], []
    for figure in ("fig3_center", "fig3_right"):
        data = findings(figure).sortby("alpha")
        curves = [mean_curve(data, k, smooth=False) for k in range(data.sizes["curve"])]
        below = [curve.mean < 0.2 for curve in curves]
        if not all(low.any() for low in below[:2]):
            return Outcome(Verdict.CANNOT_TELL, "σx does not fall below 0.2 at small α.")
        time = np.array(
            [
                curve.times[low.argmax()] if low.any() else np.inf
                for curve, low in zip(curves, below, strict=True)
            ]
        )
        texts.append(f"{numbers(time)} for α = {numbers(data['alpha'].values)} ({figure})")
        fell = time[np.isfinite(time)]
        good.append(bool((np.diff(fell) >= 0).all()))
    return Outcome(
        judged(all(good)),
        f"σx first falls below 0.2 at t = {'; '.join(texts)} (inf: not within the times).",
    )


CLAIMS = (alpha_center, alpha_right, alpha_formula, temperature_decides, alpha_relieves)
