"""Equations of motion in Fock space, from QuTiP's operators: state vectors and density matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import qutip
import scipy.sparse as sp

from opendicke.interop.displaced import DisplacedSpace
from opendicke.interop.primitives import Question
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.interop.qutip import FockSpace, exactly
from opendicke.methods.linear_system import LinearSystem, in_real_numbers, reading
from opendicke.model.checks import Array
from opendicke.model.collective import SpinSpace
from opendicke.model.reduce import Problem


def fock_system(
    problem: Problem,
    space: SpinSpace,
    modes: QuantumModes,
    levels: tuple[int, ...],
    question: Question,
    *,
    displaced: bool,
) -> LinearSystem:
    """Schrödinger's equation where nothing is lost and the start is pure, else the master equation.

    Coherences between different total spins of one collective spin never arise and are left out.
    """
    fock = fock_space(problem, space, modes, levels, displaced=displaced)
    with exactly():
        hamiltonian, jumps, start = fock.hamiltonian(), fock.jumps(), fock.initial()
        operators = [sparse(fock.operator(item)) for item in question.primitives]
    masks = _top(space, levels)
    if start.isket and not jumps:
        return _schroedinger(sparse(hamiltonian), start.full()[:, 0], operators, masks)
    density = start.proj() if start.isket else start
    generator, partner = master_equation(sparse(hamiltonian), [sparse(c) for c in jumps])
    vector = density.full().ravel(order="F")
    size = density.shape[0]
    right, left = np.divmod(np.arange(size**2), size)
    sector = np.repeat(space.sector, size // space.size)
    inside = np.flatnonzero(sector[left] == sector[right])
    rows = [_row(operator) for operator in operators]
    rows += [_row(sp.diags_array(mask.astype(complex)).tocsr()) for mask in masks]
    table = sp.csr_array(sp.vstack(rows, format="csr"))
    if len(inside) < size**2:
        table = sp.csr_array(table[:, inside])
        generator = generator[inside][:, inside]
        place = np.full(size**2, -1)
        place[inside] = np.arange(len(inside))
        vector, partner = vector[inside], place[partner[inside]]
    generator, vector, table = in_real_numbers(generator, vector, table, partner)
    count = len(operators)
    tops = table[count:].tocsr()

    def top(state: Array) -> Array:
        return np.asarray(np.abs((tops @ state).real))

    return LinearSystem(generator, vector, reading(table[:count].tocsr()), top)


def _row(operator: sp.csr_array) -> sp.csr_array:
    """Tr[O ρ] of ρ with its columns one after the other: entry (c, r) of O at c D + r."""
    table = operator.tocoo()
    size = operator.shape[0]
    places = table.coords[0].astype(np.int64) * size + table.coords[1]
    return sp.csr_array((table.data, (np.zeros(len(places), int), places)), shape=(1, size**2))


def fock_space(
    problem: Problem,
    space: SpinSpace,
    modes: QuantumModes,
    levels: tuple[int, ...],
    *,
    displaced: bool,
) -> FockSpace:
    """Operators in a basis that diagonalises Z."""
    kind = DisplacedSpace if displaced else FockSpace
    return kind(problem, space, modes, levels, np.eye(3))


def master_equation(
    hamiltonian: sp.csr_array, jumps: list[sp.csr_array]
) -> tuple[sp.csr_array, Array]:
    """QuTiP's Liouvillian for columns one after the other, and where the conjugate of each is."""
    with exactly():
        liouvillian = qutip.liouvillian(
            qutip.Qobj(sp.csr_matrix(hamiltonian)), [qutip.Qobj(sp.csr_matrix(c)) for c in jumps]
        )
    size = hamiltonian.shape[0]
    right, left = np.divmod(np.arange(size**2), size)
    return sparse(liouvillian), left * size + right


def _schroedinger(
    hamiltonian: sp.csr_array, start: Array, operators: list[sp.csr_array], masks: list[Array]
) -> LinearSystem:
    def read(state: Array) -> Array:
        return np.array([np.vdot(state, operator @ state) for operator in operators])

    def top(state: Array) -> Array:
        weights = np.abs(state) ** 2
        return np.array([weights @ mask for mask in masks])

    return LinearSystem((-1j * hamiltonian).tocsr(), start, read, top)


def _top(space: SpinSpace, levels: tuple[int, ...]) -> list[Array]:
    """For every mode 1 where it is in its highest Fock state, over the whole space."""
    masks = []
    for mode in range(len(levels)):
        mask = np.ones(space.size)
        for other, size in enumerate(levels):
            own = np.zeros(size) if other == mode else np.ones(size)
            if other == mode:
                own[-1] = 1.0
            mask = np.multiply.outer(mask, own).ravel()
        masks.append(mask)
    return masks


def sparse(operator: Any) -> sp.csr_array:
    """The matrix of a QuTiP object."""
    return sp.csr_array(operator.to("CSR").data_as("csr_matrix"))
