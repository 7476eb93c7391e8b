"""All 2^N configurations of the spins along the coupling axis: their numbers and their energies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.blas import threads_for
from opendicke.model.checks import Array, affordable, integer, numeric_array, sized, vector
from opendicke.model.dicke import DickeModel, check_gain, spin_table
from opendicke.model.ising import IsingModel, assembled, eliminate

ENUMERABLE = 30
"""Spins above which configurations are not looked at one by one: 2^30 energies take seconds."""

RANGE = 24
"""Spins up to which `energy_range` looks at every configuration."""


def check_enumerable(spins: int, reason: str, argument: str = "model") -> None:
    """Refuse what needs a number for each configuration of too many spins.

    Raises
    ------
    InputError
        If there are more than 30 spins; `reason` says what for.
    """
    if spins > ENUMERABLE:
        cost = f"2^{spins} configurations, {8 * 2.0 ** min(spins, 1000):.3g} bytes for one number"
        raise InputError(
            argument,
            f"have at most {ENUMERABLE} spins where {reason}",
            f"it has {spins} ({cost} each)",
        )


def configurations(spins: int) -> Array:
    r"""All configurations in the order of their numbers.

    .. math::
        \mathrm{number} = \sum_j b_j 2^{N-1-j}, \qquad \sigma_j = 1 - 2 b_j

    Spin 0 is the most significant bit; number 0 is all up, as in a Kronecker product of spins.

    Parameters
    ----------
    spins : int
        N, from 0 to 30.

    Returns
    -------
    array (2^N, N) of int8
        Eigenvalues ±1 of the coupling axis.

    Raises
    ------
    InputError
        If there are too many spins for the memory.

    Examples
    --------
    >>> import opendicke as od
    >>> od.configurations(2).tolist()
    [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    """
    spins = integer("spins", spins)
    check_enumerable(spins, "every configuration is written out", "spins")
    affordable("spins", "a table of all configurations", max(spins, 1) << spins)
    table = np.empty((2**spins, spins), np.int8)
    for j in range(spins):
        view = table.reshape(2**j, 2, 2 ** (spins - 1 - j), spins)
        view[:, 0, :, j], view[:, 1, :, j] = 1, -1
    return table


def configuration_index(values: object) -> Array:
    """Numbers of configurations of ±1, see `configurations`.

    Parameters
    ----------
    values : array (…, N) of ±1
        One configuration or several.

    Returns
    -------
    array (…) of int
        From 0 to 2^N − 1; spin 0 is the most significant bit, and a bit of 0 is up.

    Raises
    ------
    InputError
        If an entry is not ±1, or there are more than 62 spins (numbers are 64-bit integers).

    Examples
    --------
    >>> import opendicke as od
    >>> print(od.configuration_index([[1, 1], [1, -1]]))
    [0 1]
    """
    array = spin_values("values", values)
    spins = array.shape[-1]
    if spins > 62:
        raise InputError("values", "have at most 62 spins to be numbered", f"had {spins}")
    places = np.left_shift(np.int64(1), np.arange(spins - 1, -1, -1, dtype=np.int64))
    return np.asarray((array < 0) @ places)


def configuration_values(index: object, spins: int) -> Array:
    """Configurations (…, N) of ±1 from their numbers (…), the reverse of `configuration_index`.

    Raises
    ------
    InputError
        If a number is not an integer from 0 to 2^N − 1, or N exceeds 62.
    """
    spins = integer("spins", spins)
    if spins > 62:
        raise InputError("spins", "be at most 62 for configurations to be numbered", f"was {spins}")
    numbers = np.asarray(index)
    if numbers.dtype.kind not in "iu" or (numbers < 0).any() or (numbers >= 2**spins).any():
        raise InputError("index", f"be integers from 0 to 2^{spins} - 1", f"was {shown(index)}")
    places = np.arange(spins - 1, -1, -1, dtype=np.int64)
    bits = (numbers.astype(np.int64)[..., None] >> places) & 1
    return (1 - 2 * bits).astype(np.int8)


def spin_values(name: str, value: object, spins: int | None = None) -> Array:
    """Configurations (…, N) of ±1 as numbers, checked."""
    array = numeric_array(name, value)
    wanted = "N" if spins is None else str(spins)
    if not array.ndim or (spins is not None and array.shape[-1] != spins):
        raise InputError(name, f"have the shape (…, {wanted} spins)", f"had shape {array.shape}")
    if not (np.abs(array) == 1).all():
        bad = array.flat[int(np.argmax(np.abs(array) != 1))]
        raise InputError(name, "be +1 or -1", f"had an entry {bad:g}")
    return array


def ising_energies(couplings: object, strengths: object) -> Array:
    r"""Ising energies of all configurations.

    .. math::
        H_I(\sigma) = -\sum_{i\ne j} J_{ij}\sigma_i\sigma_j, \qquad
        J_{ij} = \sum_\lambda s_\lambda g_{i\lambda} g_{j\lambda}

    The spins are split into halves whose energies are summed, and one matrix product gives the
    energy between the halves.

    Parameters
    ----------
    couplings : array (N, M)
        :math:`g_{i\lambda}`.
    strengths : float or array (M,)
        :math:`s_\lambda = \omega_\lambda/(\omega_\lambda^2 + \Gamma_\lambda^2/4)` for couplings to
        bosons (`eliminate`), in units that make the energy one.

    Returns
    -------
    array (2^N,)
        In the order of `configurations`. Nothing else of this size is allocated.

    Raises
    ------
    InputError
        If shapes disagree, or there are too many spins for the memory.

    Notes
    -----
    fiorelli2020 Eq. (4) is `energy_scale` times this.
    """
    table = spin_table("couplings", couplings, "mode")
    strengths = vector("strengths", strengths, table.shape[1], "mode")
    return _energies(halves(table, strengths, "couplings"))


def model_energies(model: DickeModel | IsingModel) -> Array:
    """Ising energies of all configurations of a model, as `ising_energies`.

    The bosons of a DickeModel are eliminated; an IsingModel may have any symmetric J. Fields do
    not enter, nor do the terms i = j.

    Parameters
    ----------
    model : DickeModel or IsingModel
        Of finitely many spins.

    Returns
    -------
    array (2^N,)
        :math:`H_I` in the order of `configurations`, in units of energy.

    Raises
    ------
    InputError
        If the model is something else, a thermodynamic limit, or has too many spins.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0)
    >>> print(od.model_energies(model).round(4))
    [ 0.2308 -0.2308 -0.2308  0.2308]
    """
    return _energies(halves(*pair_terms(model)))


def energy_range(model: DickeModel | IsingModel) -> tuple[float, float]:
    r"""Least and greatest Ising energy, looked up among all configurations of up to 24 spins.

    With more spins, bounds: of factors :math:`0 \le (\sum_i g_{i\lambda}\sigma_i)^2 \le
    (\sum_i|g_{i\lambda}|)^2` for each mode, which the least energy of one mode of positive
    frequency reaches; of a matrix :math:`\pm\sum_{i\ne j}|J_{ij}|`. Arguments and errors are those
    of `model_energies`.
    """
    table, strengths = pair_terms(model)
    if len(table) <= RANGE:
        parts = halves(table, strengths)
        # A configuration and its reverse have one energy: half of them will do.
        blocks = [block for _, block in energy_blocks(parts, reverse=False)]
        lowest, highest = np.inf, -np.inf
        for rows in blocks:
            energies = rows @ parts.right
            lowest, highest = min(lowest, energies.min()), max(highest, energies.max())
        return float(lowest), float(highest)
    if strengths is None:
        total = float(np.abs(table).sum() - np.abs(np.diagonal(table)).sum())
        return -total, total
    own = strengths * (table**2).sum(axis=0)
    full = own - strengths * np.abs(table).sum(axis=0) ** 2
    return float(np.minimum(own, full).sum()), float(np.maximum(own, full).sum())


def flip_costs(couplings: object, strengths: object, configuration: object) -> Array:
    r"""Ising energies that it costs to flip each spin of a configuration.

    .. math::
        \varepsilon_i = H_I(\text{spin } i \text{ flipped}) - H_I
          = 4\sum_\lambda s_\lambda g_{i\lambda}\sigma_i\sum_{l\ne i} g_{l\lambda}\sigma_l

    Parameters
    ----------
    couplings : array (N, M)
    strengths : float or array (M,)
        As for `ising_energies`.
    configuration : array (…, N) of ±1

    Returns
    -------
    array (…, N)
        In the units of `ising_energies`. :math:`\Delta E_i = g_i\sigma_i\sum_{l\ne i}g_l\sigma_l`
        of fiorelli2020 below Eq. (3) is `energy_scale` times this.

    Raises
    ------
    InputError
        If shapes disagree or the configuration has entries other than ±1.
    """
    table = spin_table("couplings", couplings, "mode")
    strengths = vector("strengths", strengths, table.shape[1], "mode")
    spins = spin_values("configuration", configuration, len(table))
    # The sum over the others is the sum over all less oneself: N M operations, not N² M.
    sums = spins @ table
    own = table**2 @ strengths
    return np.asarray(4 * (spins * ((sums * strengths) @ table.T) - own))


def spin_flip_costs(couplings: object, strengths: object, spin: int) -> Array:
    """Costs of flipping one spin out of every configuration, (2^N,), as `flip_costs`.

    Raises
    ------
    InputError
        If shapes disagree, the spin is not one of the N, or there are too many for the memory.
    """
    table = spin_table("couplings", couplings, "mode")
    strengths = vector("strengths", strengths, table.shape[1], "mode")
    count = len(table)
    spin = integer("spin", spin)
    if spin >= count:
        raise InputError("spin", f"be one of the {count} spins", f"was {spin}")
    _check_size(count, "couplings")
    pull = 4 * (table @ (strengths * table[spin]))
    pull[spin] = 0.0
    costs = np.empty(2**count)
    costs[0] = 0.0
    for j in range(count - 1, -1, -1):
        half = 2 ** (count - 1 - j)
        costs[half : 2 * half] = costs[:half] - pull[j]
        costs[:half] += pull[j]
    view = costs.reshape(2**spin, 2, -1)
    np.negative(view[:, 1], out=view[:, 1])
    return costs


def energy_scale(frequency: object, loss: object = 0.0, gain: object = 0.0) -> float:
    r"""What turns the Ising energy of one mode into the energy of fiorelli2020 Eq. (4).

    .. math::
        E(\sigma) = -\tfrac14\sum_{i\ne j}g_i g_j\sigma_i\sigma_j
          = \frac{\omega(\eta^2+4)}{16} H_I(\sigma) = \frac{4\omega^2+\Gamma^2}{16\,\omega} H_I,
        \qquad \Gamma = \mathrm{loss}-\mathrm{gain} = \eta\omega

    Parameters
    ----------
    frequency, loss, gain : float
        Of the mode; one number each, or arrays (1,).

    Returns
    -------
    float
        In units of energy: E counts squares of couplings.

    Raises
    ------
    InputError
        If there is more than one mode, its frequency is zero, or its gain reaches the loss.

    Examples
    --------
    >>> import opendicke as od
    >>> od.energy_scale(1.0, loss=11.0, gain=1.0)  # ω(η² + 4)/16 at η = 10
    6.5
    """
    omega, down, up = (
        np.atleast_1d(np.asarray(sized(name, value, 1, "mode")))
        for name, value in (("frequency", frequency), ("loss", loss), ("gain", gain))
    )
    check_gain(down, up)
    if omega[0] == 0:
        raise InputError("frequency", "not be zero", "was 0")
    return float((omega[0] + (down[0] - up[0]) ** 2 / (4 * omega[0])) / 4)


class Halves(NamedTuple):
    """Energies of all configurations as one product of two small matrices."""

    left: Array
    """Of the first spins, (2^k, R)."""
    right: Array
    """Of the other spins, (R, 2^(N−k))."""
    rounding: float
    """Error that an energy may have."""


def halves(table: Array, strengths: Array | None, argument: str = "model") -> Halves:
    """Factors (N, L) with strengths, or a matrix (N, N) without, prepared for all energies."""
    spins = len(table)
    _check_size(spins, argument)
    first = (spins + 1) // 2
    upper, lower = configurations(first).astype(float), configurations(spins - first).astype(float)
    if strengths is None:
        size = float(np.abs(table).sum())
    else:
        size = float(np.abs(strengths) @ np.abs(table).sum(axis=0) ** 2)
        if table.shape[1] >= spins - first:
            table, strengths = assembled(table, strengths), None
    if strengths is None:
        pairs = table - np.diag(np.diagonal(table))
        rows, columns = -2 * upper @ pairs[:first, first:], lower.T
        high = -np.einsum("ci,ij,cj->c", upper, pairs[:first, :first], upper, optimize=True)
        low = -np.einsum("ci,ij,cj->c", lower, pairs[first:, first:], lower, optimize=True)
    else:
        above, below = upper @ table[:first], lower @ table[first:]
        rows, columns = -2 * above * strengths, below.T
        own = float((table**2 @ strengths).sum())
        high, low = own - above**2 @ strengths, -(below**2) @ strengths
    # Two more columns add the energies within the halves in the same product.
    ones = np.ones((1, len(low)))
    left = np.concatenate([rows, high[:, None], np.ones((len(high), 1))], axis=1)
    right = np.concatenate([columns, ones, low[None]])
    return Halves(left, right, 2 * np.finfo(float).eps * (spins + 2) * size)


def energy_blocks(parts: Halves, *, reverse: bool = True) -> list[tuple[int, Array]]:
    """Rows of `left` in blocks whose energies stay in the cache, each with its first number.

    Without `reverse` the configurations with spin 0 down are left out, unless there is no spin.
    """
    width = parts.right.shape[1]
    rows = len(parts.left) if reverse or len(parts.left) == 1 else len(parts.left) // 2
    count = max(1, 2**18 // width)
    return [
        (start * width, parts.left[start : min(start + count, rows)])
        for start in range(0, rows, count)
    ]


def pair_terms(model: DickeModel | IsingModel) -> tuple[Array, Array | None]:
    """Factors (N, L) and strengths (L,) of a model's interactions, or the matrix J and None."""
    if not isinstance(model, (DickeModel, IsingModel)):
        raise InputError("model", "be a DickeModel or an IsingModel", f"was {shown(model)}")
    ising = eliminate(model) if isinstance(model, DickeModel) else model
    if ising.factors is None:
        return np.asarray(ising.interactions), None
    return np.asarray(ising.factors), np.asarray(ising.strengths)


def _check_size(spins: int, argument: str) -> None:
    check_enumerable(spins, "every configuration is looked at", argument)
    affordable(argument, "the energies of all configurations", 8 << spins)


def _energies(parts: Halves) -> Array:
    with threads_for(len(parts.left), parts.right.shape[1]):
        return np.asarray(parts.left @ parts.right).ravel()
