r"""The frame of conditional displacement: every configuration sees its modes around its own point.

With :math:`U = \sum_\sigma |\sigma\rangle\langle\sigma|\otimes D(\beta_\sigma)` and
:math:`\beta_\sigma = -V_\sigma/(\omega-i\Gamma/2)`, where the modes of configuration σ settle,
operators become :math:`U^\dagger OU`: :math:`b\to b+B`, :math:`B=\sum_\sigma\beta_\sigma
|\sigma\rangle\langle\sigma|`, and a spin operator's element between σ′ and σ gains
:math:`D(\beta_{\sigma'})^\dagger D(\beta_\sigma) = D(\beta_\sigma-\beta_{\sigma'})
e^{i\,\mathrm{Im}(\beta_{\sigma'}^*\beta_\sigma)}`. Few Fock states are needed where displacements
are large and thermal photons few.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import qutip
import scipy.sparse as sp

from opendicke.interop.primitives import Primitive
from opendicke.interop.qutip import FockSpace, displaced_thermal, displacement
from opendicke.model.checks import Array


class DisplacedSpace(FockSpace):
    """The product of collective spins and truncated modes in the displaced frame."""

    @cached_property
    def centres(self) -> Array:
        """β of every state of the spins and every mode, (D, L)."""
        rate = self.modes.damping / 2 + 1j * self.modes.frequencies
        forces = self.space.forces[:, self.modes.kept]
        pull = np.divide(-1j, rate, out=np.zeros(self.modes.count, complex), where=rate != 0)
        return np.asarray(forces * pull)

    @cached_property
    def lowering(self) -> list[Any]:
        """b + B of every mode."""
        first = len(self.space.parts)
        spins = [part.size for part in self.space.parts]
        made = []
        for mode, size in enumerate(self.levels):
            plain = self._placed({first + mode: qutip.destroy(size)})
            centre = qutip.Qobj(sp.diags_array(self.centres[:, mode]).tocsr(), dims=[spins, spins])
            made.append(plain + qutip.tensor(centre, *(qutip.qeye(n) for n in self.levels)))
        return made

    def _made_sum(self, part: int, component: int) -> Any:
        return self.dressed(self.space.sums[part][component])

    def dressed(self, operator: sp.csr_array) -> Any:
        """A spin operator with the displacements that it brings, on the whole space."""
        table = operator.tocoo()
        rows, columns = table.coords
        change = self.centres[columns] - self.centres[rows]
        twist = (self.centres[rows].conj() * self.centres[columns]).imag.sum(axis=1)
        values = table.data * np.exp(1j * twist)
        keyed = np.round(np.concatenate([change.real, change.imag], axis=1), 12) + 0.0
        _, first, kind = np.unique(keyed, axis=0, return_index=True, return_inverse=True)
        kind = np.ravel(kind)
        states = len(self.centres)
        size = states * int(np.prod(self.levels, initial=1))
        total = sp.csr_array((size, size), dtype=complex)
        for number, place in enumerate(first):
            own = kind == number
            spins = sp.csr_array((values[own], (rows[own], columns[own])), shape=(states, states))
            turn = sp.csr_array(np.ones((1, 1), complex))
            for mode, levels in enumerate(self.levels):
                amplitude = complex(change[place, mode])
                factor = displacement(levels, amplitude) if amplitude else sp.eye_array(levels)
                turn = sp.csr_array(sp.kron(turn, factor))
            total = total + sp.kron(spins, turn, format="csr")
        return qutip.Qobj(sp.csr_array(total), dims=[self.dims, self.dims])

    def operator(self, primitive: Primitive) -> Any:
        """One primitive; products of spin operators are made before they are displaced."""
        if len(primitive.spins) == 2:
            (c, a), (d, b) = primitive.spins
            first, second = self.space.sums[c][a], self.space.sums[d][b]
            rest = super().operator(primitive._replace(spins=()))
            return self.dressed(((first @ second + second @ first) / 2).tocsr()) * rest
        return super().operator(primitive)

    def initial(self) -> Any:
        """The initial state, a ket if it is pure."""
        modes = self.modes
        if self.space.pure and not modes.occupation.any():
            spins = self.space.vector()
            columns = []
            for centres, amplitude in zip(self.centres, spins, strict=True):
                ket = np.ones(1, complex) * amplitude
                for size, alpha, beta in zip(self.levels, modes.displacement, centres, strict=True):
                    # D(−β)D(α)|0⟩
                    twist = np.exp(1j * (-beta * np.conj(alpha)).imag)
                    own = displaced_thermal(size, complex(alpha - beta), 0.0, True).full()[:, 0]
                    ket = np.multiply.outer(ket, twist * own).ravel()
                columns.append(ket)
            vector = np.concatenate(columns)
            dims = [self.dims, [1] * len(self.dims)]
            return qutip.Qobj((vector / np.linalg.norm(vector))[:, None], dims=dims)
        return qutip.Qobj(self._mixed(), dims=[self.dims, self.dims])

    def _mixed(self) -> sp.csr_array:
        """U†ρU block by block: |σ⟩⟨σ′| ⊗ D(β_σ)† ρ D(β_σ′) for every mode."""
        wide, modes = _wide(self), self.modes
        states = [
            displaced_thermal(many, complex(alpha), float(hot)).full()
            for many, alpha, hot in zip(wide, modes.displacement, modes.occupation, strict=True)
        ]
        turns = [
            [displacement(size, complex(-beta[mode]), wide[mode]) for beta in self.centres]
            for mode, size in enumerate(self.levels)
        ]
        spins = self.space.density().tocoo()
        inside = math.prod(self.levels)
        blocks: list[list[Any]] = [[None] * self.space.size for _ in range(self.space.size)]
        for left, right, weight in zip(*spins.coords, spins.data, strict=True):
            block = np.full((1, 1), complex(weight))
            for mode, state in enumerate(states):
                turned = turns[mode][left] @ state @ turns[mode][right].conj().T
                block = np.kron(block, turned)
            blocks[left][right] = sp.csr_array(block)
        for number in range(self.space.size):
            if blocks[number][number] is None:
                blocks[number][number] = sp.csr_array((inside, inside), dtype=complex)
        made = sp.csr_array(sp.block_array(blocks, format="csr"))
        return sp.csr_array(made / made.trace())


def _wide(space: DisplacedSpace) -> list[int]:
    """Fock states of a laboratory space that holds the start."""
    reach = np.abs(space.centres).max(axis=0) + np.abs(space.modes.displacement)
    return [
        int(size + np.ceil(far**2 + 8 * far * np.sqrt(hot + 1) + 30 * hot + 10))
        for size, far, hot in zip(space.levels, reach, space.modes.occupation, strict=True)
    ]
