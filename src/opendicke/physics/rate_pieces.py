"""A flip rate over a range of energies: polynomials on a mesh that follows its lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from opendicke.model.checks import Array

DEGREE = 7
# Values per piece: the Chebyshev coefficients above DEGREE are the error of leaving them out.
SAMPLES = 12
_POINTS = np.cos(np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES)
_TO_CHEBYSHEV = (
    2.0 / SAMPLES * np.cos(np.pi * np.outer(np.arange(SAMPLES), np.arange(SAMPLES) + 0.5) / SAMPLES)
)
_TO_CHEBYSHEV[0] /= 2.0
_TO_POWERS = np.zeros((DEGREE + 1, DEGREE + 1))
for _k in range(DEGREE + 1):
    _powers = np.polynomial.chebyshev.cheb2poly(np.eye(DEGREE + 1)[_k])
    _TO_POWERS[: len(_powers), _k] = _powers

MOST_ROUNDS = 60
MOST_PIECES = 200_000


@dataclass(frozen=True)
class Pieces:
    """Polynomials of C table rows that share one mesh, over unit field.

    `left` (P,) ascends, `scale` (P,) is 2/width, `coefficients` (C, P, DEGREE + 1) belong to
    powers of u = (ε − left)·scale − 1 in [−1, 1]. `error` is the largest error estimated, relative
    to the rate or, where the rate is below the floor, to the smallest rate that is resolved.
    """

    left: Array
    scale: Array
    coefficients: Array
    lowest: float
    highest: float
    error: float


def fitted(
    rates: Sequence[Callable[[Array], Array]], breaks: Array, tolerance: float, floors: Array
) -> Pieces:
    """Piecewise polynomials of C rates between the first and the last of `breaks`.

    All pieces that miss `tolerance`·W, or the entry of `floors` (C,) where W is below it, are cut
    into 2, 4 or 8 at once, by the order DEGREE + 1 of the fit, and sampled in one call.
    """
    low, high = breaks[:-1], breaks[1:]
    before, stalled = np.full(len(low), np.inf), np.zeros(len(low), dtype=int)
    kept: list[tuple[Array, Array, Array, Array]] = []
    count = 0
    for _ in range(MOST_ROUNDS):
        middle, half = (low + high) / 2, (high - low) / 2
        energies = middle[:, None] + half[:, None] * _POINTS
        values = np.stack([rate(energies) for rate in rates])
        series = values @ _TO_CHEBYSHEV.T
        left_out = np.abs(series[..., DEGREE + 1 :])
        # The last two stand for all that follow, too.
        error = left_out.sum(axis=-1) + 2 * left_out[..., -2:].sum(axis=-1)
        allowed = np.maximum(tolerance * values.min(axis=-1), floors[:, None])
        excess = (error / allowed).max(axis=0)
        # Pieces that twice gained little by being cut have met the noise of the rate, those of
        # a few spacings of doubles the round-off of the energy.
        stalled = np.where(excess > before / 2, stalled + 1, 0)
        noise = (stalled > 1) & (error <= 1e-7 * values.max(axis=-1)).all(axis=0)
        finest = half <= 8 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
        done = (excess <= 1) | noise | finest
        count += int(done.sum())
        if count + 2 * int((~done).sum()) > MOST_PIECES:
            done[:] = True
        kept.append((low[done], high[done], series[:, done, : DEGREE + 1], excess[done]))
        if done.all():
            break
        low, high, excess = low[~done], high[~done], excess[~done]
        parts = 2 ** np.clip(np.ceil(np.log2(excess) / (DEGREE + 1)), 1, 3).astype(int)
        owner = np.repeat(np.arange(len(low)), parts)
        place = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
        width = (high - low)[owner] / parts[owner]
        start = low[owner] + place * width
        # Neighbours share their end to the last bit.
        end = np.where(place == parts[owner] - 1, high[owner], np.append(start[1:], 0.0))
        before, stalled = excess[owner], stalled[~done][owner]
        low, high = start, end
    low, high, excess = (np.concatenate([part[k] for part in kept]) for k in (0, 1, 3))
    series = np.concatenate([part[2] for part in kept], axis=1)
    order = np.argsort(low)
    left = low[order]
    return Pieces(
        left=left,
        scale=2.0 / (high[order] - left),
        coefficients=np.ascontiguousarray(series[:, order] @ _TO_POWERS.T),
        lowest=float(breaks[0]),
        highest=float(breaks[-1]),
        error=float(tolerance * excess.max()),
    )


def distinguished(centres: Array, half_widths: Array, weights: Array) -> tuple[Array, Array]:
    """Centres and half-widths of those lines, of ascending centres, that stand out.

    A line with like ones nearby on both sides is part of a band: lines at distances d modulate it
    by about exp(−2πw/d).
    """
    heights = weights / half_widths
    left = 1.5 * np.diff(centres, prepend=-np.inf) < half_widths
    right = 1.5 * np.diff(centres, append=np.inf) < half_widths
    left[1:] &= heights[:-1] > 0.1 * heights[1:]
    right[:-1] &= heights[1:] > 0.1 * heights[:-1]
    kept = ~(left & right)
    return centres[kept], half_widths[kept]


def graded(lowest: float, highest: float, centres: Array, half_widths: Array) -> Array:
    """Breakpoints of a first mesh: the centres of lines and, around each, the distances w·2^k.

    They reach half way to the next line or to the ends of the range, (B,), ascending. Of lines of
    like width that overlap one is enough.
    """
    inside = (centres > lowest) & (centres < highest) & (half_widths < highest - lowest)
    if not inside.any():
        return np.linspace(lowest, highest, 9)
    octave = np.floor(np.log2(half_widths[inside]))
    cell = np.stack([octave, np.round(centres[inside] / 2.0**octave)])
    chosen = np.flatnonzero(inside)[np.unique(cell, axis=1, return_index=True)[1]]
    chosen = chosen[np.argsort(centres[chosen], kind="stable")]
    centres, half_widths = centres[chosen], half_widths[chosen]
    middles = (centres[1:] + centres[:-1]) / 2
    start, end = np.append(lowest, middles), np.append(middles, highest)
    most = np.log2(np.maximum(end - centres, centres - start).max() / half_widths.min())
    steps = half_widths * 2.0 ** np.arange(-1.0, max(most, 0.0))[:, None]
    around = np.concatenate([centres - steps, centres[None], centres + steps])
    breaks = np.unique(
        np.concatenate([[lowest, highest], middles, around[(around > start) & (around < end)]])
    )
    # Slivers between unrelated breakpoints are left out, the ends never.
    gap = np.diff(breaks)
    near = gap < 1e-3 * np.minimum(np.append(np.inf, gap[:-1]), np.append(gap[1:], np.inf))
    drop = np.flatnonzero(near) + 1
    return np.delete(breaks, drop[drop < len(breaks) - 1])
