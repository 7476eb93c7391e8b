"""Running averages over a period, of curves of any length: no matrix of all times by all times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opendicke.model.checks import Array

_SLACK = 1e-9
"""Relative to the whole span: how far a period may reach over an end, by round-off."""
_NEGLIGIBLE = 1e-13
"""Relative to the largest: weights that are what is left of differences of sums."""


@dataclass(frozen=True, eq=False)
class Averaging:
    """Averages over a period about some of the times, or the values themselves.

    They are integrals of the straight lines between the values, by cumulative trapezoids and, in
    the intervals where a period begins or ends, by the exact quadratic.
    """

    grid: Array
    """Times (T,) of the values."""
    period: float | None

    @property
    def times(self) -> Array:
        """Those (T',) that have half a period on both sides."""
        if self.period is None:
            return self.grid
        half, slack = self.period / 2, _SLACK * np.ptp(self.grid)
        inside = (self.grid - half >= self.grid[0] - slack) & (
            self.grid + half <= self.grid[-1] + slack
        )
        return np.asarray(self.grid[inside])

    def of(self, values: Array) -> Array:
        """Averages (…, T') of values (…, T)."""
        if self.period is None:
            return values
        steps = np.diff(self.grid)
        whole = np.zeros(values.shape)
        np.cumsum(steps * (values[..., 1:] + values[..., :-1]) / 2, axis=-1, out=whole[..., 1:])
        ends = []
        for until in self._ends():
            place, part = self._located(until)
            late = part**2 / (2 * steps[place])
            ends.append(
                whole[..., place]
                + values[..., place] * (part - late)
                + values[..., place + 1] * late
            )
        return np.asarray((ends[1] - ends[0]) / self.period)

    def variances(self, squares: Array) -> Array:
        """Variances (T',) of the averages of independent values whose variances are (T,)."""
        if self.period is None:
            return squares
        steps = np.diff(self.grid)
        (first, begun), (last, ended) = map(self._located, self._ends())

        def weight(points: Array) -> Array:
            """Of one point for each average: from the interval on its left and on its right."""
            total = np.zeros(points.shape)
            for interval, right in ((points - 1, True), (points, False)):
                step = steps[np.clip(interval, 0, len(steps) - 1)]
                low = np.where(interval == first, begun, 0.0)
                high = np.where(interval == last, ended, step)
                late = (high**2 - low**2) / (2 * step)
                held = (interval >= first) & (interval <= last)
                total += np.where(held, late if right else high - low - late, 0.0)
            return total

        inner = np.zeros(len(self.grid))
        inner[1:-1] = ((steps[1:] + steps[:-1]) / 2) ** 2 * squares[1:-1]
        summed = np.concatenate([[0.0], np.cumsum(inner)])
        # Points between the intervals of both ends have all their weight, the others are apart.
        found = np.where(last > first + 2, summed[last] - summed[np.minimum(first + 2, last)], 0.0)
        for points, own in (
            (first, True),
            (first + 1, True),
            (last, last > first + 1),
            (last + 1, last > first),
        ):
            found = found + np.where(own, weight(points) ** 2 * squares[points], 0.0)
        return np.asarray(found / self.period**2)

    def weights(self, outer: Array) -> Array:
        """Weights (K, T) of the values in combinations of the averages, outer (K, T')."""
        if self.period is None:
            return outer
        steps = np.diff(self.grid)
        rows = np.arange(len(outer))[:, None]
        found = np.zeros((len(outer), len(self.grid)))
        reached = np.zeros((len(outer), len(steps)))
        """Of each interval: the averages that hold it whole."""
        for until, sign in zip(self._ends(), (-1.0, 1.0), strict=True):
            place, part = self._located(until)
            late = part**2 / (2 * steps[place])
            signed = sign * outer
            np.add.at(found, (rows, place), signed * (part - late))
            np.add.at(found, (rows, place + 1), signed * late)
            np.add.at(reached, (rows, place), signed)
        beyond = np.cumsum(reached[:, ::-1], axis=1)[:, ::-1]
        held = (beyond - reached) * steps / 2
        found[:, :-1] += held
        found[:, 1:] += held
        least = _NEGLIGIBLE * np.abs(found).max(axis=1, keepdims=True)
        return np.where(np.abs(found) > least, found, 0.0) / self.period

    def _ends(self) -> tuple[Array, Array]:
        half = (self.period or 0.0) / 2
        return self.times - half, self.times + half

    def _located(self, until: Array) -> tuple[Array, Array]:
        """The interval in which a time lies, and how far in it."""
        place = np.clip(np.searchsorted(self.grid, until, side="right") - 1, 0, len(self.grid) - 2)
        step = self.grid[place + 1] - self.grid[place]
        return place, np.clip(until - self.grid[place], 0.0, step)
