r"""Where there are too many variables for their covariances: how fast coherence is lost.

A spin across the coupling axis loses coherence to free modes and to the other spins, as if nothing
turned these: :math:`|F| = \exp(-2\sum_\lambda g_\lambda^2v_\lambda - \tfrac12\sum_l\theta_l^2)`
with the integrals of `free`, which mean field does not know. The field that the spin made itself
turns it by :math:`\chi = \sum_\lambda 2g_\lambda^2\varphi_\lambda` in truncated Wigner. Both times
the component across the axis that there is, or that the field makes, are the estimate. It counts
as long as the field has not mixed all, :math:`2|h|t < 1`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from opendicke.advising.fluctuations import Cluster
from opendicke.advising.free import Modes, kicks
from opendicke.advising.off import Off

_TIMES = 16
_ROWS = 256


class Short(NamedTuple):
    """Estimated deviations."""

    mean_field: Off
    wigner: Off
    short: bool
    """Whether the times are short enough for them to count."""


def short_times(cluster: Cluster, span: float) -> Short:
    """Estimate the deviations of mean field and truncated Wigner at short times."""
    t = np.linspace(0, span, _TIMES + 1)[1:]
    modes = Modes(
        cluster.frequencies, cluster.loss, cluster.gain, cluster.displacement, cluster.occupation
    )
    found = kicks(modes, t)
    g, count = cluster.couplings, cluster.count
    rows = np.arange(len(g))
    if len(g) > _ROWS:  # the strongest, and some at random
        strongest = np.argsort((g**2).sum(axis=1))[-_ROWS // 2 :]
        drawn = np.random.default_rng(0).choice(len(g), _ROWS // 2, replace=False)
        rows = np.union1d(strongest, drawn)
    own = g[rows]
    gram = (g * count[:, None]).T @ g
    lost = 2 * own**2 @ found.spread
    alone = 2 * own**2 @ found.pushed
    for k in range(len(t)):
        angle = own * found.pushed[:, k]
        others = 4 * np.einsum("il,il->i", angle @ gram, angle) - 4 * angle.sum(axis=1) ** 2
        lost[:, k] += 0.5 * np.maximum(others, 0)
    across = np.hypot(cluster.bloch[rows, 0], cluster.bloch[rows, 1])[:, None]
    turned = 2 * np.abs(cluster.field[rows])[:, None] * t
    there = np.minimum(1.0, across + turned)
    field = float((-np.expm1(-lost) * there).max())
    wigner = float(((1 - np.cos(np.minimum(np.abs(alone), np.pi))) * there).max())
    spread = (count[:, None] * g**2).sum(axis=0)[:, None] * np.abs(found.response) ** 2
    settled = np.abs(((count * cluster.bloch[:, 2]) @ g)[:, None] * found.response) ** 2
    photons = settled + spread + cluster.occupation[:, None]
    noise = float((spread.sum(axis=0) / np.maximum(1.0, photons.sum(axis=0))).max())
    return Short(Off(field, noise), Off(wigner, 0.0), bool(turned.max() < 1))
