"""A model folded into large spins, per spin: what stationary states and stability work with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.groups import group_spins


class Folded(NamedTuple):
    """K groups of spins with equal rows up to a sign, and M modes with amplitudes per √N."""

    couplings: Array
    """Of single spins, times √N, (K, M)."""
    field: Array
    weights: Array
    """Fraction of the spins in each group, (K,), summing to 1."""
    rate: Array
    """Γ/2 + iω of each mode, (M,)."""
    scale: float
    """√N; 1 in the thermodynamic limit, where amplitudes are per √N already."""
    member: Array
    """Group of each spin, (N,)."""
    sign: Array
    """±1 per spin: −1 where the group describes it after Z → −Z, Y → −Y, (N,)."""

    @property
    def response(self) -> Array:
        """χ = ω/(ω² + Γ²/4), (M,): at rest Re α = −χ Σ_k w_k g_k z_k."""
        return np.asarray(self.rate.imag / np.abs(self.rate) ** 2)

    def means(self, spins: Array, fractions: Array) -> Array:
        """Mean Bloch vector of each group (K, 3); spin j of `spins` (N, 3) counts as its share."""
        gauged = spins * self._signs
        columns = [np.bincount(self.member, fractions * v, len(self.field)) for v in gauged.T]
        return np.asarray(np.stack(columns, axis=1) / self.weights[:, None])

    def unfold(self, spins: Array) -> Array:
        """Single Bloch vectors (N, 3) from those of the groups (K, 3)."""
        return np.asarray(spins[self.member] * self._signs)

    @property
    def _signs(self) -> Array:
        return np.stack([np.ones_like(self.sign), self.sign, self.sign], axis=1)

    @property
    def grid(self) -> bool:
        """Whether all 2^{M−1} rows of signs occur equally often, in one field (`Binary`)."""
        groups, modes = self.couplings.shape
        if groups != 2 ** min(modes - 1, 1000) or not self.couplings.all():
            return False
        even = np.ptp(self.weights) <= 1e-12 * self.weights.max() and not np.ptp(self.field)
        return bool(even and not np.ptp(np.abs(self.couplings), axis=0).any())


def fold(model: DickeModel) -> Folded:
    """Fold a model into its groups.

    Raises
    ------
    InputError
        If a mode has neither frequency nor damping: its amplitude never settles.
    """
    rate = model.damping / 2 + 1j * model.frequencies
    if not rate.all():
        mode = int(np.argmax(rate == 0))
        raise InputError(
            "model", "have a frequency or damping in every mode", f"mode {mode} has neither"
        )
    groups = group_spins(model.couplings, model.field)
    weights = np.bincount(groups.member, model.fractions)
    scale = 1.0 if model.thermodynamic else float(np.sqrt(model.spins))
    return Folded(
        groups.rows * scale, groups.field, weights, rate, scale, groups.member, groups.sign
    )


def derivative(model: DickeModel, spins: Array, amplitudes: Array) -> tuple[Array, Array]:
    r"""Right-hand side of the mean-field equations for single spins and modes, not folded.

    .. math::
        \dot s_j = 2 B_j\times s_j, \quad
        B_j = h_j\hat X + 2\sum_\lambda g_{j\lambda}\mathrm{Re}\,a_\lambda\,\hat Z, \qquad
        \dot a_\lambda = -(i\omega_\lambda+\Gamma_\lambda/2)a_\lambda
                         - i\sum_j w_j g_{j\lambda} z_j

    with weights w = 1 at finite N (carollo2021 Eq. (7)).

    Parameters
    ----------
    spins : array (N, 3)
        Components along (X, Y, Z).
    amplitudes : array (M,)
        Complex; in units of √N in the thermodynamic limit.
    """
    weights = model.weights if model.thermodynamic else 1.0
    drive = (weights * spins[:, 2]) @ model.couplings
    rate = model.damping / 2 + 1j * model.frequencies
    turn = 2 * model.couplings @ amplitudes.real
    axis = np.stack([model.field, np.zeros(model.spins), turn], axis=1)
    return 2 * np.cross(axis, spins), -rate * amplitudes - 1j * drive
