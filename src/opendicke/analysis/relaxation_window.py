"""Which part of a decaying curve is fitted, averaged over oscillations, with its covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from opendicke.analysis.relaxation_averages import Averaging
from opendicke.errors import InputError
from opendicke.model.checks import Array, numeric_array, real

BINS = 12
LEAST_POINTS = 6
LEAST_REALIZATIONS = 6
_LEAST_RATIO = 2.0
_ROUND_OFF = 1e-7
"""Relative to the largest value: the least error that is believed."""


def period_average(times: Array, values: Array, period: float) -> tuple[Array, Array]:
    r"""Running average over whole periods, in which a locked oscillation vanishes.

    .. math::
        \bar m(t) = \frac{1}{P}\int_{t-P/2}^{t+P/2} m(s)\, \mathrm{d}s ,
        \qquad P = \frac{2\pi}{\omega} ,

    the integral of the straight lines between the given points, without error.

    Parameters
    ----------
    times : array (T,)
        Increasing.
    values : array (…, T)
    period : float
        P, in units of `times`.

    Returns
    -------
    times : array (T',)
        Those with half a period on both sides.
    values : array (…, T')

    Raises
    ------
    InputError
        If the times do not increase, shapes do not fit, or the period is not positive or longer
        than the curve.

    Examples
    --------
    >>> import numpy as np
    >>> import opendicke as od
    >>> times = np.linspace(0, 10, 101)
    >>> where, mean = od.period_average(times, 2 * times + np.sin(2 * np.pi * times), 1.0)
    >>> print(where[:2], mean[:2].round(6))
    [0.5 0.6] [1.  1.2]
    """
    grid = check_times(times)
    data = numeric_array("values", values)
    if data.shape[-1:] != grid.shape:
        raise InputError("values", f"end in the {len(grid)} times", f"had shape {data.shape}")
    averaging = Averaging(grid, real("period", period, above=0.0))
    if not len(averaging.times):
        raise InputError("period", f"fit into the times, {np.ptp(grid):g}", f"was {period:g}")
    return averaging.times, averaging.of(data)


def check_times(times: object) -> Array:
    """Increasing times, not below zero."""
    grid = numeric_array("times", times)
    if grid.ndim != 1 or len(grid) < 2:
        raise InputError("times", "be a list of two or more", f"had shape {grid.shape}")
    if (np.diff(grid) <= 0).any() or grid[0] < 0:
        raise InputError("times", "increase, from zero or later", f"began {grid[:4].tolist()}")
    return grid


@dataclass(frozen=True, eq=False)
class Curves:
    """What was measured: members (R, T) that scatter, or a mean (T,) with independent errors."""

    times: Array
    members: Array
    """(R, T); a mean alone is one row."""
    errors: Array | None
    """Standard errors (T,) of a mean alone."""

    @classmethod
    def of(cls, times: object, curves: object, errors: object | None) -> Curves:
        """Checked arguments of a fit.

        Raises
        ------
        InputError
            If shapes do not fit, or a single curve comes without errors.
        """
        grid = check_times(times)
        data = numeric_array("curves", curves)
        if data.ndim not in (1, 2) or data.shape[-1:] != grid.shape or not data.size:
            raise InputError(
                "curves", f"have shape (R, {len(grid)}) or ({len(grid)},)", f"had {data.shape}"
            )
        single = data.ndim == 1 or len(data) == 1
        if errors is None:
            if single:
                raise InputError("errors", "be given for a single curve", "were missing")
            return cls(grid, data, None)
        spread = numeric_array("errors", errors)
        if spread.shape != data.shape:
            raise InputError(
                "errors", f"have the shape of the curves, {data.shape}", f"had {spread.shape}"
            )
        if (spread < 0).any():
            raise InputError("errors", "not be negative", f"went down to {spread.min():g}")
        if not single:
            return cls(grid, data, None)  # the scatter of the members holds their errors already
        return cls(grid, data.reshape(1, -1), spread.reshape(-1))

    @property
    def realizations(self) -> int:
        """Number of members, 0 where only their mean is known."""
        return 0 if self.errors is not None else len(self.members)

    def running(self, averaging: Averaging) -> tuple[Array, Array]:
        """Mean and standard error of the averages over a period, (T',)."""
        values = averaging.of(self.members)
        if self.errors is not None:
            return values[0], np.sqrt(averaging.variances(self.errors**2))
        return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))

    def averaged(self, weights: Array) -> tuple[Array, Array]:
        """Mean and standard error of linear combinations, given their weights (K, T)."""
        if self.errors is not None:
            return weights @ self.members[0], np.sqrt(weights**2 @ self.errors**2)
        values = self.members @ weights.T
        return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


@dataclass(frozen=True, eq=False)
class Window:
    """Where a curve is fitted: some log-spaced averages of it."""

    first: float
    last: float
    points: Array
    """Times (K,) of the averages."""
    grid: Array
    """Times (G,) that enter."""
    weights: Array
    """(K, G) of the averages."""
    used: Array
    """Which of all the times enter, (T,)."""
    ended: str
    """Why the window ends where it does."""

    @property
    def enough(self) -> bool:
        """Whether laws can be told apart at all."""
        return len(self.points) >= LEAST_POINTS and self.last >= _LEAST_RATIO * self.first


def window_of(
    curves: Curves,
    period: float | None,
    start: float,
    floor: float,
    least: float,
    bins: int = BINS,
) -> Window | None:
    """From `start`, and one period, until the average meets a floor; None if it begins below."""
    averaging = Averaging(curves.times, period)
    times = averaging.times
    # The logarithm must be finite at all times that enter.
    begin = max(start, period or 0.0, curves.times[curves.times > 0][0] + (period or 0.0) / 2)
    late = times >= begin * (1 - 1e-12)
    if not late.any():
        return None
    mean, stderr = (part[late] for part in curves.running(averaging))
    low = mean < np.maximum(floor * stderr, least)
    count = int(low.argmax()) if low.any() else len(low)
    if not count:
        return None
    ended = "the curve meets the floor" if low.any() else "the curve ends"
    before = int(late.argmax())
    fitted = slice(before, before + count)
    binned = log_bins(times[fitted], bins)
    points = binned @ times[fitted]
    outer = np.zeros((len(binned), len(times)))
    outer[:, fitted] = binned
    whole = averaging.weights(outer)
    times = times[fitted]
    used = np.asarray((np.abs(whole) > 0).any(axis=0))
    grid = curves.times[used]
    return Window(float(times[0]), float(times[-1]), points, grid, whole[:, used], used, ended)


def log_bins(times: Array, bins: int) -> Array:
    """Weights (K, T) of averages over at most so many intervals, equal in the logarithm."""
    if len(times) == 1:
        return np.ones((1, 1))
    depth = np.log(times / times[0]) / np.log(times[-1] / times[0])
    number = np.minimum((depth * bins * (1 - 1e-12)).astype(int), bins - 1)
    member = number == np.unique(number)[:, None]
    return np.asarray(member / member.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Observed:
    """Averages of the window with the covariance of their errors."""

    mean: Array
    """(K,)."""
    members: Array | None
    """(R, K); None where only the mean is known."""
    covariance: Array
    """Of the mean, (K, K), shrunk."""
    spread: Array
    """Of the mean, (K, K), as it is."""
    tolerance: float
    """Standard deviation of what is forgiven."""

    @classmethod
    def of(cls, curves: Curves, window: Window, tolerance: float = 0.0) -> Observed:
        """Averages, and the covariance over realizations shrunk towards its diagonal."""
        data = curves.members[:, window.used] @ window.weights.T
        mean = data.mean(axis=0)
        if curves.errors is not None:
            error = window.weights * curves.errors[window.used]
            spread = error @ error.T
            shrunk = spread
        else:
            spread, shrunk = shrinkage(data)
        least = (_ROUND_OFF * np.abs(mean).max() + 1e-300) ** 2 + tolerance**2
        shrunk = shrunk + least * np.eye(len(mean))
        members = None if curves.errors is not None else data
        return cls(mean, members, shrunk, spread, tolerance)

    @property
    def realizations(self) -> int:
        """Number of members, 0 where only their mean is known."""
        return 0 if self.members is None else len(self.members)

    def noise(self, count: int, rng: np.random.Generator) -> Array:
        """Errors of the mean (count, K): resampled members, or Gaussian if there are none.

        And what the tolerance forgives, as parameters are not known better than that.
        """
        forgiven = self.tolerance * rng.normal(size=(count, len(self.mean)))
        if self.members is None:
            values, vectors = np.linalg.eigh(self.spread)
            scale = vectors * np.sqrt(np.maximum(values, 0.0))
            return np.asarray(rng.normal(size=forgiven.shape) @ scale.T + forgiven)
        number = len(self.members)
        picks = rng.multinomial(number, np.full(number, 1 / number), size=count)
        # A resample scatters less than the truth by the root.
        drawn = picks @ (self.members - self.mean) / number * np.sqrt(number / (number - 1))
        return np.asarray(drawn + forgiven)


def shrinkage(members: Array) -> tuple[Array, Array]:
    r"""Covariance of the mean over members, and the same shrunk towards its diagonal.

    .. math::
        \hat C_{ij} = (1-\lambda) C_{ij} \quad (i \ne j), \qquad
        \lambda = \max\left(\frac{\sum_{i\ne j}\mathrm{Var}(r_{ij})}{\sum_{i\ne j} r_{ij}^2},
        \frac{K}{K+R}\right)

    for the correlations r of K averages over R members. The first is the share of least error
    (Schäfer and Strimmer, Stat. Appl. Genet. Mol. Biol. 4, 32 (2005)). It may be small where all
    is strongly correlated; weights then follow the chance of few members, and errors of what is
    fitted come out too small, which the second prevents.
    """
    count = len(members)
    apart = members - members.mean(axis=0)
    sigma = np.sqrt((apart**2).sum(axis=0) / (count - 1))
    scaled = apart / np.where(sigma > 0, sigma, 1.0)
    products = scaled[:, :, None] * scaled[:, None, :]
    correlation = products.sum(axis=0) / (count - 1)
    scatter = ((products - products.mean(axis=0)) ** 2).sum(axis=0)
    variance = count / (count - 1) ** 3 * scatter
    off = ~np.eye(len(sigma), dtype=bool)
    squares = (correlation[off] ** 2).sum()
    share = min(1.0, variance[off].sum() / squares) if squares > 0 else 1.0
    share = max(share, len(sigma) / (len(sigma) + count))
    plain = correlation * np.outer(sigma, sigma) / count
    return plain, np.where(off, (1 - share) * plain, plain)


def checked_window(
    data: Curves, period: float | None, start: float, floor: float, least: float, **bins: int
) -> Window | None:
    """The window, of settings that are checked."""
    length = None if period is None else real("period", period, above=0.0)
    begin = real("start", start, least=0.0)
    times = real("floor", floor, above=0.0)
    return window_of(data, length, begin, times, real("least", least, least=0.0), **bins)


def widening(observed: Observed, level: float) -> float:
    """Factor for resampled errors: Student's t, and weights that follow the same few members."""
    count = observed.realizations
    if not count:
        return 1.0
    quantile = (1 + level) / 2
    student = float(stdtrit(count - 1, quantile) / ndtri(quantile))
    return student * float(np.sqrt(1 + len(observed.mean) / count))


def falls(observed: Observed, noise: Array) -> bool:
    """Whether early averages exceed late ones by three standard errors of the difference."""
    third = max(len(observed.mean) // 3, 1)
    weights = np.zeros(len(observed.mean))
    weights[:third], weights[-third:] = 1 / third, -1 / third
    return bool(observed.mean @ weights > 3 * (noise @ weights).std())
