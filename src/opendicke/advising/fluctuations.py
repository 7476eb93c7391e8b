r"""How far mean field and truncated Wigner are off, by the equations for covariances.

Moments of first and second order of spins and modes close when third cumulants are dropped. With
:math:`\varphi_k = 2\sum_\lambda g_{k\lambda}\mathrm{Re}\,a_\lambda` and
:math:`\dot s_k = L_k s_k`, :math:`L_k = 2(h_k \hat X\times + \varphi_k \hat Z\times)`, for means m
and covariances C in symmetric order

.. math::
    \dot m_k = L_k m_k + 2\hat Z\times\mathrm{Cov}(\varphi_k, s_k), \qquad
    \dot C = AC + CA^T + N,

A the Jacobian of the classical flow at m and N the noise of loss and gain. This holds for quantum
and for classical spins; what differs is the covariance of a spin with itself. A quantum spin has
:math:`\tfrac12\{s^\alpha, s^\beta\} = \delta_{\alpha\beta}`, so that
:math:`\mathrm{Cov}(s_k, s_k) = 1 - m_k m_k^T` at all times. A spin of truncated Wigner begins with
that and then follows the classical flow, so that it feels the field that it made itself. Three
solutions are compared: without covariances (mean field), with those of quantum spins, and with
those of classical spins. The first differs from the second by the error of mean field, and the
third by that of truncated Wigner, as long as correlations are small enough for third cumulants to
be smaller still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.integrate import DOP853

from opendicke.advising.free import Modes, free_deviations
from opendicke.advising.off import Off
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.model.checks import Array
from opendicke.model.reduce import Problem

MOST_VARIABLES = 600
"""Means up to which covariances are followed; their number is the square."""
_EACH = 3e7
"""Numbers that one evaluation may touch, about."""
_WORK = 2e9
"""The same for all together: seconds of one core."""
_CALL = 2e5
"""Numbers that could be touched while one evaluation only calls what touches them."""
_LEAST = 240
"""Evaluations that are made in any case, if need be."""
_GONE = 0.6
"""Deviation of mean field at which correlations are no longer small, and the search ends."""
_ACCURACY = 1e-4


@dataclass(frozen=True, eq=False)
class Cluster:
    """Classes of K equal spins in equal states and the L modes that couple, as bare arrays."""

    couplings: Array
    """(K, L)."""
    field: Array
    """(K,)."""
    bloch: Array
    """Bloch vectors in the frame (X, Y, Z), (K, 3)."""
    count: Array
    """Spins of each class, (K,)."""
    frequencies: Array
    loss: Array
    gain: Array
    displacement: Array
    occupation: Array
    other_photons: Array
    """Photons of all that does not couple, at the output times, (T,)."""
    thermal_photons: Array
    """Those of coupled modes without spins and displacement, (T,)."""

    @classmethod
    def of(cls, problem: Problem, times: Array) -> Cluster:
        """The classes of a reduced problem of spins and modes."""
        modes = QuantumModes.of(problem)
        lift, elapsed = problem.spin_lift, times - times[0]
        gauged = problem.initial.bloch.copy()
        gauged[:, 1:] *= lift.sign[:, None]
        rows = np.column_stack([lift.group, np.round(gauged, 12) + 0.0])
        _, first, count = np.unique(rows, axis=0, return_index=True, return_counts=True)
        group = lift.group[first]
        dark = np.abs(modes.dark_amplitude(elapsed)) ** 2 + modes.dark_photons(elapsed)
        decay = np.exp(-np.multiply.outer(elapsed, modes.damping))
        left = modes.occupation * decay + np.where(
            modes.damping > 0, modes.thermal * (1 - decay), 0.0
        )
        return cls(
            modes.couplings[group],
            problem.field[group],
            gauged[first],
            count.astype(float),
            modes.frequencies,
            modes.loss,
            modes.gain,
            modes.displacement,
            modes.occupation,
            dark.sum(axis=1),
            left.sum(axis=1),
        )

    @property
    def variables(self) -> int:
        """Number of means."""
        return int(2 * len(self.frequencies) + 3 * len(self.field))

    def strength(self, span: float) -> float:
        r"""How strongly modes and a spin are entangled, :math:`S = \max_k\sum_\lambda
        4g_{k\lambda}^2(2n_\lambda + 1)/|z_\lambda|^2`, with \|z\| at least one over the time."""
        damping = self.loss - self.gain
        size = np.hypot(self.frequencies, damping / 2)
        size = np.maximum(size, 1 / span if span else np.inf)
        settled = np.divide(self.gain, damping, out=np.zeros(len(size)), where=damping > 0)
        hot = 2 * np.maximum(self.occupation, settled) + 1
        return float((4 * self.couplings**2 @ (hot / size**2)).max(initial=0.0))

    def free(self, elapsed: Array, *, alone: bool = False) -> tuple[Off, Off]:
        """Deviations of mean field and truncated Wigner at times, as if without field.

        `alone` leaves out photons of what does not couple.
        """
        modes = Modes(self.frequencies, self.loss, self.gain, self.displacement, self.occupation)
        other = np.zeros(len(elapsed)) if alone else self.other_photons
        return free_deviations(self.couplings, self.bloch, self.count, modes, other, elapsed)

    @property
    def work(self) -> float:
        """Numbers that one evaluation of the equations for covariances touches, about."""
        mixed = 8 * len(self.field) * len(self.frequencies)
        return 3.0 * self.variables * (12 * self.variables + mixed)

    @property
    def small(self) -> bool:
        """Whether covariances can be followed in a few seconds."""
        return self.variables <= MOST_VARIABLES and self.work <= _EACH


class Fluctuations(NamedTuple):
    """Estimated deviations, the largest at any time; infinite where there is no estimate."""

    mean_field: Off
    wigner: Off
    followed: bool
    """Whether correlations stayed small enough, up to the last time."""
    until: float
    """Time up to which they were followed."""


def fluctuations(cluster: Cluster, times: Array) -> Fluctuations:
    """Estimate the deviations of mean field and of truncated Wigner from exact.

    Parameters
    ----------
    cluster : Cluster
        A small one.
    times : array (T,)
        Output times.

    Returns
    -------
    Fluctuations
        Their search ends where mean field is off by more than 0.6, and after a bounded number of
        steps.
    """
    motion = _Motion(cluster)
    elapsed = times - times[0]
    state = motion.start()
    worst = np.zeros(4)
    reached = 1  # at the start all agree
    if elapsed[-1] == 0:
        return Fluctuations(Off(0.0, 0.0), Off(0.0, 0.0), True, 0.0)
    with np.errstate(all="ignore"):
        solver = DOP853(
            lambda _, y: motion.rhs(y), 0.0, state, elapsed[-1], rtol=_ACCURACY, atol=_ACCURACY
        )
        most = max(_LEAST, _WORK / (_CALL + cluster.work))
        while reached < len(times) and solver.status == "running" and solver.nfev < most:
            solver.step()
            if not np.isfinite(solver.y).all():
                break
            if elapsed[reached] <= solver.t:
                dense = solver.dense_output()
            while reached < len(times) and elapsed[reached] <= solver.t:
                worst = np.maximum(worst, motion.deviations(dense(elapsed[reached]), reached))
                reached += 1
            if worst[0] > _GONE:
                break
    done = reached == len(times)
    if not done or not np.isfinite(worst).all():
        # What is gone is gone; of truncated Wigner nothing is known.
        gone = worst[0] > _GONE
        lost = Off(float(worst[0]), float(worst[1])) if gone else Off(np.inf, np.inf)
        return Fluctuations(lost, Off(np.inf, np.inf), False, float(elapsed[reached - 1]))
    return Fluctuations(
        Off(*map(float, worst[:2])), Off(*map(float, worst[2:])), True, float(elapsed[-1])
    )


class _Motion:
    """The equations of motion of three closures at once, on flat vectors.

    Each has means: quadratures (Re a, Im a) of L modes, then spins (K, 3); covariances of these,
    between different spins; and the covariance of each class's spin with itself, (K, 3, 3), which
    is followed where spins are classical.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._c = cluster
        self._modes, self._spins = len(cluster.frequencies), len(cluster.field)
        self._size = cluster.variables
        self._damping = (cluster.loss - cluster.gain) / 2
        self._drive = (cluster.couplings * cluster.count[:, None]).T
        self._noise = np.tile((cluster.loss + cluster.gain) / 4, 2)

    def start(self) -> Array:
        """The initial values of all."""
        c, size, modes = self._c, self._size, self._modes
        mean = np.concatenate([c.displacement.real, c.displacement.imag, c.bloch.ravel()])
        spread = np.zeros((size, size))
        index = np.arange(2 * modes)
        spread[index, index] = np.tile((c.occupation + 0.5) / 2, 2)
        own = np.eye(3) - c.bloch[:, :, None] * c.bloch[:, None, :]
        one = np.concatenate([mean, spread.ravel()])
        return np.concatenate([mean, one, one, own.ravel()])

    def _parts(self, y: Array) -> tuple[Array, tuple[Array, Array], tuple[Array, Array], Array]:
        size = self._size
        one = size + size**2
        quantum, classical = y[size : size + one], y[size + one : size + 2 * one]
        return (
            y[:size],
            (quantum[:size], quantum[size:].reshape(size, size)),
            (classical[:size], classical[size:].reshape(size, size)),
            y[size + 2 * one :].reshape(-1, 3, 3),
        )

    def rhs(self, y: Array) -> Array:
        """Time derivatives of all."""
        bare, quantum, classical, own = self._parts(y)
        spins = quantum[0][2 * self._modes :].reshape(-1, 3)
        exact_own = np.eye(3) - spins[:, :, None] * spins[:, None, :]
        first = self._moved(bare[:, None], self._force(bare))[:, 0]
        second = self._closed(*quantum, exact_own)
        third = self._closed(*classical, own)
        return np.concatenate([first, *second[:2], *third])

    def _force(self, mean: Array) -> Array:
        """φ of each class."""
        return np.asarray(2 * self._c.couplings @ mean[: self._modes])

    def _moved(self, columns: Array, force: Array) -> Array:
        """The classical flow in given fields φ on columns of variables, (size, n)."""
        modes = self._modes
        q, p = columns[:modes], columns[modes : 2 * modes]
        spins = columns[2 * modes :].reshape(self._spins, 3, -1)
        x, y, z = spins[:, 0], spins[:, 1], spins[:, 2]
        omega, damping = self._c.frequencies[:, None], self._damping[:, None]
        field, turn = 2 * self._c.field[:, None], 2 * force[:, None]
        out = np.empty_like(columns)
        out[:modes] = omega * p - damping * q
        out[modes : 2 * modes] = -omega * q - damping * p - self._drive @ z
        turned = out[2 * modes :].reshape(self._spins, 3, -1)
        turned[:, 0] = -turn * y
        turned[:, 1] = turn * x - field * z
        turned[:, 2] = field * y
        return out

    def _closed(self, mean: Array, spread: Array, own: Array) -> tuple[Array, Array, Array]:
        modes, g = self._modes, self._c.couplings
        force = self._force(mean)
        spins = mean[2 * modes :].reshape(-1, 3)
        across = np.stack([-spins[:, 1], spins[:, 0], np.zeros(self._spins)], axis=1)
        # Cov(φ_k, ·), (K, size).
        felt = 2 * g @ spread[:modes]
        mine = felt[:, 2 * modes :].reshape(self._spins, self._spins, 3)
        index = np.arange(self._spins)
        mine = mine[index, index]
        drift = self._moved(mean[:, None], force)[:, 0]
        pushed = drift[2 * modes :].reshape(-1, 3)
        pushed[:, 0] -= 2 * mine[:, 1]
        pushed[:, 1] += 2 * mine[:, 0]
        half = self._moved(spread, force)
        turned = half[2 * modes :].reshape(self._spins, 3, -1)
        turned += 2 * across[:, :, None] * felt[:, None, :]
        # A spin drives the modes by itself, and by others of its class, not as another of them.
        pairs = spread[2 * modes :, 2 * modes :].reshape(self._spins, 3, self._spins, 3)
        apart = own[:, 2] - pairs[index, 2, index]
        driven = half[modes : 2 * modes, 2 * modes :].reshape(modes, self._spins, 3)
        driven -= g.T[:, :, None] * apart
        change = half + half.T
        diagonal = np.arange(2 * modes)
        change[diagonal, diagonal] += self._noise
        turn = np.zeros((self._spins, 3, 3))
        turn[:, 0, 1], turn[:, 1, 0] = -2 * force, 2 * force
        turn[:, 1, 2], turn[:, 2, 1] = -2 * self._c.field, 2 * self._c.field
        grown = turn @ own + 2 * across[:, :, None] * mine[:, None, :]
        return drift, change.ravel(), (grown + grown.transpose(0, 2, 1)).ravel()

    def _photons(self, mean: Array, spread: Array) -> float:
        """Photons of the coupled modes."""
        index = np.arange(2 * self._modes)
        return float((mean[index] ** 2 + spread[index, index]).sum()) - self._modes / 2

    def deviations(self, y: Array, place: int) -> Array:
        """Of mean field and of classical spins from quantum ones, spins and photons of each, (4,).

        `place` is that of the output time.
        """
        bare, quantum, classical, _ = self._parts(y)
        other = self._c.other_photons[place]
        spins = quantum[0][2 * self._modes :]
        photons = self._photons(*quantum) + other
        alone = (bare[: 2 * self._modes] ** 2).sum() + self._c.thermal_photons[place] + other
        made: list[float] = []
        for mean, there in (
            (bare, alone),
            (classical[0], self._photons(*classical) + other),
        ):
            made.append(float(np.abs(mean[2 * self._modes :] - spins).max(initial=0.0)))
            made.append(float(abs(there - photons) / max(1.0, abs(photons))))
        return np.array(made)
