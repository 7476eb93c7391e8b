r"""Root finding for stationary states, in the M real parts of the amplitudes alone.

With forces :math:`p_\mu = \mathrm{Re}\,\alpha_\mu` the spins of group k feel
:math:`\phi_k = 2\sum_\mu g_{k\mu}p_\mu` and lie along their fields
:math:`(h_k, 0, \phi_k)`, all parallel (branch σ = 1) or all antiparallel (σ = −1):

.. math::
    z_k = \frac{\sigma s\,\phi_k}{\sqrt{h_k^2+\phi_k^2}}, \qquad
    p_\mu + \chi_\mu\sum_k w_k g_{k\mu}z_k(p) = 0, \qquad
    \chi_\mu = \frac{\omega_\mu}{\omega_\mu^2+\Gamma_\mu^2/4} .

These are the stationary points of
:math:`V(p) = \sum_\mu p_\mu^2/(2\chi_\mu) + \tfrac12\sigma s\sum_k w_k\sqrt{h_k^2+\phi_k^2}`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.optimize import root

from opendicke.model.checks import Array
from opendicke.physics.folded import Folded

Branch = Literal[-1, 1]


def spins_at(folded: Folded, branch: Branch, length: float, forces: Array) -> Array:
    """Bloch vectors (K, 3) along (−1: against) the fields that `forces` (M,) make."""
    turn = 2 * folded.couplings @ forces
    axis = np.stack([folded.field, np.zeros_like(turn), turn], axis=1)
    norm = np.hypot(folded.field, turn)[:, None]
    return np.asarray(branch * length * axis / np.where(norm > 0, norm, 1.0))


def amplitudes_at(folded: Folded, spins: Array) -> Array:
    """Amplitudes (M,), per √N, into which the modes settle if the groups keep `spins` (K, 3)."""
    return np.asarray(-1j * ((folded.weights * spins[:, 2]) @ folded.couplings) / folded.rate)


def units(folded: Folded) -> Array:
    """Largest force that unit spins can make in each mode, (M,); 1 where it is 0."""
    most = np.abs(folded.response) * (folded.weights @ np.abs(folded.couplings))
    return np.asarray(np.where(most > 0, most, 1.0))


def polished(folded: Folded, branch: Branch, length: float, start: Array) -> Array | None:
    """Forces (M,) of a stationary state, found from `start`; None where the search fails."""
    unit = units(folded)
    gain = folded.response / unit
    weighted = folded.couplings * folded.weights[:, None]

    def balance(q: Array) -> tuple[Array, Array]:
        turn = 2 * folded.couplings @ (unit * q)
        norm = np.hypot(folded.field, turn)
        norm[norm == 0] = 1.0  # a spin that feels nothing drives nothing either
        z = branch * length * turn / norm
        slope = 2 * branch * length * folded.field**2 / norm**3
        jacobian = gain[:, None] * (weighted.T @ (slope[:, None] * folded.couplings)) * unit
        return q + gain * (z @ weighted), np.eye(len(q)) + jacobian

    q = root(balance, start / unit, jac=True, method="hybr", options={"xtol": 1e-13}).x
    for _ in range(3):
        value, jacobian = balance(q)
        q = q - np.linalg.lstsq(jacobian, value)[0]
    if not np.abs(balance(q)[0]).max() < 1e-12:
        return None
    q = np.where(np.abs(q) > length * 1e-9, q, 0.0)
    return np.asarray(unit * q)
