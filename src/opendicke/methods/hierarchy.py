r"""The hierarchy: damped modes integrated out exactly, in moments that damping makes small.

With :math:`N_{mn} = \mathrm{Tr}_b[a^{\dagger n}a^m\rho]` and the thermal part taken off,
:math:`\sum_{mn} u^m v^n\tilde N_{mn}/(m!n!) = e^{-suv}\sum_{mn} u^m v^n N_{mn}/(m!n!)`, the
matrices :math:`f_{mn} = \tilde N_{mn}/(\ell^{m+n}\sqrt{m!n!})` of spins alone obey

.. math::
    \dot f_{mn} = -\left[(m+n)\tfrac{\Gamma}{2} + i(m-n)\omega\right] f_{mn}
      - i\Big[\sum_j h_jX_j, f_{mn}\Big]
      - i\ell\left(\sqrt{m+1}\,[V, f_{m+1,n}] + \sqrt{n+1}\,[V, f_{m,n+1}]\right)
      - \tfrac{i\sqrt m}{\ell}\left((s+1)Vf_{m-1,n} - s f_{m-1,n}V\right)
      - \tfrac{i\sqrt n}{\ell}\left(sVf_{m,n-1} - (s+1)f_{m,n-1}V\right)
      + \tfrac{(\bar n-s)\Gamma}{\ell^2}\sqrt{mn}\,f_{m-1,n-1}

with :math:`V = \sum_j g_jZ_j`: for :math:`s=\bar n` the hierarchical equations of a bath with the
two exponents Γ/2 ± iω (Tanimura, Phys. Rev. A 41 (1990) 6676). :math:`f_{00}` is the state of the
spins. All levels with :math:`\sum(m+n)` up to a depth are kept, over all modes.

Where damping is weak and coherences between configurations die by dephasing, these run up the
ladder of levels and would be thrown back by its end. An absorber takes them out before: damping
that grows smoothly with the level, in proportion to the difference of forces
:math:`|V_\sigma-V_{\sigma'}|`, so that populations never feel it. It fades as the depth grows.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import gammaln

from opendicke.interop.primitives import Primitive, Question, level_values
from opendicke.interop.quantum_modes import QuantumModes
from opendicke.methods.linear_system import LinearSystem, in_real_numbers, reading
from opendicke.model.checks import Array
from opendicke.model.collective import SpinSpace

_ABSORBER = 1.0
_RISE = 4
"""Power of the level at which the absorber rises."""


def level_count(modes: int, depth: int) -> int:
    """Levels of a hierarchy."""
    return math.comb(2 * modes + depth, depth)


class Hierarchy:
    """The equations of one problem at one depth."""

    def __init__(self, space: SpinSpace, modes: QuantumModes, depth: int) -> None:
        self.space, self.modes, self.depth = space, modes, depth
        self.order = modes.thermal
        """s of every mode."""
        self.scale = np.sqrt(modes.thermal + 0.5)
        """ℓ of every mode."""
        self.absorbing = False
        """Whether the absorber of any mode exceeds its damping; known with the generator."""
        self.levels = _simplex(2 * modes.count, depth)
        """(m₁, n₁, m₂, n₂, …) of each level, (Q, 2L)."""
        self._weights = (depth + 2) ** np.arange(2 * modes.count)
        codes = self.levels @ self._weights
        self._sorted = np.argsort(codes)
        self._codes = codes[self._sorted]
        same = space.sector[:, None] == space.sector[None, :]
        self.left, self.right = np.nonzero(same)

    def find(self, levels: Array) -> Array:
        """Numbers of some levels, −1 where there is none."""
        codes = levels @ self._weights
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        known = (self._codes[places] == codes) & (levels >= 0).all(axis=1)
        return np.asarray(np.where(known, self._sorted[places], -1))

    def _hop(self, change: dict[int, int], values: Array) -> sp.csr_array:
        """Matrix that takes level + change to level with `values` of each level."""
        moved = self.levels.copy()
        for axis, step in change.items():
            moved[:, axis] += step
        source = self.find(moved)
        kept = (source >= 0) & (values != 0)
        count = len(self.levels)
        return sp.csr_array(
            (values[kept], (np.flatnonzero(kept), source[kept])), shape=(count, count)
        )

    def generator(self) -> sp.csr_array:
        """A, of levels ⊗ pairs of states."""
        modes, levels = self.modes, self.levels
        forces = self.space.forces[:, :]
        left, right = self.left, self.right
        field = self.space.field
        turning = _restricted(field, left, right)
        one = sp.eye_array(len(levels), format="csr")
        total = sp.kron(one, -1j * turning, format="csr")
        decay = np.zeros((len(levels), len(left)), complex)
        for mode in range(modes.count):
            m, n = levels[:, 2 * mode], levels[:, 2 * mode + 1]
            force = forces[:, modes.kept[mode]]
            v, w = force[left], force[right]
            s, scale = self.order[mode], self.scale[mode]
            natural = (m + n) * modes.damping[mode] / 2
            decay -= (natural + 1j * (m - n) * modes.frequencies[mode])[:, None]
            absorber = _ABSORBER * scale * math.sqrt(self.depth) * ((m + n) / self.depth) ** _RISE
            besides = np.multiply.outer(absorber, np.abs(v - w)) - natural[:, None]
            self.absorbing |= bool((besides > 0).any())
            decay -= np.maximum(besides, 0)
            up = self._hop({2 * mode: 1}, scale * np.sqrt(m + 1.0))
            up = up + self._hop({2 * mode + 1: 1}, scale * np.sqrt(n + 1.0))
            total = total + sp.kron(up, _diagonal(-1j * (v - w)), format="csr")
            down = self._hop({2 * mode: -1}, np.sqrt(m) / scale)
            total = total + sp.kron(down, _diagonal(-1j * ((s + 1) * v - s * w)), format="csr")
            down = self._hop({2 * mode + 1: -1}, np.sqrt(n) / scale)
            total = total + sp.kron(down, _diagonal(-1j * (s * v - (s + 1) * w)), format="csr")
        total = total + sp.diags_array(decay.ravel())
        return sp.csr_array(total)

    def start(self) -> Array:
        """Product of the spins' state and displaced thermal modes."""
        modes, levels = self.modes, self.levels
        column = np.ones(len(levels), complex)
        for mode in range(modes.count):
            m, n = levels[:, 2 * mode], levels[:, 2 * mode + 1]
            column *= _initial(
                m,
                n,
                complex(modes.displacement[mode]),
                float(modes.occupation[mode] - self.order[mode]),
                float(self.scale[mode]),
            )
        density = self.space.density().toarray()[self.left, self.right]
        return np.outer(column, density).ravel()

    @cached_property
    def partner(self) -> Array:
        """Index of the complex conjugate of every entry."""
        swapped = np.empty_like(self.levels)
        swapped[:, 0::2], swapped[:, 1::2] = self.levels[:, 1::2], self.levels[:, 0::2]
        level = self.find(swapped)
        size = self.space.size
        code = self.left * size + self.right
        order = np.argsort(code)
        pair = order[np.searchsorted(code[order], self.right * size + self.left)]
        return (level[:, None] * len(pair) + pair[None, :]).ravel()

    def row(self, primitive: Primitive) -> sp.csr_array:
        """What a primitive is of the unknowns, (1, n)."""
        pairs = self._spin_row(primitive)
        levels = self._mode_row(primitive.created, primitive.annihilated)
        return sp.kron(levels, pairs, format="csr")

    def _spin_row(self, primitive: Primitive) -> sp.csr_array:
        """Tr[O f] over pairs (r, c): entry O_cr."""
        if primitive.level is not None:
            inside = (self.space.z == level_values(self.space)[primitive.level]).all(axis=1)
            operator = sp.diags_array(inside.astype(complex)).tocsr()
        elif not primitive.spins:
            operator = sp.eye_array(self.space.size, dtype=complex).tocsr()
        else:
            sums = [self.space.sums[c][a] for c, a in primitive.spins]
            operator = sums[0]
            if len(sums) == 2:
                operator = ((sums[0] @ sums[1] + sums[1] @ sums[0]) / 2).tocsr()
        return sp.csr_array(np.asarray(operator[self.right, self.left]).reshape(1, -1))

    def _mode_row(self, created: tuple[int, ...], annihilated: tuple[int, ...]) -> sp.csr_array:
        """⟨∏b† ∏b⟩ as levels: N_mn = Σ_k s^k k! C(m,k) C(n,k) Ñ_(m−k)(n−k) for each mode."""
        choices: list[list[tuple[int, int, float]]] = []
        for mode in range(self.modes.count):
            n, m = created.count(mode), annihilated.count(mode)
            s, scale = float(self.order[mode]), float(self.scale[mode])
            own = []
            for k in range(min(m, n) + 1):
                a, b = m - k, n - k
                size = scale ** (a + b) * math.sqrt(math.factorial(a) * math.factorial(b))
                times = s**k * math.factorial(k) * math.comb(m, k) * math.comb(n, k)
                own.append((a, b, size * times))
            choices.append(own)
        values = np.zeros(len(self.levels))
        for combination in product(*choices):
            level = np.array([[x for a, b, _ in combination for x in (a, b)]], int)
            place = self.find(level.reshape(1, -1))[0]
            if place >= 0:
                values[place] += math.prod(each for _, _, each in combination)
        return sp.csr_array(values.reshape(1, -1))

    def system(self, question: Question) -> LinearSystem:
        """The equations with what is asked, in real numbers."""
        rows = sp.vstack([self.row(item) for item in question.primitives], format="csr")
        generator, start, rows = in_real_numbers(self.generator(), self.start(), rows, self.partner)
        last = self._real(np.repeat(self.levels.sum(axis=1) == self.depth, len(self.left)))

        def top(state: Array) -> Array:
            share = np.abs(state[last]).max(initial=0.0) / np.abs(state).max()
            return np.full(self.modes.count, share)

        return LinearSystem(generator, start, reading(rows), top, smooth=not self.absorbing)

    def _real(self, labels: Array) -> Array:
        """Labels of the unknowns, for the real numbers that take their place."""
        own = self.partner == np.arange(len(labels))
        first = np.arange(len(labels)) < self.partner
        return np.concatenate([labels[own], labels[first], labels[first]])

    @property
    def blocks(self) -> Array:
        """Combination of total spins of each real unknown: blocks that nothing connects."""
        return self._real(np.tile(self.space.sector[self.left], len(self.levels)))


