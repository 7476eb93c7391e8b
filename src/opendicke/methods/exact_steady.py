r"""The stationary state of the master equation, found without following it in time.

With the trace :math:`t`, for which :math:`tA = 0`, and any u with tu ≠ 0, the solution of
:math:`(A + ut)x = u` has trace 1 and :math:`Ax = 0`. All other eigenvalues of A stay, so that the
inverse also gives the one nearest to zero: the slowest relaxation rate, or a sign that the
stationary state is not unique.

The equations of a hierarchy and of small density matrices are solved by a sparse factorisation,
those of larger density matrices of D states by GMRES, with the part without jumps as
preconditioner,

.. math::
    \mathcal L_0\rho = -iH_{\mathrm{eff}}\rho + i\rho H_{\mathrm{eff}}^\dagger,\qquad
    H_{\mathrm{eff}} = H - \tfrac i2\sum_c c^\dagger c,

whose inverse needs matrices of D × D only: a Sylvester equation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs, gmres, splu

from opendicke.model.checks import Array

FACTORISED = 16_000
"""Unknowns of a hierarchy up to which its matrix is factorised."""
SMALL = 3_600
"""Unknowns of a density matrix up to which that of its equations is; iteration is faster above."""
_UNIQUE = 1e-13
"""Relaxation slower than this times the largest rate cannot be told from none."""
_TIGHT = 1e-12
"""Relative residual that GMRES goes on to."""
_APART = 1e-6
"""Two solutions that differ by more than this are two states."""


class Steady(NamedTuple):
    """A stationary state of trace 1, and how well it is known."""

    state: Array | None
    """None where the equations have no single solution."""
    residual: float
    """Largest entry of A x."""
    slowest: float
    """Size of the eigenvalue nearest to zero but one: about 1/relaxation time. NaN: unknown."""


def factorised(generator: sp.csr_array, trace: Array) -> Steady:
    """x with A x = 0 and trace 1, by a sparse factorisation."""
    size = len(trace)
    if size == 1:
        return Steady(1 / trace, 0.0, float("inf"))
    norm = float(abs(generator).sum(axis=0).max())
    source = np.zeros(size)
    source[int(np.argmax(np.abs(trace)))] = norm
    border = sp.csr_array(source[:, None]) @ sp.csr_array(trace[None, :])
    bordered = (generator + border).tocsc()
    try:
        # Pivots near the diagonal keep the factors small; two refinements make up for it.
        solve = splu(
            bordered,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.01,
            options={"SymmetricMode": True},
        ).solve
    except RuntimeError:  # exactly singular
        return Steady(None, 0.0, 0.0)
    state = solve(source)
    for _ in range(2):
        state = state - solve(bordered @ state - source)
    slowest = _slowest(solve, size)
    if not np.isfinite(state).all() or slowest <= _UNIQUE * norm:
        return Steady(None, 0.0, slowest)
    state = state / (trace @ state)
    return Steady(state, float(np.abs(generator @ state).max()), slowest)


def _slowest(solve: Callable[[Array], Array], size: int) -> float:
    """Size of the smallest eigenvalue besides that of the stationary state."""
    if size < 8:
        inverse = np.stack([solve(row) for row in np.eye(size)], axis=1)
        return float(1 / np.abs(np.linalg.eigvals(inverse)).max())
    operator = LinearOperator((size, size), solve, dtype=float)
    start = np.random.default_rng(0).normal(size=size)
    try:
        largest = eigs(operator, k=2, which="LM", v0=start, tol=1e-3, return_eigenvectors=False)
    except ArpackError as error:
        largest = getattr(error, "eigenvalues", np.zeros(0, complex))
    return float(1 / np.abs(largest).max()) if len(largest) else float("nan")


def iterated(hamiltonian: sp.csr_array, jumps: list[sp.csr_array]) -> Steady:
    """ρ with L ρ = 0 and trace 1, (D, D), by GMRES from two starts."""
    size = hamiltonian.shape[0]
    effective = (hamiltonian - 0.5j * sum(c.conj().T @ c for c in jumps)).tocsr()
    back = effective.conj().T.tocsr()
    adjoints = [c.conj().T.tocsr() for c in jumps]
    inverse = _without_jumps(effective)

    def flow(rho: Array) -> Array:
        made = -1j * (effective @ rho) + 1j * (rho @ back)
        for jump, adjoint in zip(jumps, adjoints, strict=True):
            made = made + jump @ rho @ adjoint
        return np.asarray(made)

    found, unfinished = [], False
    for source in (np.eye(size) / size, _first(size)):
        scale = float(abs(effective).max())

        def apply(vector: Array, source: Array = source, scale: float = scale) -> Array:
            rho = vector.reshape(size, size)
            return np.asarray(inverse(flow(rho) + scale * np.trace(rho) * source).ravel())

        operator = LinearOperator((size**2, size**2), apply, dtype=complex)
        wanted = inverse(scale * source.astype(complex)).ravel()
        vector, info = gmres(operator, wanted, rtol=_TIGHT, atol=0.0, restart=80, maxiter=25)
        unfinished |= info != 0
        rho = vector.reshape(size, size)
        rho = (rho + rho.conj().T) / 2
        found.append(rho / np.trace(rho).real)
    apart = float(np.abs(found[0] - found[1]).max())
    residual = float(np.abs(flow(found[0])).max())
    if not np.isfinite(apart) or (apart > _APART and not unfinished):
        return Steady(None, residual, 0.0)
    # Where the iteration has not finished, how far its two ends are apart says how good they are.
    return Steady(found[0], max(residual, apart if unfinished else 0.0), float("nan"))


def _first(size: int) -> Array:
    source = np.zeros((size, size))
    source[0, 0] = 1.0
    return source


def _without_jumps(effective: sp.csr_array) -> Callable[[Array], Array]:
    """Inverse of ρ → −iHρ + iρH†, by the Schur form of H."""
    triangle, basis = scipy.linalg.schur(-1j * effective.toarray(), output="complex")
    solver: Any = scipy.linalg.get_lapack_funcs("trsyl", (triangle,))

    def solve(right: Array) -> Array:
        turned = basis.conj().T @ right @ basis
        made, scale, _ = solver(triangle, triangle, turned, tranb="C")
        return np.asarray(basis @ (made / scale) @ basis.conj().T)

    return solve
