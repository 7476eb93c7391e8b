"""Stationary probabilities of the rate equation, without stepping in time.

Cold chains hold relaxation rates over six decades and more, so that stepping never arrives. Here
the balance of all configurations is solved by a Krylov method (generalised conjugate residuals),
preconditioned by aggregation (`aggregation.py`). The residual is weighted by flux: inflow and
outflow of every configuration are compared relative to their size, and so are those of the sets of
configurations in the coarser levels, because a tiny flux between valleys decides their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from opendicke.errors import InputError
from opendicke.methods.aggregation import DAMPING, Hierarchy, log_weights
from opendicke.methods.generator import Generator, unfold
from opendicke.methods.generator import memory as generator_memory
from opendicke.model.checks import Array, affordable

Report = Callable[[float, str], None]

KEPT = 4
"""Directions to which a new one is made orthogonal."""
STEPS = 12
"""Krylov steps before the weights are renewed."""
SWEEPS = 2
"""Sweeps that smooth new weights."""
PATIENCE = 6
"""Renewals of the weights that need not halve the residual."""
STRIDE = 1e3
"""Factor by which a sweep may change a weight."""
DEEPEST = 600.0
"""Logarithm of the smallest weight relative to the largest in the first guess."""


class Stationary(NamedTuple):
    """Stationary probabilities and how well they are known."""

    probabilities: Array
    """(2^N,), summing to 1."""
    residual: float
    """Largest |inflow − outflow| relative to the outflow, of configurations and sets of them."""
    single: float
    """The same of single configurations only."""
    rounding: float
    """What rounding may hide of it, where a set has large flows inside and small ones outside."""
    products: float
    """Work, in products of the generator with 2^(N−1) values; building levels counts as well."""
    converged: bool
    """Whether the residual met the tolerance."""


def stationary(
    generator: Generator,
    tolerance: float = 1e-10,
    report: Report | None = None,
    most: float = 1500.0,
) -> Stationary:
    r"""Solve :math:`Lp = 0`.

    Parameters
    ----------
    generator : Generator
        Of N spins.
    tolerance : float
        Allowed residual, relative to fluxes.
    report
        Called with the part of the way to the tolerance and a short text.
    most : float
        Products after which to give up.

    Returns
    -------
    Stationary
        The best probabilities found; `converged` says whether the residual met the tolerance.

    Raises
    ------
    InputError
        If a spin never flips, as stationary probabilities then depend on the initial ones, or if
        the memory does not suffice.
    """
    what = f"the stationary state of 2^{generator.spins} configurations"
    affordable("model", what, memory(generator.spins))
    frozen = generator.frozen()
    if frozen:
        raise InputError(
            "model",
            "let every spin flip for a unique stationary state",
            f"spin {frozen[0]} does not",
        )
    logs = log_weights(generator)
    weights = np.exp(np.maximum(logs - logs.max(), -DEEPEST))
    weights /= weights.sum()
    best, lowest, lowest_single, rounding = weights, np.inf, np.inf, np.inf
    spent, first, stale = 0.0, None, 0
    while True:
        weights = _smoothed(generator, weights)
        spent += SWEEPS
        hierarchy = Hierarchy(generator, weights)
        r = hierarchy.residual(np.ones(generator.half), np.zeros(generator.half))
        single, residual, hidden = hierarchy.imbalance(r)
        stale = 0 if residual < 0.5 * lowest else stale + 1
        if residual < lowest or lowest == np.inf:
            best, lowest, lowest_single, rounding = weights, residual, single, hidden
        first = residual if first is None else first
        if report is not None:
            report(_way(first, lowest, tolerance), f"residual {lowest:.1e}")
        if lowest <= tolerance or spent > most or stale > PATIENCE or not np.isfinite(residual):
            break
        change = _solved(hierarchy, r, tolerance)
        weights = weights * np.maximum(1 + change, 0.01)
        weights /= weights.sum()
        spent += hierarchy.products
    spent += hierarchy.products
    return Stationary(
        unfold(best[None]) / (2 * best.sum()),
        lowest,
        lowest_single,
        rounding,
        spent,
        lowest <= tolerance,
    )


def memory(spins: int) -> int:
    """Bytes for N spins: rates, the flows of all levels, and some twenty vectors of half size."""
    return int(2 * generator_memory(spins) + (2 * KEPT + 18) * 8 * 2 ** (spins - 1))


def _way(first: float, now: float, tolerance: float) -> float:
    """The part of the way, in decades, from the first residual to the tolerance."""
    if now <= tolerance:
        return 1.0
    return float(np.clip(np.log(first / now) / np.log(first / tolerance), 0.0, 1.0))


def _smoothed(generator: Generator, weights: Array) -> Array:
    """Weights after sweeps of Jacobi's method, undamped where they are far off."""
    flow = np.empty((1, generator.half))
    exits = np.maximum(generator.exits, 1e-300)
    for _ in range(SWEEPS):
        target = generator.fluxes(weights[None], flow)[0] / exits
        np.clip(target, weights / STRIDE, weights * STRIDE, out=target)
        far = np.abs(target - weights) > 0.5 * weights
        target *= np.where(far, 1.0, DAMPING)
        weights = np.maximum(target + np.where(far, 0.0, 1 - DAMPING) * weights, 1e-290)
        weights /= weights.sum()
    return weights


def _solved(hierarchy: Hierarchy, r: Array, tolerance: float) -> Array:
    """y with M y = r, by generalised conjugate residuals in the norm weighted by flux."""
    scale = np.sqrt(hierarchy.levels[0].out)
    solution, zero = np.zeros_like(r), np.zeros_like(r)
    rest = r / scale
    directions = np.zeros((KEPT, len(r)))
    images = np.zeros((KEPT, len(r)))
    start = float(np.linalg.norm(rest)) / float(np.linalg.norm(scale))
    # Far from the solution the weights are renewed soon: they decide what the sets can do.
    goal, steps = (start * 1e-2, 4) if start > 0.1 else (start * 1e-4, STEPS)
    for step in range(steps):
        direction = hierarchy.cycle(rest * scale)
        image = hierarchy.residual(direction, zero) / -scale
        shares = images @ image
        image -= shares @ images
        direction -= shares @ directions
        size = float(np.linalg.norm(image))
        if not size > 0:
            break
        image /= size
        direction /= size
        along = float(image @ rest)
        solution += along * direction
        rest -= along * image
        images[step % KEPT], directions[step % KEPT] = image, direction
        if np.linalg.norm(rest) / np.linalg.norm(scale) < goal:
            break
        if start < 1e-2 and hierarchy.imbalance(rest * scale)[1] < 0.1 * tolerance:
            break
    return solution
