"""Tests of what kelly2021 says about the ratio of modes and spins (Fig. 3)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from opendicke.analysis.relaxation_laws import Law
from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.kelly2021.looking import allowed, law_between, listed, numbers
from opendicke.physics.thermodynamics import (
    IMPLIED_ALPHA,
    STATED_ALPHA,
    critical_alpha,
    glass_window,
)

_ERROR_OF_PAPER = 0.01
"""Fig. 3, caption."""


def _exponential(data: xr.Dataset, number: int, tolerance: float | None) -> bool:
    """Whether an exponential is not excluded; deviations up to `tolerance` may be forgiven."""
    if tolerance is None:
        return allowed(data, number, Law.EXPONENTIAL)
    first, last = float(data["perturbative_time"][number]), float(data["time"][-1])
    return Law.EXPONENTIAL in law_between(data, number, first, last, tolerance).possible


def _border(alpha: Array, exponential: list[bool]) -> tuple[float, float] | None:
    """Between which α the exponential ends; None where it does not end, or does not begin."""
    places = np.flatnonzero(exponential)
    if len(places) == 0 or len(places) == len(alpha) or len(places) != places[-1] + 1:
        return None
    return float(alpha[places[-1]]), float(alpha[places[-1] + 1])


def _transition(findings: Findings, figure: str, expected: float, words: str) -> Outcome:
    """The border of exponential relaxation: strictly, and with the errors of the paper."""
    data = findings(figure).sortby("alpha")
    alpha = data["alpha"].values
    everywhere = range(len(alpha))
    found = {
        tolerance: [_exponential(data, k, tolerance) for k in everywhere]
        for tolerance in (None, _ERROR_OF_PAPER)
    }
    kept = {key: numbers(alpha[np.array(flags)]) or "none" for key, flags in found.items()}
    text = (
        f"{listed(data, 'alpha', 'α')}. An exponential is not excluded at α = {kept[None]}; with "
        f"deviations of {_ERROR_OF_PAPER:g} forgiven, the paper's sampling error, at α = "
        f"{kept[_ERROR_OF_PAPER]}. "
    )
    border = _border(alpha, found[None]) or _border(alpha, found[_ERROR_OF_PAPER])
    if border is None:
        return Outcome(
            Verdict.CANNOT_TELL, f"{text}No border can be drawn. {words}", expected=expected
        )
    middle = float(np.sqrt(border[0] * border[1]))
    return Outcome(
        judged(border[0] <= expected <= border[1]),
        f"{text}The border lies between {border[0]:g} and {border[1]:g} (value: their geometric "
        f"mean). {words}",
        value=middle,
        expected=expected,
        error=abs(middle - expected),
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
        error=abs(float(IMPLIED_ALPHA) - float(STATED_ALPHA)),
    )


@claim(
    "temperature_decides",
    "Where the start is hotter than the glass, relaxation is that of a paramagnet; glasslike "
    "relaxation needs a colder one.",
    "p. 4",
)
def temperature_decides(findings: Findings) -> Outcome:
    """With the modes that take part, every start of Fig. 2 is hotter than the glass."""
    window = glass_window(5.0, 1.0, modes="wigner", bright_only=True)
    data = findings("fig2_center")
    number = int(data["sigma"].values.argmax())
    slow = not allowed(data, number, Law.EXPONENTIAL)
    alpha = float(data["alpha"][number])
    inside = bool(window.low < alpha < window.high)
    if not slow:
        return Outcome(Verdict.CANNOT_TELL, "An exponential is not excluded in Fig. 2, centre.")
    return Outcome(
        judged(inside),
        "Of the modes of one frequency only as many combinations as there are spins exchange "
        f"energy. Counting these, the start is colder than the glass for {float(window.low):.3g} < "
        f"α < {float(window.high):.3g} at σ = 5, ω = 1 (value: the upper end), which leaves α = "
        f"{alpha:g} (expected: inside) out, where relaxation is not exponential all the same.",
        value=float(window.high),
        expected=alpha,
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
        mean = data["sx"].mean("realization").transpose("curve", "time").values
        below = mean < 0.2
        time = np.where(
            below.any(axis=1), data["time"].values[below.argmax(axis=1)], float(data["time"][-1])
        )
        texts.append(f"{numbers(time)} for α = {numbers(data['alpha'].values)} ({figure})")
        good.append(bool((np.diff(time) >= 0).all()))
    return Outcome(
        judged(all(good)),
        f"σx first falls below 0.2 at t = {'; '.join(texts)}.",
    )


CLAIMS = (alpha_center, alpha_right, alpha_formula, temperature_decides, alpha_relieves)