def _initial(m: Array, n: Array, alpha: complex, excess: float, scale: float) -> Array:
    """f_mn of a displaced thermal state, from exp(uα + vα* + excess·uv)."""
    made = np.zeros(len(m), complex)
    logs = np.log(abs(alpha)) if alpha else -math.inf
    for k in range(int(min(m.max(initial=0), n.max(initial=0))) + 1):
        inside = (m >= k) & (n >= k)
        if k and not excess:
            break
        a, b = m[inside] - k, n[inside] - k
        weight = 0.5 * (gammaln(m[inside] + 1) + gammaln(n[inside] + 1))
        weight -= gammaln(k + 1) + gammaln(a + 1) + gammaln(b + 1)
        weight -= (m[inside] + n[inside]) * math.log(scale)
        if k:
            weight += k * math.log(abs(excess))
        with np.errstate(invalid="ignore"):
            weight = weight + np.where(a + b > 0, (a + b) * logs, 0.0)
        sign = 1.0 if excess >= 0 else (-1.0) ** k
        made[inside] += sign * np.exp(weight + 1j * (a - b) * np.angle(alpha))
    return made


def _diagonal(values: Array) -> Any:
    return sp.diags_array(values.astype(complex))


def _restricted(field: sp.csr_array, left: Array, right: Array) -> sp.csr_array:
    """The commutator with an operator on the kept pairs of states."""
    size = field.shape[0]
    one = sp.eye_array(size, format="csr")
    full = (sp.kron(field, one) - sp.kron(one, field.T)).tocsr()
    if len(left) == size**2:
        return sp.csr_array(full)
    chosen = left * size + right
    return sp.csr_array(full[chosen][:, chosen])


def _simplex(axes: int, depth: int) -> Array:
    """All rows of non-negative integers whose sum is at most `depth`, (Q, axes)."""
    rows = np.zeros((1, 0), int)
    for _ in range(axes):
        left = depth - rows.sum(axis=1)
        repeated = np.repeat(rows, left + 1, axis=0)
        last = np.concatenate([np.arange(room + 1) for room in left])
        rows = np.concatenate([repeated, last[:, None]], axis=1)
    return rows[np.argsort(rows.sum(axis=1), kind="stable")]
