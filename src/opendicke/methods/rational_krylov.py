r"""Long times of small stiff systems: exponentials in a space of inverses.

The space spanned by :math:`(1-\gamma A)^{-k}v` for k = 0 … m holds :math:`e^{tA}v` for all t of the
order of 20 γ to high accuracy, however fast the decays of A are (shift-and-invert Krylov; van den
Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006) 1438): a few dozen solutions with one
factorisation in place of products by the thousand. Fast oscillations without damping are not
caught; then there is no answer, and steps must be taken.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from opendicke.model.checks import Array

_SHARE = 20.0
"""The longest time in units of γ."""
_DIRECTIONS = 80
"""Dimension of the space, at most."""
_EVERY = 5
"""Directions between two looks at the error."""
_ENOUGH = 1e-12
"""Change of the solution relative to the start at which the space is large enough."""
_SUFFICIENT = 1e-9
"""The same for the largest space: rounding grows with the time."""


def exponentials(
    generator: sp.csr_array, start: Array, times: Array, *, finer: bool = False
) -> Array | None:
    """exp(tA) v at increasing times t > 0, (T, n), or None if the space does not converge.

    With `finer`, γ is half as long: another space, whose answers differ by the error.
    """
    size = len(start)
    scale = float(np.linalg.norm(start))
    if not (0 < scale < np.inf):
        return None
    gamma = float(times[-1]) / (_SHARE * (2 if finer else 1))
    try:
        solve = splu((sp.eye_array(size) - gamma * generator).tocsc()).solve
    except RuntimeError:
        return None
    basis = np.empty((_DIRECTIONS + 1, size), start.dtype)
    small = np.zeros((_DIRECTIONS + 1, _DIRECTIONS), start.dtype)
    basis[0] = start / scale
    last: Array | None = None
    for m in range(_DIRECTIONS):
        direction = solve(basis[m])
        for _ in range(2):  # orthogonal, and again against rounding
            along = basis[: m + 1].conj() @ direction
            direction = direction - basis[: m + 1].T @ along
            small[: m + 1, m] += along
        small[m + 1, m] = length = float(np.linalg.norm(direction))
        closed = length <= 1e-14 * abs(small[0, 0])
        if closed or m % _EVERY == _EVERY - 1:
            own = (np.eye(m + 1) - np.linalg.inv(small[: m + 1, : m + 1])) / gamma
            # Both ends, first and last time, in one vector each.
            ends = {float(times[0]), float(times[-1])}
            end = scale * np.stack([scipy.linalg.expm(t * own)[:, 0] for t in sorted(ends)], 1)
            if not np.isfinite(end).all():
                return None
            change = np.inf if last is None else _change(last, end)
            enough = _ENOUGH if m + 1 < _DIRECTIONS else _SUFFICIENT
            if closed or change <= enough * scale:
                return _at(times, own, scale) @ basis[: m + 1]
            last = end
        basis[m + 1] = direction / length
    return None


def _change(first: Array, second: Array) -> float:
    """Distance of two vectors of which the second has more entries."""
    apart = second.copy()
    apart[: len(first)] -= first
    return float(np.linalg.norm(apart))


def _at(times: Array, own: Array, scale: float) -> Array:
    """Coefficients in the space at all times, (T, m); equal steps share an exponential."""
    made = np.empty((len(times), len(own)), own.dtype)
    state = np.zeros(len(own), own.dtype)
    state[0] = scale
    at, known, turn = 0.0, -1.0, np.eye(len(own))
    for number, time in enumerate(times):
        step = float(time) - at
        if abs(step - known) > 1e-12 * step:
            turn, known = scipy.linalg.expm(step * own), step
        state = turn @ state
        made[number], at = state, float(time)
    return made
