"""The frequency at which a decaying curve oscillates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from opendicke.analysis.relaxation_window import Curves
from opendicke.errors import InputError
from opendicke.model.checks import Array, integer, real, seed_of

_TREND = 6
"""Terms of the smooth curve about which it oscillates."""
_OVERSAMPLED = 8
_LEAST_POINTS = 5
"""Of a range of frequencies, however narrow."""
_CHANCE = 1e-3


@dataclass(frozen=True)
class Frequency:
    """An angular frequency and its error.

    Attributes
    ----------
    value : float
        In units of 1/time.
    stderr : float
        Standard error.
    """

    value: float
    stderr: float


def locked_frequency(
    times: Array,
    curves: Array,
    errors: Array | None = None,
    *,
    start: float = 0.0,
    stop: float | None = None,
    slowest: float | None = None,
    fastest: float | None = None,
    resamples: int = 100,
    seed: int = 0,
) -> Frequency | None:
    r"""Angular frequency of the oscillation about a smooth decay; None where there is none to see.

    .. math::
        m(t) \approx \sum_{k=0}^{5} c_k \ln^k(1+t) + (u\cos\omega t + v\sin\omega t)\,
        \frac{\max(|\bar m(t)|, \bar m_{\max}/20)}{\bar m_{\max}} ,

    the oscillation growing with the smooth part m̄ of the curve. The ω of least squares counts if
    chance would lower the squares as much, at any frequency in the range, with a probability
    below 0.001, neighbouring residuals taken as correlated as they are found. Least squares at an
    end of the range, of the curve or of a resample, are those of an oscillation outside, which
    cannot be measured: None.

    Parameters
    ----------
    times : array (T,)
        Increasing, in units of 1/energy.
    curves : array (R, T) or (T,)
        Realizations, or a mean.
    errors : array of the same shape, optional
        Needed for a single curve.
    start, stop : float
        Part of the curve that is used; all of it by default.
    slowest, fastest : float, optional
        Range of ω. By default from three oscillations in the part that is used to half of what
        the spacing of the times resolves, π/(2 Δt).
    resamples : int
        For the error; at least 20.
    seed : int
        Of the resampling.

    Returns
    -------
    Frequency or None

    Raises
    ------
    InputError
        If shapes do not fit, a single curve has no errors, the range is empty, or fewer than 20
        times are used.

    Notes
    -----
    kelly2021 finds that spins and photons lock at a common frequency ∝ ω.
    """
    data = Curves.of(times, curves, errors)
    end = np.inf if stop is None else real("stop", stop, above=0.0)
    used = (data.times >= real("start", start, least=0.0)) & (data.times <= end)
    if used.sum() < 20:
        raise InputError("start", "leave at least 20 times", f"left {int(used.sum())}")
    t = data.times[used]
    span = float(np.ptp(t))
    low = 6 * np.pi / span if slowest is None else real("slowest", slowest, above=0.0)
    step = float(np.diff(t).max())
    high = np.pi / (2 * step) if fastest is None else real("fastest", fastest, above=0.0)
    if not low < high:
        raise InputError("fastest", f"exceed the slowest, {low:g}", f"was {high:g}")
    count = integer("resamples", resamples, least=20)
    rng = np.random.default_rng(seed_of(seed))
    search = _Search(t, low, high)
    members = data.members[:, used]
    mean = members.mean(axis=0)
    first = search.fit(mean[None])
    if first.at_end or not _seen(first.gain, first.rest, search, span):
        return None
    if data.errors is not None:
        noise = rng.normal(size=(count, len(t))) * np.maximum(data.errors[used], 1e-300)
    else:
        number = len(members)
        picks = rng.multinomial(number, np.full(number, 1 / number), size=count)
        noise = picks @ (members - mean) / np.sqrt(number * (number - 1))
    again = search.fit(mean + noise, size=first.size)
    if again.at_end:
        return None
    return Frequency(float(first.omega[0]), float(again.omega.std(ddof=1)))


def _seen(gain: float, rest: Array, search: _Search, span: float) -> bool:
    """Whether chance seldom lowers the squares so much.

    Residuals correlated over n times leave T/n independent ones.
    """
    square = float((rest**2).sum())
    if square <= 1e-24 * gain:
        return True
    lagged = float((rest[1:] * rest[:-1]).sum()) / square
    blocks = len(rest) * (1 - max(lagged, 0.0)) / (1 + max(lagged, 0.0))
    freedom = max(blocks - _TREND - 2, 1.0)
    # For two amplitudes the F law is a power; frequencies one resolution apart are independent.
    tries = max((search.high - search.low) * span / (2 * np.pi), 1.0)
    chance = (1 + gain / square) ** (-freedom / 2)
    return bool(tries * chance < _CHANCE)


class _Found(NamedTuple):
    """Least squares of B curves."""

    omega: Array
    """(B,)."""
    at_end: bool
    """Whether one of them is best at an end of the range."""
    gain: float
    """What the frequency of the first curve explains."""
    rest: Array
    """What it leaves, (T,)."""
    size: Array
    """Of the trend, (T,)."""


class _Search:
    """Least squares over frequencies."""

    def __init__(self, times: Array, low: float, high: float) -> None:
        self.low, self.high = low, high
        self._times = times
        depth = np.log1p(times)
        depth = 2 * (depth - depth[0]) / (depth[-1] - depth[0]) - 1
        self._trend = np.linalg.qr(np.polynomial.chebyshev.chebvander(depth, _TREND - 1))[0]
        spacing = 2 * np.pi / np.ptp(times) / _OVERSAMPLED
        points = max(int(np.ceil((high - low) / spacing)) + 1, _LEAST_POINTS)
        self._grid = np.linspace(low, high, points)

    def fit(self, data: Array, size: Array | None = None) -> _Found:
        """The best frequency of each curve (B, T)."""
        flat = data - (data @ self._trend) @ self._trend.T
        if size is None:
            smooth = np.abs(data[0] - flat[0])
            size = np.maximum(smooth / max(smooth.max(), 1e-300), 0.05)
        gains = np.stack([self._gain(omega, flat, size)[0] for omega in self._grid])
        peak = gains.argmax(axis=0)
        best = np.clip(peak, 1, len(self._grid) - 2)
        rows = np.arange(len(data))
        left, top, right = (gains[best + k, rows] for k in (-1, 0, 1))
        bend = left - 2 * top + right
        shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
        omega = self._grid[best] + np.clip(shift, -1, 1) * (self._grid[1] - self._grid[0])
        gain, rest = self._gain(float(omega[0]), flat[:1], size)
        return _Found(omega, bool((peak != best).any()), float(gain[0]), rest[0], size)

    def _gain(self, omega: float, flat: Array, size: Array) -> tuple[Array, Array]:
        angle = omega * self._times
        wave = np.stack([np.cos(angle), np.sin(angle)], axis=1) * size[:, None]
        wave = wave - self._trend @ (self._trend.T @ wave)
        base = np.linalg.qr(wave)[0]
        inside = flat @ base
        return (inside**2).sum(axis=1), flat - inside @ base.T
