"""Count, mean and sum of squared deviations: statistics that can be merged and extended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from opendicke.model.checks import Array


@dataclass(frozen=True, eq=False)
class Moments:
    """Running moments of independent samples of an array.

    Merging is associative up to round-off (Chan, Golub and LeVeque's pairwise update); the
    driver merges in a fixed order, so that the same blocks give the same bits.
    """

    count: int
    mean: Array
    m2: Array

    @classmethod
    def of(cls, samples: Array) -> Moments:
        """Moments of samples along the first axis."""
        samples = np.asarray(samples, dtype=float)
        if not len(samples):
            return cls(0, np.zeros(samples.shape[1:]), np.zeros(samples.shape[1:]))
        mean = samples.mean(axis=0)
        return cls(len(samples), mean, ((samples - mean) ** 2).sum(axis=0))

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets of samples together."""
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        m2 = self.m2 + other.m2 + step**2 * (self.count * other.count / count)
        return Moments(count, mean, m2)

    @classmethod
    def merged(cls, parts: Iterable[Moments]) -> Moments:
        """All parts merged from left to right."""
        return reduce(cls.merge, parts)

    @property
    def variance(self) -> Array:
        """Unbiased variance of one sample; NaN below two samples."""
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        return self.m2 / (self.count - 1)

    @property
    def stderr(self) -> Array:
        """Standard error of the mean; NaN below two samples."""
        return np.asarray(np.sqrt(self.variance / self.count)) if self.count else self.variance
