"""By which law a magnetisation decays: fits with errors, and "cannot tell" as an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as member

import numpy as np

from opendicke.analysis.relaxation_laws import PARAMETERS, Fitter, Law
from opendicke.analysis.relaxation_selection import (
    UNDECIDED,
    Choice,
    Criteria,
    choose,
    criteria,
    winners,
)
from opendicke.analysis.relaxation_window import (
    LEAST_REALIZATIONS,
    Curves,
    Observed,
    Window,
    checked_window,
    falls,
    widening,
)
from opendicke.errors import InputError, nearest, shown
from opendicke.measure.nested import check_level
from opendicke.model.checks import Array, integer, numeric_array, real, seed_of


@dataclass(frozen=True, eq=False)
class Fit:
    """One law, fitted to one curve.

    Attributes
    ----------
    law : Law
    parameters : dict
        ``a``, ``b``; ``amplitude``, ``gamma``; ``amplitude``, ``tau``, ``beta``; or
        ``amplitude``, ``tau``, as `Law` writes them, in units of the curve and of its times. β of
        the stretched exponential is free here, between 0.05 and 1.
    intervals : dict
        Lower and upper end for each parameter.
    chi2, p_value : float
        Misfit in the metric of the covariance, and the probability of one at least as large.
    aicc : float
        Akaike's criterion, smaller is better.
    held_out : float
        Mean χ² of half of the realizations about the law fitted to the other half.

    Notes
    -----
    `chi2`, `p_value`, `aicc` and `held_out` are what laws are chosen by. For the stretched
    exponential they belong to the best one with 0.2 ≤ β ≤ 0.9, and not to `parameters`,
    `intervals` and `curve`, which are of the free fit: they agree where β lies in between.
    """

    law: Law
    parameters: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    chi2: float
    p_value: float
    aicc: float
    held_out: float
    _coefficients: Array = member(repr=False)
    _fitter: Fitter = member(repr=False)

    def curve(self, times: Array) -> Array:
        """The law at some times.

        Parameters
        ----------
        times : array (T,)
            Larger than zero, in the unit of the fitted ones.

        Returns
        -------
        array (T,)
        """
        grid = numeric_array("times", times)
        if (grid <= 0).any():
            raise InputError("times", "be larger than zero", f"went down to {grid.min():g}")
        values = self._fitter.curves(self.law, self._coefficients, grid.reshape(-1))
        return np.asarray(values[0].reshape(grid.shape))


@dataclass(frozen=True, eq=False)
class Relaxation:
    """How a curve decays.

    Attributes
    ----------
    times, mean, stderr : array (K,)
        The averages that were fitted, in the unit of the times given; empty where the curve has no
        window.
    window : (float, float)
        First and last time that was used, NaN where there is none.
    fits : dict
        Law → `Fit`; empty where there is too little to fit.
    law : Law or None
        The law, where the verdict is one.
    verdict : str
        A law, "none of these" or "cannot tell".
    possible : tuple of Law
        Those that the data do not exclude.
    shares : dict
        Share of the resamples in which each law, or "none of these", is the best: how stable the
        choice is.
    reason : str
        One sentence.
    """

    times: Array
    mean: Array
    stderr: Array
    window: tuple[float, float]
    fits: dict[Law, Fit]
    law: Law | None
    verdict: str
    possible: tuple[Law, ...]
    shares: dict[str, float]
    reason: str


def fit_relaxation(
    times: Array,
    curves: Array,
    errors: Array | None = None,
    *,
    field: float = 1.0,
    period: float | None = None,
    start: float = 0.0,
    floor: float = 3.0,
    least: float = 0.0,
    tolerance: float = 0.0,
    laws: Sequence[Law] = tuple(Law),
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Relaxation:
    r"""Fit the laws of relaxation to a curve, and say which one it follows.

    .. math::
        a - b\ln(ht), \qquad A\,t^{-\gamma}, \qquad A\,e^{-(t/\tau)^\beta}, \qquad A\,e^{-t/\tau} .

    **Window.** From `start` and one period (averages over a period, see `period_average`) until
    the average falls below `floor` standard errors, or below `least`. Inside, at most 12 averages
    over intervals equal in ln t; each law is averaged in the same way before it is compared.

    **Fit.** Generalized least squares with the covariance over realizations, shrunk. A mean with
    errors, without members, counts as independent from time to time. Intervals by resampling
    realizations (Gaussian errors for a mean alone), widened for few of them.

    **Rule.** A law whose p-value is below 0.001 does not fit; if none fits, the verdict is "none
    of these". Of those that fit, the law of least AICc is the verdict if every other one, whether
    it fits or not, is at least 8 behind, and if it also predicts held-out halves of the
    realizations best. Otherwise the verdict is "cannot tell". For this choice, "stretched
    exponential" means 0.2 ≤ β ≤ 0.9: closer to its limits it is the power law (β → 0) or the
    exponential (β = 1), within the resolution.

    Parameters
    ----------
    times : array (T,)
        Increasing, from zero or later, in units of 1/energy.
    curves : array (R, T) or (T,)
        Realizations of disorder, or a mean.
    errors : array of the same shape, optional
        Standard errors. Needed for a mean; the scatter of members holds theirs already.
    field : float
        h of the logarithm, in units of energy.
    period : float, optional
        2π/ω of a locked oscillation, in units of `times`. None: nothing is averaged.
    start : float
        Where the law may begin, such as kelly2021's t_h.
    floor : float
        Standard errors that the average must exceed.
    least : float
        Value that it must exceed.
    tolerance : float
        Deviation of the averages from a law that is forgiven, in units of the curve. With 0 a
        curve that follows a law closely, but not exactly, is "none of these" once errors are small.
    laws : list of Law
        What to choose from.
    level : float
        Confidence of the intervals, between 0 and 1.
    resamples : int
        At least 20.
    seed : int
        Of the resampling; the same seed gives the same answer.

    Returns
    -------
    Relaxation
        With fewer than 6 realizations, or 6 averages, or a window less than a factor 2 in time,
        or a curve that does not fall measurably, the verdict is "cannot tell".

    Raises
    ------
    InputError
        If shapes do not fit, a single curve has no errors, or a setting is out of its range.

    Notes
    -----
    kelly2021 Figs. 2 and 3 draw these laws by eye.

    Examples
    --------
    >>> import numpy as np
    >>> import opendicke as od
    >>> times = np.geomspace(1, 100, 60)
    >>> found = od.fit_relaxation(times, 0.9 * times**-0.3, np.full(60, 1e-3))
    >>> print(found.verdict, round(found.fits[found.law].parameters["gamma"], 6))
    power law 0.3
    """
    data = Curves.of(times, curves, errors)
    h = real("field", field, above=0.0)
    chosen = _laws(laws)
    confidence = check_level(level)
    count = integer("resamples", resamples, least=20)
    rng = np.random.default_rng(seed_of(seed))
    forgiven = real("tolerance", tolerance, least=0.0)
    window = checked_window(data, period, start, floor, least)
    if window is None:
        return _unfitted("the curve is below the floor, or over, before the window begins")
    averages, stderr = data.averaged(_whole(data, window))
    if not window.enough:
        words = (
            f"{len(window.points)} averages from {window.first:g} to {window.last:g} are too few"
        )
        return _unfitted(f"{words}: {window.ended}", window, averages, stderr)
    observed = Observed.of(data, window, forgiven)
    fit = Fitter(window, observed.covariance, h)
    found = criteria(fit, observed, chosen, rng)
    noise = observed.noise(count, rng)
    wider = widening(observed, confidence)
    fits = {
        law: _fit(fit, law, observed, found[law], observed.mean + wider * noise, confidence)
        for law in chosen
    }
    choice = _choice(observed, found, noise)
    return Relaxation(
        times=window.points,
        mean=averages,
        stderr=stderr,
        window=(window.first, window.last),
        fits=fits,
        law=Law(choice.verdict) if choice.verdict in tuple(Law) else None,
        verdict=choice.verdict,
        possible=choice.possible,
        shares=winners(fit, observed, chosen, observed.mean + noise),
        reason=f"{choice.reason}.",
    )


def _choice(observed: Observed, found: dict[Law, Criteria], noise: Array) -> Choice:
    count = observed.realizations
    if 0 < count < LEAST_REALIZATIONS:
        words = (
            f"{count} realizations are too few for a covariance, {LEAST_REALIZATIONS} are needed"
        )
        return Choice(UNDECIDED, tuple(found), words)
    if not falls(observed, noise):
        return Choice(UNDECIDED, tuple(found), "the curve does not fall measurably in the window")
    return choose(found)


def _fit(
    fit: Fitter, law: Law, observed: Observed, found: Criteria, data: Array, level: float
) -> Fit:
    fitted = fit.fit(law, np.concatenate([observed.mean[None], data]))
    values = fit.parameters(law, fitted.coefficients)
    ends = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    names = PARAMETERS[law]
    return Fit(
        law=law,
        parameters=dict(zip(names, values[0].tolist(), strict=True)),
        intervals={name: (float(ends[0, k]), float(ends[1, k])) for k, name in enumerate(names)},
        chi2=found.chi2,
        p_value=found.p_value,
        aicc=found.aicc,
        held_out=found.held_out,
        _coefficients=fitted.coefficients[:1],
        _fitter=fit,
    )


def _whole(data: Curves, window: Window) -> Array:
    """Weights of the averages on all the times of the curve."""
    weights = np.zeros((len(window.points), len(data.times)))
    weights[:, window.used] = window.weights
    return weights


def _unfitted(
    reason: str,
    window: Window | None = None,
    mean: Array | None = None,
    stderr: Array | None = None,
) -> Relaxation:
    empty = np.zeros(0)
    return Relaxation(
        times=empty if window is None else window.points,
        mean=empty if mean is None else mean,
        stderr=empty if stderr is None else stderr,
        window=(np.nan, np.nan) if window is None else (window.first, window.last),
        fits={},
        law=None,
        verdict=UNDECIDED,
        possible=(),
        shares={},
        reason=f"{reason}.",
    )


def _laws(laws: Sequence[Law]) -> tuple[Law, ...]:
    known = tuple(law.value for law in Law)
    if isinstance(laws, str) or not isinstance(laws, Sequence) or not len(laws):
        raise InputError("laws", "be a list of laws", f"was {shown(laws)}")
    for law in laws:
        if law not in known:
            raise InputError("laws", "hold known laws", nearest(str(law), known))
    return tuple(Law(law) for law in dict.fromkeys(laws))
