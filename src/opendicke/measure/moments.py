"""Count, mean and sum of squared deviations: statistics that can be merged and extended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from opendicke.model.checks import Array


@dataclass(frozen=True, eq=False)
class Moments:
    """Running moments of independent samples of an array.

    Merging is associative up to round-off (Chan, Golub and LeVeque's pairwise update); the
    driver merges in a fixed order, so that the same blocks give the same bits.

    Parameters
    ----------
    count : int
        Number of samples n.
    mean : array, of any shape
        Their mean.
    m2 : array, of the shape of the mean
        Sum of squared deviations from it.

    Examples
    --------
    >>> import opendicke as od
    >>> both = od.Moments.of([1.0, 2.0, 3.0]).merge(od.Moments.of([4.0]))
    >>> both.count, float(both.mean), float(both.stderr.round(4))
    (4, 2.5, 0.6455)
    """

    count: int
    mean: Array
    m2: Array

    @property
    def value(self) -> Array:
        """What is reported: the mean."""
        return self.mean

    @classmethod
    def of(cls, samples: Array) -> Moments:
        """Moments of samples along the first axis.

        Parameters
        ----------
        samples : array (n, …)
            Independent samples.

        Returns
        -------
        Moments
        """
        samples = np.asarray(samples, dtype=float)
        if not len(samples):
            return cls(0, np.zeros(samples.shape[1:]), np.zeros(samples.shape[1:]))
        mean = samples.mean(axis=0)
        return cls(len(samples), mean, ((samples - mean) ** 2).sum(axis=0))

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets of samples together.

        Parameters
        ----------
        other : Moments
            Of other samples of the same shape.

        Returns
        -------
        Moments
        """
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        m2 = self.m2 + other.m2 + step**2 * (self.count * other.count / count)
        return Moments(count, mean, m2)

    @classmethod
    def merged(cls, parts: Iterable[Moments]) -> Moments:
        """All parts merged from left to right.

        Parameters
        ----------
        parts : iterable of Moments
            At least one.

        Returns
        -------
        Moments
        """
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


Combine = Callable[..., Any]
"""A function of several expectation values, arrays of one shape, that returns one more."""


@dataclass(frozen=True, eq=False)
class JointMoments:
    r"""Running moments of several arrays of one shape and of their products, for functions of them.

    Expectation values u₁ … u_p enter a nonlinear function f, such as a variance. Its standard
    error follows to first order from their covariance C of single samples,
    :math:`\sqrt{\nabla f^T C\,\nabla f/n}`, with derivatives taken over one standard error.

    Parameters
    ----------
    count : int
        Number of samples n.
    mean : array (p, …)
        Means of the p arrays.
    m2 : array (p, p, …)
        Sums of products of deviations.
    combine : callable
        f, of p arrays of one shape.
    """

    count: int
    mean: Array
    """(p, …)"""
    m2: Array
    """Sums of products of deviations, (p, p, …)."""
    combine: Combine

    @classmethod
    def of(cls, samples: Array, combine: Combine) -> JointMoments:
        """Moments of samples and of their products.

        Parameters
        ----------
        samples : array (p, n, …)
            n independent samples of each of p arrays.
        combine : callable
            f, of p arrays of one shape.

        Returns
        -------
        JointMoments
        """
        samples = np.asarray(samples, dtype=float)
        mean = samples.mean(axis=1)
        apart = samples - mean[:, None]
        return cls(samples.shape[1], mean, np.einsum("an...,bn...->ab...", apart, apart), combine)

    def merge(self, other: JointMoments) -> JointMoments:
        """Moments of both sets of samples together.

        Parameters
        ----------
        other : JointMoments
            Of other samples of the same shape.

        Returns
        -------
        JointMoments
        """
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        product = step[:, None] * step[None]
        m2 = self.m2 + other.m2 + product * (self.count * other.count / count)
        return JointMoments(count, mean, m2, self.combine)

    @property
    def value(self) -> Array:
        """The function of the means."""
        with np.errstate(all="ignore"):
            return np.asarray(self.combine(*self.mean))

    @property
    def stderr(self) -> Array:
        """Standard error of `value`; NaN below two samples."""
        if self.count < 2:
            return np.full(self.mean.shape[1:], np.nan)
        covariance = self.m2 / (self.count - 1) / self.count
        slopes = []
        with np.errstate(all="ignore"):  # where the function is not defined, nor is its error
            for part in range(len(self.mean)):
                error = np.sqrt(covariance[part, part])
                moved = np.zeros_like(self.mean)
                moved[part] = error
                rise = self.combine(*(self.mean + moved)) - self.combine(*(self.mean - moved))
                slopes.append(np.where(error > 0, rise / (2 * error), 0.0))
            slope = np.stack(slopes)
            variance = np.einsum("a...,ab...,b...->...", slope, covariance, slope)
            return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


Statistic = Moments | JointMoments
