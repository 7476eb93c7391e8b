r"""How far the rate equation is off: what is left out when spins flip at constant rates.

Out of a configuration σ the probability that spin i has flipped is, in second order of the field,

.. math::
    p_i(t) = 2h_i^2\,\mathrm{Re}\int_0^t dt_1\int_0^{t_1}dt_2\, C_i(t_1 - t_2)
             e^{i[\Theta_i(t_1) - \Theta_i(t_2)]},

Θ the phase of the Ising energy and of modes that are not yet stationary. A rate replaces it by
:math:`W_i t`. Four deviations follow, each an expectation value of a Pauli matrix:

- slip: :math:`2|p_i(t) - W_i t|`, about :math:`4(h_i t_{L,i})^2` where coherence decays
  exponentially: field against dephasing, memory, and modes that start otherwise, in one number;
- start: a spin that starts across the coupling axis is turned before its coherence is lost,
  :math:`2|h_i|\int_0^t|C_i|dt` times that component;
- pairs: coherence between configurations two flips apart outlives the flips (`pair_decays`);
- lag: rates follow a flip at once, modes within a time 2/Γ.

Photons are those of stationary modes in every configuration: they deviate by what the modes start
with until they have settled, by the lag, and by pairs, for they hold products of two spins.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from opendicke.advising.free import Modes, free_factors, gaussian_factors, kicks
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.reduce import Problem
from opendicke.physics.coherence_times import validity
from opendicke.physics.configuration_rates import energy_weights
from opendicke.physics.rate_table import tabulate

_MOST_ROWS = 48
"""Spins that are looked at; of more, those whose coherence lives longest and some at random."""
_CONFIGURATIONS = 8
_GRID = 1024
_OPEN = 3
"""Spins of no certain direction of which all configurations are taken."""
_DOUBLE = 192
"""Points of the double integral where modes are not stationary at first."""
_FEW_MODES = 16
_GONE = 1e-4
_MANY = 5e8
"""Multiplications from which on other spins count as Gaussian noise."""
_PAIRS = 0.2
_SHARED = 12.0
"""By how much more coherence two flips apart moves products of two spins than single ones."""
_LAG = 1.0


class Slips(NamedTuple):
    """Estimated deviations of the rate equation from exact."""

    slip: float
    start: float
    pairs: float
    lag: float
    photons: float
    drive: float
    """Largest field times coherence time."""
    ratio: float
    """Decay of two-flip coherence over the largest rate."""
    protected: int
    """Spins with the couplings of another up to a sign."""
    rate: float
    """Largest rate of a single spin seen."""
    exit: float
    """Mean exit rate of a configuration, estimated from the spins looked at."""
    looked: int

    @property
    def spins(self) -> float:
        """Of single spins along the coupling axis."""
        return self.slip + self.start + self.pairs + self.lag


def slips(problem: Problem, times: Array) -> Slips:
    """Estimate how far rates of spin flips are off.

    Parameters
    ----------
    problem : Problem
        Of a model with loss in every coupled mode.
    times : array (T,)
        Output times.

    Returns
    -------
    Slips
    """
    model = problem.model
    assert isinstance(model, DickeModel)
    span = float(times[-1] - times[0])
    bloch = problem.initial.bloch
    driven = np.flatnonzero((model.field != 0) & model.couplings.any(axis=1))
    kept = model.damping > 0
    g, omega = model.couplings[:, kept], model.frequencies[kept]
    loss, gain = model.loss[kept], model.gain[kept]
    damping = loss - gain
    z = damping / 2 + 1j * omega
    photons = _photons(model, problem, times - times[0])
    if not len(driven) or span == 0:
        return Slips(0.0, 0.0, 0.0, 0.0, photons, 0.0, np.inf, 0, 0.0, 0.0, 0)
    dephasing = (g[driven] ** 2 * (2 * (loss + gain) / np.abs(z) ** 2)).sum(axis=1)
    rows = driven
    if len(driven) > _MOST_ROWS:
        slow = driven[np.argsort(dephasing / model.field[driven] ** 2)[: _MOST_ROWS // 2]]
        drawn = np.random.default_rng(0).choice(driven, _MOST_ROWS // 2, replace=False)
        rows = np.union1d(slow, drawn)
    starts, shares = _starts(bloch)
    drawn = np.random.default_rng(1).random((_CONFIGURATIONS, model.spins)) < 0.5
    configurations = np.concatenate([starts, np.where(drawn, -1.0, 1.0)])
    weights = energy_weights(model)
    own = (model.couplings[rows] ** 2) @ weights
    force = configurations @ model.couplings
    energies = configurations[:, rows] * ((force * weights) @ model.couplings[rows].T) - own
    rates = _rates(model, rows, energies)
    largest = float(rates.max())
    judged = validity(
        model.couplings[driven],
        model.frequencies,
        model.loss,
        model.gain,
        model.field[driven],
        largest,
    )
    moved = min(1.0, largest * span)
    h = np.abs(model.field[rows])
    t = _grid(_lifetime(g[rows], omega, loss, gain, span), dephasing.max(), z, energies)
    coherent = _coherence(g[rows], omega, loss, gain, t)
    initial = problem.initial
    shift, excess = initial.displacement[kept], initial.occupation[kept]
    excess = excess - model.stationary_occupation[kept]
    brief = np.linspace(0, min(span, 12 / float(damping.min())), _DOUBLE)
    slipped, unsettled = np.zeros((len(rows), len(t))), np.zeros((len(rows), len(brief)))
    later, elsewhere = 0.0, False
    for k, (energy, rate) in enumerate(zip(energies, rates, strict=True)):
        kernel = 2 * h[:, None] ** 2 * (coherent * np.exp(1j * energy[:, None] * t)).real
        apart = _apart(kernel, t, rate, coherent)
        if k >= len(starts):
            later = max(later, float(np.abs(apart).max()) * moved)
            continue
        # The flips out of all initial configurations together move the mean along Z.
        signs = (shares[k] * starts[k, rows])[:, None]
        slipped += signs * apart
        off = shift + 1j * force[k][kept] / z
        if np.abs(off).max(initial=0.0) > 1e-9 or np.abs(excess).max(initial=0.0) > 1e-9:
            elsewhere = True
            bath = g[rows], z, loss, gain
            unsettled += signs * _unsettled(
                bath, h, starts[k, rows], energy, rate, off, excess, brief
            )
        else:
            unsettled += signs * _at(apart, t, brief)
    if elsewhere:  # and when modes have settled it goes on as if they always had
        gone = t > brief[-1]
        end = unsettled[:, -1:] - _at(slipped, t, brief[-1:])
        slipped = np.concatenate([unsettled, (slipped + end)[:, gone]], axis=1)
    slip = max(float(np.abs(slipped).max()), later)
    start = _across(problem, rows, kept, t)
    pairs = 0.0
    if len(driven) > 1:
        lives = min(span, 1 / (judged.ratio * largest) if judged.ratio > 0 and largest else np.inf)
        pairs = _PAIRS * min(largest * lives, 1.0) * moved
    lag = _LAG * largest * min(2 / float(damping.min()), span) * moved
    if len(driven) == 1:
        lag = 0.0
    hot = float(model.stationary_occupation[kept].sum())
    bath = g[rows], z, damping, g
    lagging = _lagging(configurations, shares, rates, rows, bath, span, hot)
    shared = _SHARED * pairs * _weight_of_pairs(model.couplings[driven][:, kept], z, hot)
    exits = float(rates.sum(axis=1).mean()) * len(driven) / len(rows)
    return Slips(
        slip,
        start,
        pairs,
        lag,
        photons + lagging + shared,
        float(judged.drive.max()),
        float(judged.ratio),
        int(judged.protected),
        largest,
        exits,
        len(rows),
    )


def _rates(model: DickeModel, rows: Array, energies: Array) -> Array:
    """Rates of spins in configurations, (n, rows).

    With few modes from a table, else by the trapezoidal rule: coherence shared by many modes is
    gone before their beats could matter.
    """
    kept = model.damping > 0
    arrays = model.frequencies, model.loss, model.gain
    if kept.sum() <= _FEW_MODES:
        h = model.field[rows]
        table = tabulate(model.couplings[rows], *arrays, h, tolerance=1e-6)
        places = np.broadcast_to(np.arange(len(rows)), energies.shape)
        return np.asarray(table.evaluate(places, energies))
    g = model.couplings[np.ix_(rows, kept)]
    omega, loss, gain = (each[kept] for each in arrays)
    pace = float(np.abs(energies).max() + np.sqrt((g**2).sum(axis=1).max()))
    stop = 1 / pace
    while stop < 1e6 / pace:
        if np.abs(_coherence(g, omega, loss, gain, np.array([stop]))).max() < _GONE:
            break
        stop *= 2
    t = np.linspace(0, stop, _GRID)
    coherent = _coherence(g, omega, loss, gain, t)
    made = np.empty(energies.shape)
    for k, energy in enumerate(energies):
        turned = (coherent * np.exp(1j * energy[:, None] * t)).real
        made[k] = 2 * model.field[rows] ** 2 * np.trapezoid(turned, t, axis=1)
    return np.maximum(made, 0.0)


def _starts(bloch: Array) -> tuple[Array, Array]:
    """Initial configurations (n, N) and their probabilities: all, or some in place of all.

    Drawn ones come in pairs in which spins of no certain direction are opposite.
    """
    z = np.clip(bloch[:, 2], -1.0, 1.0)
    base = np.where(z >= 0, 1.0, -1.0)
    open_ = np.flatnonzero(np.abs(z) < 1 - 1e-9)
    if len(open_) <= _OPEN:
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=len(open_))))
        made = np.tile(base, (len(signs), 1))
        made[:, open_] = signs
        return made, np.prod((1 + made * z) / 2, axis=1)
    rng = np.random.default_rng(2)
    made = np.tile(base, (_CONFIGURATIONS, 1))
    half = np.where(rng.random((_CONFIGURATIONS // 2, len(open_))) < 0.5, 1.0, -1.0)
    made[:, open_] = np.concatenate([half, -half])
    shares = np.exp(np.log1p(made[:, open_] * z[open_]).sum(axis=1))
    return made, shares / shares.sum()


def _lifetime(g: Array, omega: Array, loss: Array, gain: Array, span: float) -> float:
    """A time after which no spin is coherent, at most the span."""
    when = span * 2.0 ** -np.arange(48)
    alive = np.abs(_coherence(g, omega, loss, gain, when)).max(axis=0) > _GONE / 10
    first = int(np.argmax(alive)) if alive.any() else len(when) - 1
    return float(when[max(first - 1, 0)])


def _apart(kernel: Array, t: Array, rate: Array, coherent: Array) -> Array:
    """The slip, 2 (p − W t), of kernels (n, T), from W t − p = ∫ s K ds + t ∫ₜ^∞ K ds."""
    flown = _cumulative(kernel, t)
    left = np.where(np.abs(coherent[:, -1]) > _GONE, rate - flown[:, -1], 0.0)
    tail = flown[:, -1:] - flown + left[:, None]
    return np.asarray(-2 * (_cumulative(kernel * t, t) + t * tail))


def _grid(span: float, dephasing: float, z: Array, energies: Array) -> Array:
    """Times up to the last, fine at first."""
    pace = float(np.abs(z).max(initial=0.0) + np.abs(energies).max(initial=0.0)) + dephasing
    first = 0.02 / max(pace, 1e-300)
    if first >= span / _GRID:
        return np.linspace(0, span, _GRID)
    return np.concatenate([[0.0], np.geomspace(first, span, _GRID - 1)])


def _at(values: Array, t: Array, where: Array) -> Array:
    """Rows of values interpolated."""
    return np.stack([np.interp(where, t, row) for row in values])


def _across(problem: Problem, rows: Array, kept: Array, t: Array) -> float:
    """How far the field turns components across the coupling axis to it, until they are lost."""
    model, initial = problem.model, problem.initial
    assert isinstance(model, DickeModel)
    across = initial.bloch[rows, 0] + 1j * initial.bloch[rows, 1]
    if not np.abs(across).any():
        return 0.0
    modes = Modes(
        model.frequencies[kept],
        model.loss[kept],
        model.gain[kept],
        initial.displacement[kept],
        initial.occupation[kept],
    )
    each = model.spins * len(rows) * int(kept.sum())
    large = each * len(t) > _MANY
    if large:
        t = t[:: len(t) // 48]
    found = kicks(modes, t)
    free = model.couplings[:, kept], initial.bloch[:, 2], rows, np.ones(model.spins), found
    factors = gaussian_factors(*free) if large else free_factors(*free).exact
    turned = 2 * model.field[rows, None] * (across[:, None] * factors).imag
    return float(np.abs(_cumulative(turned, t)).max())


def _cumulative(values: Array, t: Array) -> Array:
    """Integrals from 0 by the trapezoidal rule, along the last axis."""
    parts = 0.5 * (values[..., 1:] + values[..., :-1]) * np.diff(t)
    return np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(parts, axis=-1)], axis=-1)


def _coherence(g: Array, omega: Array, loss: Array, gain: Array, t: Array) -> Array:
    r"""C_i at times, (n, T): exp{−γt + Σ c₊(1−e^{−zt}) + c₋(1−e^{−z*t})}, all modes together."""
    damping = loss - gain
    n = gain / damping
    z = damping / 2 + 1j * omega
    q = 1 / z**2
    up = 1 - np.exp(-np.outer(z, t))
    part = (
        -np.outer((2 * n + 1) * (1 / z).real, t)
        + (n * q)[:, None] * up
        + ((n + 1) * q.conj())[:, None] * up.conj()
    )
    return np.asarray(np.exp(4 * g**2 @ part))


def _unsettled(
    bath: tuple[Array, Array, Array, Array],
    h: Array,
    sigma: Array,
    energy: Array,
    rate: Array,
    shift: Array,
    excess: Array,
    t: Array,
) -> Array:
    """The slip (n, T) where modes start `shift` and `excess` from where the spins keep them."""
    g, z, loss, gain = bath
    lags = _coherence(g, z.imag, loss, gain, t)
    path = (1 - np.exp(-np.outer(z, t))) / z[:, None]
    phase = energy[:, None] * t - 4 * sigma[:, None] * (g @ (shift[:, None] * path).real)
    size = len(t)
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    weight = np.tril(np.ones((size, size))) - 0.5 * np.eye(size)
    turned = np.exp(1j * phase)
    kernel = lags[:, steps] * turned[:, :, None] * turned[:, None, :].conj() * weight
    if excess.any():
        apart = np.abs(path[:, :, None] - path[:, None, :]) ** 2
        kernel = kernel * np.exp(-4 * np.tensordot(g**2 * excess, apart, 1))
    inner = kernel.real.sum(axis=2) * (t[1] - t[0]) * 2 * h[:, None] ** 2
    return 2 * _cumulative(inner - rate[:, None], t)


def _photons(model: DickeModel, problem: Problem, t: Array) -> float:
    """Photons of modes that settle while no spin flips, beside those of settled ones.

    Over max(1, photons), the worst of the times since the start.
    """
    initial = problem.initial
    kept = model.damping > 0
    z = (model.damping / 2 + 1j * model.frequencies)[kept]
    end = -1j * (initial.bloch[:, 2] @ model.couplings[:, kept]) / z
    spread = (1 - initial.bloch[:, 2] ** 2) @ model.couplings[:, kept] ** 2 / np.abs(z) ** 2
    occupation = model.stationary_occupation[kept]
    settled = float((np.abs(end) ** 2 + spread + occupation).sum())
    worst = 0.0
    for elapsed in t:
        left = np.exp(-z * elapsed)
        mean = end + left * (initial.displacement[kept] - end)
        excess = np.abs(left) ** 2 * (initial.occupation[kept] - occupation)
        there = np.abs(mean) ** 2 + spread * np.abs(1 - left) ** 2 + occupation + excess
        total = float(there.sum())
        worst = max(worst, abs(total - settled) / max(1.0, total))
    return worst


def _weight_of_pairs(g: Array, z: Array, hot: float) -> float:
    """Photons that hang on the product of two spins, at most, over max(1, photons)."""
    own = (g**2 / np.abs(z) ** 2).sum(axis=1)
    if len(own) < 2:
        return 0.0
    first, second = np.sort(own)[-2:]
    return float(len(own) * np.sqrt(first * second) / max(1.0, own.sum() + hot))


def _lagging(
    configurations: Array,
    shares: Array,
    rates: Array,
    rows: Array,
    bath: tuple[Array, ...],
    span: float,
    hot: float,
) -> float:
    """Photons by which modes lag behind flips, over max(1, photons).

    In the time 2/Γ that amplitudes take to follow, the flips out of a configuration change their
    number by so much, and each takes an amplitude through what lies between. Of the initial
    configurations the mean counts, of others the worst, as far as they are reached.
    """
    g, z, damping, everything = bath
    settle = min(2 / float(damping.min()), span)
    passing = min(4 / float(damping.min()), span)
    starts = len(shares)
    expected, later = np.zeros(2), 0.0
    for k, sigma in enumerate(configurations):
        force = sigma @ everything
        level = float((np.abs(force / z) ** 2).sum()) + hot
        flipped = force - 2 * sigma[rows, None] * g
        change = np.abs(((flipped**2 - force**2) / np.abs(z) ** 2).sum(axis=1))
        # Of an amplitude that turns from −α to α, |α|² lacks 4/Γ in all.
        change = change * settle + (g**2 / np.abs(z) ** 2).sum(axis=1) * passing
        many = len(everything) / len(rows)
        gained = float((rates[k] * change).sum()) * many
        if k < starts:
            expected += shares[k] * np.array([gained, level])
        else:
            reached = min(1.0, float(rates[k].sum()) * span * many)
            later = max(later, gained / max(1.0, level) * reached)
    return max(float(expected[0] / max(1.0, expected[1])), later)
