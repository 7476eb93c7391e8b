r"""Detailed balance of single spin flips: loops, currents, entropy production, temperature.

Rates are arrays (N, 2^N): `rates[i, c]` is the rate at which spin i flips out of configuration
number c. Spin i is the bit of value 2^(N−1−i), as in `opendicke.model.configurations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.model.checks import Array, affordable, numeric_array
from opendicke.model.configurations import (
    check_enumerable,
    configuration_index,
    spin_flip_costs,
    spin_values,
)
from opendicke.model.dicke import spin_table

Rate = Callable[[int, Array], Array]
"""Rates W_i(ε), of the shape of the energies, from the spin i and energies (…)."""

_BLOCK = 2**17
"""Edges that are looked at together."""


class Temperature(NamedTuple):
    """An effective inverse temperature and how well it describes the data."""

    beta: float
    """β, in units of 1/energy: minus the slope of a weighted straight line."""
    offset: float
    """Value of the line at energy 0."""
    goodness: float
    """R², the part of the weighted variance that the line explains; 1 if there is none."""
    residual: float
    """Weighted root mean square deviation from the line, of a logarithm."""


def tabulated(rate: Rate, couplings: object, strengths: object) -> Array:
    r"""Rates of all flips out of all configurations.

    Parameters
    ----------
    rate : callable (spin, energies (2^N,)) -> rates (2^N,)
        :math:`W_i(\varepsilon)`.
    couplings : array (N, M)
    strengths : float or array (M,)
        Of the Ising energy, see `opendicke.model.configurations.ising_energies`.

    Returns
    -------
    array (N, 2^N)

    Raises
    ------
    InputError
        If there are too many spins for the memory, or the rates are not of the shape (2^N,),
        not finite or negative.
    """
    spins = len(spin_table("couplings", couplings, "mode"))
    check_enumerable(spins, "every rate is written out", "couplings")
    affordable("couplings", "the rates of all configurations", (8 * spins + 24) << spins)
    rates = np.empty((spins, 2**spins))
    for spin in range(spins):
        row = numeric_array("rate", rate(spin, spin_flip_costs(couplings, strengths, spin)))
        if row.shape != (2**spins,):
            raise InputError(
                "rate", f"give as many rates as energies ({2**spins})", f"gave shape {row.shape}"
            )
        if (row < 0).any():
            raise InputError("rate", "not be negative", f"was {row.min():g} for spin {spin}")
        rates[spin] = row
    return rates


def kolmogorov_ratio(rates: object, loop: object) -> float:
    r"""Rates around a loop of configurations over the rates around it the other way.

    .. math::
        K = \prod_k \frac{W_{\sigma_k\to\sigma_{k+1}}}{W_{\sigma_{k+1}\to\sigma_k}}

    Detailed balance holds if and only if K = 1 for every loop (Kolmogorov).

    Parameters
    ----------
    rates : array (N, 2^N), or callable (spin, configuration (N,)) -> rate
    loop : array (K, N) of ±1
        Configurations that differ by one spin from the one before, and the first from the last;
        the first may be repeated at the end.

    Returns
    -------
    float
        0 or infinite where a step is possible one way only; NaN where both products are zero.

    Raises
    ------
    InputError
        If shapes disagree, a rate is negative, or two neighbours differ by other than one spin.

    Notes
    -----
    fiorelli2020 Fig. 3; Zia and Schmittmann, J. Stat. Mech. (2007) P07012.
    """
    path = spin_values("loop", loop)
    if path.ndim != 2 or len(path) < 2:
        raise InputError(
            "loop", "have the shape (configurations, spins)", f"had shape {path.shape}"
        )
    if (path[0] != path[-1]).any():
        path = np.concatenate([path, path[:1]])
    changed = path[1:] != path[:-1]
    single = changed.sum(axis=1) == 1
    if not single.all():
        step = int(np.argmax(~single))
        raise InputError(
            "loop",
            "go from each configuration to the next by one flip, and from the last to the first",
            f"step {step} flips {int(changed[step].sum())} spins",
        )
    spins = np.argmax(changed, axis=1)
    if callable(rates):
        forward = [rates(int(i), state) for i, state in zip(spins, path[:-1], strict=True)]
        backward = [rates(int(i), state) for i, state in zip(spins, path[1:], strict=True)]
        ways = numeric_array("rates", [forward, backward])
        if ways.shape != (2, len(spins)):
            raise InputError("rates", "give one number", f"gave shape {ways.shape[2:]}")
        if (ways < 0).any():
            raise InputError("rates", "not be negative", f"had an entry {ways.min():g}")
    else:
        table = _rate_table(rates, path.shape[1])
        numbers = configuration_index(path)
        ways = np.stack([table[spins, numbers[:-1]], table[spins, numbers[1:]]])
    zero = (ways == 0).any(axis=1)
    if zero.any():
        return float("nan") if zero.all() else float("inf") if zero[1] else 0.0
    # Logarithms: products of many small rates would vanish.
    logs = np.log(ways).sum(axis=1)
    return float(np.exp(min(logs[0] - logs[1], 709.0)))


def two_spin_ratio(
    first: Callable[[float], float], second: Callable[[float], float], cost: float
) -> float:
    r"""Kolmogorov ratio of the only loop of two spins, which flips the second spin first.

    .. math::
        \uparrow\uparrow\;\to\;\uparrow\downarrow\;\to\;\downarrow\downarrow\;\to\;
        \downarrow\uparrow\;\to\;\uparrow\uparrow: \qquad
        K = \left[\frac{R_2(\varepsilon)}{R_1(\varepsilon)}\right]^2, \qquad
        R_i(\varepsilon) = \frac{W_i(\varepsilon)}{W_i(-\varepsilon)}

    Parameters
    ----------
    first, second : callable energy -> rate
        :math:`W_1` and :math:`W_2`, positive. They are the same function for one mode and
        :math:`|g_1| = |g_2|`, and K is 1.
    cost : float
        ε, the cost of flipping either spin out of ↑↑; of one mode
        :math:`16\,\omega g_1 g_2/(4\omega^2+\Gamma^2)`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If a rate is not positive.

    Notes
    -----
    fiorelli2020 Fig. 3.
    """
    values = numeric_array("rates", [first(cost), first(-cost), second(cost), second(-cost)])
    if values.shape != (4,) or (values <= 0).any():
        raise InputError("rates", "be positive numbers", f"were {values.tolist()}")
    return float((values[2] / values[3] * (values[1] / values[0])) ** 2)


def square_loops(rates: object) -> Array:
    r"""Logarithms of the Kolmogorov ratios of all loops that flip spins i, j, i, j.

    Every loop of single flips is made of such squares: with positive rates, detailed balance holds
    if and only if all are 0.

    Parameters
    ----------
    rates : array (N, 2^N)
        Positive.

    Returns
    -------
    array (N(N−1)/2, 2^(N−2))
        A row for each pair i < j, in the order (0, 1), (0, 2), …, (1, 2), …; a column for each
        configuration of the other spins, in the order of their numbers. The loop begins at i and j
        up and flips i first.

    Raises
    ------
    InputError
        If the shape is wrong or a rate is not positive.
    """
    table = _rate_table(rates)
    if (table <= 0).any():
        raise InputError("rates", "be positive for all loops to have a ratio", "one was 0")
    logs = np.log(table)
    spins = len(table)
    loops = []
    for i in range(spins):
        for j in range(i + 1, spins):
            # Axes: bits before i, i, between, j, after.
            shape = (2**i, 2, 2 ** (j - i - 1), 2, 2 ** (spins - 1 - j))
            a, b = logs[i].reshape(shape), logs[j].reshape(shape)
            forward = a[:, 0, :, 0] + b[:, 1, :, 0] + a[:, 1, :, 1] + b[:, 0, :, 1]
            backward = b[:, 0, :, 0] + a[:, 0, :, 1] + b[:, 1, :, 1] + a[:, 1, :, 0]
            loops.append((forward - backward).ravel())
    return np.array(loops).reshape(-1, 2 ** max(spins - 2, 0))


def balance_residual(rates: object, probabilities: object) -> float:
    r"""How far a distribution is from detailed balance.

    .. math::
        \frac{\sum_{\langle ab\rangle}|w_{ab}p_b - w_{ba}p_a|}
             {\sum_{\langle ab\rangle}(w_{ab}p_b + w_{ba}p_a)}

    over all pairs of configurations that differ by one flip.

    Parameters
    ----------
    rates : array (N, 2^N)
    probabilities : array (2^N,)
        Need not be normalised.

    Returns
    -------
    float
        From 0, detailed balance, to 1, every flip one way only; 0 if nothing flips.

    Raises
    ------
    InputError
        If shapes disagree or an entry is negative.

    Notes
    -----
    0 where Kolmogorov's criterion holds and the distribution is the stationary one (fiorelli2020,
    "Breakdown of detailed balance"); the measure is this library's own.

    Examples
    --------
    >>> import numpy as np
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> rates = od.configuration_rates(model)
    >>> weights = np.exp(-0.1 * od.model_energies(model))
    >>> print(f"{od.balance_residual(rates, weights):.4f}")
    0.0040
    """
    currents, traffic = 0.0, 0.0
    for down, up in _edges(rates, probabilities):
        currents += float(np.abs(down - up).sum())
        traffic += float((down + up).sum())
    return currents / traffic if traffic > 0 else 0.0


def entropy_production(rates: object, probabilities: object) -> float:
    r"""Rate at which the flips produce entropy.

    .. math::
        \dot S = \sum_{\langle ab\rangle}(w_{ab}p_b - w_{ba}p_a)
                 \ln\frac{w_{ab}p_b}{w_{ba}p_a} \;\ge\; 0

    over all pairs of configurations that differ by one flip; zero only in detailed balance. In a
    stationary state it is the entropy that the bosons' surroundings take up.

    Parameters
    ----------
    rates : array (N, 2^N)
    probabilities : array (2^N,)
        Normalised.

    Returns
    -------
    float
        In nats per unit time; infinite where a pair is connected one way only.

    Raises
    ------
    InputError
        If shapes disagree or an entry is negative.

    Notes
    -----
    J. Schnakenberg, Rev. Mod. Phys. 48, 571 (1976), Eq. (7.6); Zia and Schmittmann, J. Stat. Mech.
    (2007) P07012.
    """
    total = 0.0
    for down, up in _edges(rates, probabilities):
        used = (down > 0) & (up > 0)
        if (((down > 0) | (up > 0)) & ~used).any():
            return float("inf")
        down, up = down[used], up[used]
        total += float(((down - up) * (np.log(down) - np.log(up))).sum())
    return total


def shannon_entropy(probabilities: object) -> float:
    r""":math:`-\sum_c p_c\ln p_c` of a distribution.

    Parameters
    ----------
    probabilities : array (2^N,)
        Of configurations, or of any other events.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    InputError
        If a probability is negative.

    Notes
    -----
    C. E. Shannon, Bell Syst. Tech. J. 27, 379 (1948).
    """
    p = numeric_array("probabilities", probabilities).ravel()
    _not_negative("probabilities", p)
    p = p[p > 0]
    return float(-(p * np.log(p)).sum()) + 0.0


def temperature_of_distribution(
    probabilities: object, energies: object, weights: object | None = None
) -> Temperature:
    r"""Effective inverse temperature of a distribution: :math:`\ln p_c \approx a - \beta E_c`.

    Parameters
    ----------
    probabilities, energies : array (2^N,)
        The energies may be :math:`H_I` or any other; β has their unit, inverted.
    weights : array (2^N,), optional
        Of the least squares; the probabilities if left out. Configurations of probability 0 do
        not count.

    Returns
    -------
    Temperature

    Raises
    ------
    InputError
        If shapes disagree, an entry is negative, or fewer than two energies have any weight.

    Notes
    -----
    A least-squares line; fiorelli2020 speaks of effectively thermal dynamics without fitting one.

    Examples
    --------
    >>> import numpy as np
    >>> import opendicke as od
    >>> energies = np.arange(4.0)
    >>> print(round(od.temperature_of_distribution(np.exp(-energies / 2), energies).beta, 6))
    0.5
    """
    p, levels = (
        numeric_array(name, value).ravel()
        for name, value in (("probabilities", probabilities), ("energies", energies))
    )
    _same_length("energies", levels, "probability", p)
    _not_negative("probabilities", p)
    chosen = p if weights is None else numeric_array("weights", weights).ravel()
    _same_length("weights", chosen, "probability", p)
    some = p > 0
    return _line(levels[some], np.log(p[some]), chosen[some])


def temperature_of_rates(
    forward: object, backward: object, costs: object, weights: object | None = None
) -> Temperature:
    r"""Effective inverse temperature of rates: :math:`\ln[W(\varepsilon)/W(-\varepsilon)] \approx
    a - \beta\varepsilon`.

    Parameters
    ----------
    forward, backward : array (E,)
        :math:`W(\varepsilon)` and :math:`W(-\varepsilon)`, positive.
    costs : array (E,)
        ε, in units of energy. Costs of both signs hold every pair twice, and then a = 0.
    weights : array (E,), optional
        Of the least squares; if left out, the slower of the two rates, the flux that a
        distribution in detailed balance sends both ways.

    Returns
    -------
    Temperature

    Raises
    ------
    InputError
        If shapes disagree, a rate is not positive, or fewer than two costs have any weight.

    Notes
    -----
    fiorelli2020, Fig. 2(e): :math:`\ln R_i(\Delta E)/\Delta E`.
    """
    ahead, back, energies = (
        numeric_array(name, value).ravel()
        for name, value in (("forward", forward), ("backward", backward), ("costs", costs))
    )
    _same_length("backward", back, "forward rate", ahead)
    _same_length("costs", energies, "forward rate", ahead)
    for name, values in (("forward", ahead), ("backward", back)):
        if (values <= 0).any():
            raise InputError(name, "be positive", f"had an entry {values.min():g}")
    chosen = np.minimum(ahead, back)
    if weights is not None:
        chosen = numeric_array("weights", weights).ravel()
        _same_length("weights", chosen, "forward rate", ahead)
    return _line(energies, np.log(ahead) - np.log(back), chosen)


def _line(x: Array, y: Array, weights: Array) -> Temperature:
    """Weighted least squares of a straight line, about the centre of gravity."""
    _not_negative("weights", weights)
    total = float(weights.sum())
    share = weights / total if total > 0 else weights
    x_mean, y_mean = float(share @ x), float(share @ y)
    dx, dy = x - x_mean, y - y_mean
    spread = float(share @ dx**2)
    size = float(np.abs(x).max(initial=0.0))
    if total <= 0 or spread <= (1e-13 * size) ** 2:
        raise InputError("weights", "leave two different energies", "left fewer")
    slope = float(share @ (dx * dy)) / spread
    left = float(share @ (dy - slope * dx) ** 2)
    variance = float(share @ dy**2)
    goodness = 1.0 - left / variance if variance > 0 else 1.0
    return Temperature(0.0 - slope, y_mean - slope * x_mean, goodness, left**0.5)


def _edges(rates: object, probabilities: object) -> Iterator[tuple[Array, Array]]:
    """Fluxes of every pair of configurations that one flip connects, both ways, in blocks."""
    table = _rate_table(rates)
    spins = len(table)
    p = numeric_array("probabilities", probabilities)
    if p.shape != (2**spins,):
        raise InputError("probabilities", f"have the shape ({2**spins},)", f"had shape {p.shape}")
    _not_negative("probabilities", p)
    for i in range(spins):
        shape = (2**i, 2, 2 ** (spins - 1 - i))
        rate, share = table[i].reshape(shape), p.reshape(shape)
        tall, wide = max(1, _BLOCK // shape[2]), min(shape[2], _BLOCK)
        for top in range(0, shape[0], tall):
            for left in range(0, shape[2], wide):
                part = np.s_[top : top + tall, :, left : left + wide]
                fluxes = rate[part] * share[part]
                yield fluxes[:, 0], fluxes[:, 1]


def _rate_table(rates: object, spins: int | None = None) -> Array:
    """Rates (N, 2^N), checked without a copy."""
    table = rates if isinstance(rates, np.ndarray) else numeric_array("rates", rates)
    count = table.shape[0] if table.ndim else 0
    wrong = table.ndim != 2 or not count or count > 62 or table.shape[1] != 2**count
    if wrong or (spins is not None and count != spins):
        wanted = "(N, 2^N)" if spins is None else f"({spins}, {2**spins})"
        raise InputError("rates", f"have the shape {wanted}", f"had shape {table.shape}")
    if table.dtype.kind not in "iuf":
        raise InputError("rates", "be made of real numbers", f"had the type {table.dtype}")
    for row in table:
        least, most = float(row.min()), float(row.max())
        if not least >= 0 or most == np.inf:
            raise InputError(
                "rates", "be finite and not negative", f"had entries from {least:g} to {most:g}"
            )
    return table


def _not_negative(name: str, values: Array) -> None:
    if values.size and values.min() < 0:
        raise InputError(name, "not be negative", f"had an entry {values.min():g}")


def _same_length(name: str, values: Array, what: str, others: Array) -> None:
    if values.shape != others.shape:
        raise InputError(
            name, f"have one entry per {what} ({len(others)})", f"had {len(values)} entries"
        )
