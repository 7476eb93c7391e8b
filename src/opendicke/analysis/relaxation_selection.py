"""Which law a curve follows: misfits, information criterion, prediction, and the rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from opendicke.analysis.relaxation_laws import APART, PARAMETERS, Fitter, Law
from opendicke.analysis.relaxation_window import Observed
from opendicke.model.checks import Array

SEPARATED = 8.0
"""Difference of AICc from which the worse law is excluded."""
MISFIT = 1e-3
"""p-value below which a law does not describe the curve."""
_HALVINGS = 20
NONE = "none of these"
UNDECIDED = "cannot tell"


@dataclass(frozen=True, eq=False)
class Criteria:
    """How well one law describes a curve."""

    chi2: float
    p_value: float
    aicc: float
    held_out: float


@dataclass(frozen=True, eq=False)
class Choice:
    """What the criteria say together."""

    verdict: str
    possible: tuple[Law, ...]
    reason: str


def criteria(
    fit: Fitter, observed: Observed, laws: tuple[Law, ...], rng: np.random.Generator
) -> dict[Law, Criteria]:
    """All laws by all criteria, β kept apart from its limits."""
    halves = _halves(observed, rng)
    found = {}
    for law in laws:
        chi2 = fit.fit(law, observed.mean[None], APART).chi2
        freedom = len(observed.mean) - len(PARAMETERS[law])
        found[law] = Criteria(
            float(chi2[0]),
            p_value(float(chi2[0]), freedom, observed.realizations),
            float(aicc(chi2, len(PARAMETERS[law]), observed)[0]),
            _held_out(fit, law, halves),
        )
    return found


def aicc(chi2: Array, parameters: int, observed: Observed) -> Array:
    r"""Akaike's criterion for few points, the covariance itself being an estimate.

    .. math::
        R\ln\left(1 + \frac{\chi^2}{R-1}\right) + 2p + \frac{2p(p+1)}{K-p-1} ,

    for K averages, p parameters and R realizations; the first term is χ² where the covariance is
    known.
    """
    count = observed.realizations
    deviance = count * np.log1p(chi2 / (count - 1)) if count else chi2
    room = max(len(observed.mean) - parameters - 1, 1)
    return np.asarray(deviance + 2 * parameters + 2 * parameters * (parameters + 1) / room)


def p_value(chi2: float, freedom: int, realizations: int) -> float:
    """Probability of a misfit at least as large under the law.

    With an estimated covariance by the F law with R − 1 degrees of freedom, which lies on the safe
    side, as the covariance is shrunk.
    """
    if freedom < 1:
        return 1.0
    if not realizations:
        return float(chdtrc(freedom, chi2))
    return float(fdtrc(freedom, realizations - 1, chi2 / freedom))


def choose(found: dict[Law, Criteria]) -> Choice:
    """The rule.

    A law is claimed if it fits, no other one comes close, and the best prediction is its own. A
    law that does not fit, but is close, is not told apart either: its p-value is below the border
    by as little as the other is above.
    """
    fitting = {law: one for law, one in found.items() if one.p_value >= MISFIT}
    if not fitting:
        best = max(found, key=lambda law: found[law].p_value)
        return Choice(NONE, (), f"the best law, {best}, has p = {found[best].p_value:.1g}")
    best = min(fitting, key=lambda law: fitting[law].aicc)
    predicts = min(found, key=lambda law: found[law].held_out)
    least = found[best].aicc
    possible = tuple(
        law for law, one in found.items() if one.aicc - least < SEPARATED or law is predicts
    )
    if len(possible) > 1:
        if predicts is not best:
            words = f"{best} fits with the least AICc, but {predicts} predicts better"
            return Choice(UNDECIDED, possible, words)
        behind = [f"{law} by {found[law].aicc - least:.1f}" for law in possible if law != best]
        words = f"AICc favours {best} over {' and '.join(behind)}, less than {SEPARATED:g}"
        misfits = [law for law in possible if law not in fitting]
        words += f", though {' and '.join(misfits)} hardly fits" if misfits else ""
        return Choice(UNDECIDED, possible, words)
    rest = [one.aicc - least for law, one in found.items() if law is not best]
    apart = f"the next law is {min(rest):.0f} of AICc behind" if rest else "no other was asked"
    return Choice(best.value, possible, f"p = {fitting[best].p_value:.2g}, {apart}")


def winners(
    fit: Fitter, observed: Observed, laws: tuple[Law, ...], data: Array
) -> dict[str, float]:
    """Share of resampled averages (B, K) that each law describes best, or none does."""
    scores, chances = [], []
    for law in laws:
        chi2 = fit.fit(law, data, APART).chi2
        scores.append(aicc(chi2, len(PARAMETERS[law]), observed))
        freedom = len(observed.mean) - len(PARAMETERS[law])
        # A resample carries the chance of the data and its own: twice the misfit.
        chances.append([p_value(float(one) / 2, freedom, observed.realizations) for one in chi2])
    fits = np.array(chances) >= MISFIT
    best = np.where(fits, np.array(scores), np.inf).argmin(axis=0)
    best[~fits.any(axis=0)] = len(laws)
    names = [*(law.value for law in laws), NONE]
    return {name: float((best == k).mean()) for k, name in enumerate(names)}


def _halves(observed: Observed, rng: np.random.Generator) -> tuple[Array, Array]:
    """Averages of one half of the realizations, and of the other; many ways to halve.

    Of a mean alone: the mean plus and minus an error as its own, which are independent.
    """
    if observed.members is None:
        apart = observed.noise(_HALVINGS, rng)
        return observed.mean + apart, observed.mean - apart
    count = observed.realizations
    order = rng.permuted(np.tile(np.arange(count), (_HALVINGS, 1)), axis=1)
    first, second = order[:, : count // 2], order[:, count // 2 :]
    return observed.members[first].mean(axis=1), observed.members[second].mean(axis=1)


def _held_out(fit: Fitter, law: Law, halves: tuple[Array, Array]) -> float:
    """Mean χ² of one half, on its own errors, about the law fitted to the other."""
    total = 0.0
    for seen, kept in (halves, halves[::-1]):
        guessed = fit.averages(law, fit.fit(law, seen, APART).coefficients)
        rest = (kept - guessed) @ fit.whiten.T
        total += float((rest**2).sum(axis=1).mean()) / 4
    return total
