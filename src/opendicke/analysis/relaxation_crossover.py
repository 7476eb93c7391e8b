"""When one law of relaxation is left for another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from opendicke.analysis.relaxation_laws import PARAMETERS, Fitter, Law, shape
from opendicke.analysis.relaxation_selection import (
    MISFIT,
    NONE,
    SEPARATED,
    UNDECIDED,
    aicc,
    p_value,
)
from opendicke.analysis.relaxation_window import (
    LEAST_REALIZATIONS,
    Curves,
    Observed,
    Window,
    checked_window,
    widening,
)
from opendicke.errors import InputError, nearest
from opendicke.measure.nested import check_level
from opendicke.model.checks import Array, integer, real, seed_of

CROSSOVER = "crossover"
_BINS = 16
_MARGIN = 3
"""Averages on both sides of a crossover."""
_CHANCE = 0.01
_STEPS = 8
_SETTLED = 1e-4
_BREAKS = 24
_VALLEYS = 4
_SLOPES = np.geomspace(0.02, 20.0, 31)
_BETAS = np.linspace(0.2, 1.0, 5)


@dataclass(frozen=True, eq=False)
class Crossover:
    """When a law is left.

    Attributes
    ----------
    time : float
        NaN without a crossover.
    interval : (float, float)
        Lower and upper end; NaN without a crossover.
    verdict : str
        "crossover", "none of these" if the two laws do not describe the curve either, or
        "cannot tell".
    reason : str
        One sentence.
    """

    time: float
    interval: tuple[float, float]
    verdict: str
    reason: str


def crossover(
    times: Array,
    curves: Array,
    errors: Array | None = None,
    *,
    first: Law = Law.LOGARITHMIC,
    then: Law = Law.POWER,
    field: float = 1.0,
    period: float | None = None,
    start: float = 0.0,
    floor: float = 3.0,
    least: float = 0.0,
    tolerance: float = 0.0,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Crossover:
    r"""Time at which a curve passes from one law to another, without a jump.

    .. math::
        m(t) = f_1(t) \;\; (t \le t_c), \qquad
        m(t) = f_1(t_c)\,\frac{f_2(t)}{f_2(t_c)} \;\; (t > t_c) ,

    fitted to up to 16 averages of the window of `fit_relaxation`, of which three lie on either
    side of t_c. (After another law the logarithm is f₁(t_c) − b ln(t/t_c).)

    There is a crossover if the two laws describe the curve (p ≥ 0.001), if no single law comes
    within 8 of their AICc, if chance improves the best single law that much in less than 1 % of
    resamples, and if the interval of t_c stays within the search. If neither one law nor these
    two describe the curve, "none of these". Otherwise "cannot tell".

    Parameters
    ----------
    times, curves, errors
        As for `fit_relaxation`.
    first, then : Law
        `first` may be any but the stretched exponential.
    field, period, start, floor, least, tolerance, level, resamples, seed
        As for `fit_relaxation`, in the unit of the times or its inverse.

    Returns
    -------
    Crossover

    Raises
    ------
    InputError
        If shapes do not fit, a single curve has no errors, or a setting is out of its range.

    Notes
    -----
    kelly2021 marks t_ω, Eq. (7), where the logarithm of Fig. 2 (left) is left.
    """
    laws = (_law("first", first, Law.STRETCHED), _law("then", then))
    data = Curves.of(times, curves, errors)
    h = real("field", field, above=0.0)
    forgiven = real("tolerance", tolerance, least=0.0)
    confidence = check_level(level)
    count = integer("resamples", resamples, least=20)
    rng = np.random.default_rng(seed_of(seed))
    window = checked_window(data, period, start, floor, least, bins=_BINS)
    if window is None or not window.enough or len(window.points) < 2 * _MARGIN + 4:
        return _undecided("the window holds too few averages")
    observed = Observed.of(data, window, forgiven)
    if 0 < observed.realizations < LEAST_REALIZATIONS:
        return _undecided(f"a covariance needs {LEAST_REALIZATIONS} realizations")
    single = Fitter(window, observed.covariance, h)
    pair = _Pair(window, single, *laws)
    noise = observed.noise(count, rng)
    return _judged(observed, single, pair, noise, widening(observed, confidence), confidence)


def _judged(
    observed: Observed, single: Fitter, pair: _Pair, noise: Array, wider: float, level: float
) -> Crossover:
    mean = observed.mean[None]
    place, chi2 = pair.fit(mean)
    own = pair.parameters
    both = float(aicc(chi2, own, observed)[0])
    alone = {law: single.fit(law, mean) for law in Law}
    scores = {
        law: float(aicc(one.chi2, len(PARAMETERS[law]), observed)[0]) for law, one in alone.items()
    }
    best = min(scores, key=lambda law: scores[law])
    gain = float(alone[best].chi2[0] - chi2[0])
    points, count = len(observed.mean), observed.realizations
    fits = p_value(float(chi2[0]), points - own, count) >= MISFIT
    lone = p_value(float(alone[best].chi2[0]), points - len(PARAMETERS[best]), count) >= MISFIT
    if not fits and not lone:
        words = "neither one law nor these two describe the curve."
        return Crossover(np.nan, (np.nan, np.nan), NONE, words)
    if not fits or scores[best] - both < SEPARATED:
        return _undecided(f"a single law ({best}) {'does as well' if lone else 'is close behind'}")
    chance = single.averages(best, alone[best].coefficients) + noise
    gains = single.fit(best, chance).chi2 - pair.fit(chance, place)[1]
    if (1 + (gains >= gain).sum()) / (1 + len(gains)) > _CHANCE:
        return _undecided(f"chance may improve {best} as much")
    found, _ = pair.fit(observed.mean + wider * noise, place)
    low, high = np.exp(np.quantile(found[:, 0], [(1 - level) / 2, (1 + level) / 2]))
    if low <= pair.least * 1.001 or high >= pair.most / 1.001:
        return _undecided("the interval of the time reaches the end of the window")
    words = f"{scores[best] - both:.0f} of AICc better than one law ({best})."
    return Crossover(float(np.exp(place[0, 0])), (float(low), float(high)), CROSSOVER, words)


class _Pair:
    """Two laws, one after the other; amplitudes eliminated, the rest searched and refined."""

    def __init__(self, window: Window, single: Fitter, first: Law, then: Law) -> None:
        self.first, self.then = first, then
        self.least = float(window.points[_MARGIN - 1])
        self.most = float(window.points[-_MARGIN])
        self._grid = window.grid
        self._average = single.whiten @ window.weights
        self._middle = single.middle
        self._whiten = single.whiten
        self._free = 1 + (first is not Law.LOGARITHMIC) + (then is not Law.LOGARITHMIC)
        self._free += then is Law.STRETCHED
        axes = [np.linspace(np.log(self.least), np.log(self.most), _BREAKS)]
        bounds = [(np.log(self.least), np.log(self.most))]
        sloping = [law for law in (first, then) if law is not Law.LOGARITHMIC]
        for _ in sloping:
            axes.append(np.log(_SLOPES[:: len(sloping)]))
            bounds.append((np.log(1e-3), np.log(50.0)))
        if then is Law.STRETCHED:
            axes.append(_BETAS)
            bounds.append((0.05, 1.0))
        self._starts = np.array(list(product(*axes)))
        self._bounds: Array = np.array(bounds).T
        self._bases = np.linalg.qr(self._design(self._starts))[0]
        linear = self._bases.shape[2]
        self.parameters = linear + self._free

    def _design(self, place: Array) -> Array:
        """Whitened columns (B, K, n) of what enters linearly."""
        t, stop = self._grid, np.exp(place[:, :1])
        early, capped = t <= stop, np.minimum(t, stop)
        beyond = np.log(np.maximum(t, stop) / stop)
        used = 1
        if self.first is Law.LOGARITHMIC:
            columns = [np.ones_like(capped), -np.log(capped / self._middle)]
        else:
            gamma = np.exp(place[:, 1:2])
            beta = np.full_like(gamma, float(self.first is Law.EXPONENTIAL))
            columns = [shape(capped, self._middle, gamma, beta)]
            used = 2
        if self.then is Law.LOGARITHMIC:
            columns.append(-beyond)
        else:
            gamma = np.exp(place[:, used : used + 1])
            if self.then is Law.STRETCHED:
                beta = place[:, used + 1 :]
            else:
                beta = np.full_like(gamma, float(self.then is Law.EXPONENTIAL))
            late = shape(np.maximum(t, stop), self._middle, gamma, beta)
            at_stop = np.maximum(shape(stop, self._middle, gamma, beta), 1e-300)
            columns = [column * np.where(early, 1.0, late / at_stop) for column in columns]
        return np.stack([column @ self._average.T for column in columns], axis=2)

    def _rest(self, place: Array, white: Array) -> Array:
        """What the best amplitudes leave, (B, K)."""
        columns: list[Array] = []
        rest = white
        for column in np.moveaxis(self._design(place), 2, 0):
            for other in columns:
                column = column - (column * other).sum(axis=1, keepdims=True) * other
            length = np.sqrt((column**2).sum(axis=1, keepdims=True))
            columns.append(column / np.maximum(length, 1e-300))
            rest = rest - (rest * columns[-1]).sum(axis=1, keepdims=True) * columns[-1]
        return rest

    def fit(self, data: Array, start: Array | None = None) -> tuple[Array, Array]:
        """Logarithm of the time with the other nonlinear ones (B, q), and χ² (B,).

        From the best points of the grid, or from the best one and from `start` (1, q).
        """
        white = data @ self._whiten.T
        captured = sum((self._bases[:, :, n] @ white.T) ** 2 for n in range(self._bases.shape[2]))
        # Misfits have a valley for each few breaks, and the deepest is not seen from a grid.
        valleys = np.array_split(np.asarray(captured), _VALLEYS if start is None else 1)
        firsts = np.cumsum([0, *(len(valley) for valley in valleys[:-1])])
        starts = [
            self._starts[first + valley.argmax(axis=0)]
            for first, valley in zip(firsts, valleys, strict=True)
        ]
        if start is not None:
            starts.append(np.repeat(start, len(white), axis=0))
        tried = [self._refined(one, white) for one in starts]
        places, misfits = (np.stack(parts) for parts in zip(*tried, strict=True))
        best = misfits.argmin(axis=0)
        rows = np.arange(len(white))
        return places[best, rows], misfits[best, rows]

    def _refined(self, place: Array, white: Array) -> tuple[Array, Array]:
        """Damped Gauss–Newton steps."""
        rest = self._rest(place, white)
        chi2 = (rest**2).sum(axis=1)
        damping = np.full(len(white), 1e-2)
        count = place.shape[1]
        for _ in range(_STEPS):
            slopes = np.stack(
                [
                    (self._rest(place + shift, white) - rest) / 1e-5
                    for shift in 1e-5 * np.eye(count)
                ],
                axis=2,
            )
            normal = np.einsum("bki,bkj->bij", slopes, slopes)
            scale = np.einsum("bii->bi", normal)
            extra = damping[:, None] * scale + 1e-12 * scale.max(axis=1, keepdims=True) + 1e-300
            normal = normal + extra[:, :, None] * np.eye(count)
            step = -np.linalg.solve(normal, np.einsum("bki,bk->bi", slopes, rest)[..., None])
            trial = np.clip(place + np.clip(step[..., 0], -0.5, 0.5), *self._bounds)
            new = self._rest(trial, white)
            misfit = (new**2).sum(axis=1)
            better = misfit < chi2
            done = (chi2 - misfit <= _SETTLED * (1 + chi2)).all()
            place = np.where(better[:, None], trial, place)
            rest = np.where(better[:, None], new, rest)
            chi2 = np.where(better, misfit, chi2)
            damping = np.where(better, damping / 8, damping * 8)
            if done:
                break
        return place, chi2


def _undecided(reason: str) -> Crossover:
    return Crossover(np.nan, (np.nan, np.nan), UNDECIDED, f"{reason}.")


def _law(argument: str, value: Law, *barred: Law) -> Law:
    known = tuple(law.value for law in Law if law not in barred)
    if value not in known:
        raise InputError(argument, "be one of the laws", nearest(str(value), known))
    return Law(value)
