"""Flip rates of a model out of a given configuration (strong coupling, fiorelli2020 Eq. (3))."""

from __future__ import annotations

from typing import Any

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array, integer, numeric_array
from opendicke.model.configurations import spin_values
from opendicke.model.dicke import DickeModel
from opendicke.physics.balance import tabulated
from opendicke.physics.flip_rates import flip_rates


def energy_weights(model: DickeModel) -> Array:
    r""":math:`c_\lambda = 16\omega_\lambda/(4\omega_\lambda^2 + \Gamma_\lambda^2)`, (M,).

    A flip of spin i costs :math:`\epsilon_i = \sum_\lambda c_\lambda g_{i\lambda}
    (\sigma_i S_\lambda - g_{i\lambda})` with :math:`S_\lambda = \sum_l g_{l\lambda}\sigma_l`.
    """
    size = 4 * model.frequencies**2 + model.damping**2
    weights = np.divide(16 * model.frequencies, size, out=np.zeros_like(size), where=size > 0)
    return np.asarray(weights)


def flip_energies(model: DickeModel, sigma: Array) -> Array:
    """Ising energy that every flip costs in configurations (n, N), (n, N)."""
    weighted = model.couplings * energy_weights(model)
    forces = sigma.astype(float) @ model.couplings
    own = (weighted * model.couplings).sum(axis=1)
    return np.asarray(sigma * (forces @ weighted.T) - own)


def flip_rate(model: DickeModel, spin: int, configuration: Any) -> float:
    r"""Rate at which one spin flips out of a configuration.

    .. math::
        W_i = 2h_i^2\,\mathrm{Re}\int_0^\infty C_i(t)\,e^{i\epsilon_i t}\,dt

    with the coherence :math:`C_i` that the modes leave between the two directions of spin i and
    the Ising energy :math:`\epsilon_i` that the flip costs.

    Parameters
    ----------
    model : DickeModel
        With loss in every mode that couples.
    spin : int
        Which spin, from 0.
    configuration : array (N,) of ±1
        Spins along the coupling axis before the flip.

    Returns
    -------
    float
        In units of energy.

    Raises
    ------
    InputError
        If there is no such spin, the configuration has entries other than ±1, a mode that couples
        does not lose, or the spin is in a field but couples to nothing.

    Notes
    -----
    fiorelli2020 Eq. (3), for any number of modes.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> round(od.flip_rate(model, 0, [1, 1]), 8)
    0.00830246
    """
    _check_model(model)
    spin = integer("spin", spin)
    if spin >= model.spins:
        raise InputError("spin", f"be below the number of spins ({model.spins})", f"was {spin}")
    sigma = numeric_array("configuration", configuration)
    if sigma.shape != (model.spins,):
        raise InputError(
            "configuration", f"have the shape ({model.spins},)", f"had shape {sigma.shape}"
        )
    sigma = spin_values("configuration", sigma)
    others = sigma.astype(float)
    others[spin] = 0.0
    row = model.couplings[spin]
    energy = float(sigma[spin] * ((others @ model.couplings) * energy_weights(model)) @ row)
    return float(_rates(model, spin, np.array([energy]))[0])


def configuration_rates(model: DickeModel) -> Array:
    """Rates of all flips out of all configurations (fiorelli2020 Eq. (3)).

    The table is what `balance_residual`, `entropy_production`, `square_loops` and
    `kolmogorov_ratio` take.

    Parameters
    ----------
    model : DickeModel
        Of finitely many spins.

    Returns
    -------
    array (N, 2^N)
        In units of energy; configurations are numbered as in `configurations`.

    Raises
    ------
    InputError
        As `flip_rate`, and if there are too many spins for the memory.
    """
    _check_model(model)

    def rate(spin: int, energies: Array) -> Array:
        return _rates(model, spin, energies)

    return tabulated(rate, model.couplings, energy_weights(model) / 4)


def _check_model(model: object) -> None:
    if not isinstance(model, DickeModel) or model.thermodynamic:
        raise InputError("model", "be a DickeModel of finitely many spins", f"was {shown(model)}")


def _rates(model: DickeModel, spin: int, energies: Array) -> Array:
    """Rates of one spin at energies."""
    row, field = model.couplings[spin], float(model.field[spin])
    if field == 0:
        return np.zeros(energies.shape)
    if not row.any():
        raise InputError(
            "model",
            "couple every spin in a field to a mode, for rates of flips",
            f"spin {spin} has no coupling",
        )
    modes = row != 0
    return flip_rates(
        row[modes],
        model.frequencies[modes],
        model.loss[modes],
        model.gain[modes],
        field,
        energies,
    )
