r"""Models, states and observables as QuTiP objects, and the Fock spaces of exact methods.

Operators are built on the product of collective spins and coupled modes. Of a problem that is not
reduced these are single spins and all modes: what a user writes down by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import reduce as chained
from typing import Any, NamedTuple

import numpy as np
import qutip
import scipy.sparse as sp
from scipy.special import eval_genlaguerre, gammaln

from opendicke.errors import InputError, shown
from opendicke.interop.primitives import Primitive, Question, level_values
from opendicke.interop.quantum_modes import QuantumModes, coherent_mode
from opendicke.measure.observables import Observable, find_observables
from opendicke.model.checks import Array, affordable, integer
from opendicke.model.collective import SpinSpace
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem, reduce
from opendicke.model.state import ProductState

SUGGESTED = 1e-8
"""Weight above the suggested cutoff, about."""


class QutipProblem(NamedTuple):
    """A model and a state as QuTiP knows them; unpacks as ``H, c_ops, e_ops, rho0``."""

    H: Any
    c_ops: list[Any]
    e_ops: dict[str, Any]
    rho0: Any
    """A ket where the state is pure, else a density matrix."""


def to_qutip(
    model: DickeModel | IsingModel,
    state: ProductState,
    levels: Any = None,
    observables: Any = None,
    *,
    reduced: bool = False,
) -> QutipProblem:
    r"""Hamiltonian, collapse operators, observables and initial state for QuTiP.

    .. math::
        H = \sum_\lambda \omega_\lambda a^\dagger_\lambda a_\lambda
          + \sum_{j\lambda} g_{j\lambda} Z_j (a_\lambda + a^\dagger_\lambda)
          + \sum_j h_j X_j, \qquad
        c_\lambda = \sqrt{\mathrm{loss}_\lambda}\,a_\lambda,\
        \sqrt{\mathrm{gain}_\lambda}\,a^\dagger_\lambda .

    Spins come first, then modes: dims ``[2] * N + levels``. Spin operators are Pauli matrices in
    the laboratory's axes, ``qutip.sigmax()`` and so on.

    Parameters
    ----------
    model, state
        What is simulated, and from where. Of an `IsingModel` there are spins only.
    levels : int or list of M ints, optional
        Fock states of each mode. By default a generous guess from how far the spins can drive a
        mode, its start and its heating: check it by raising it.
    observables : list of names, optional
        By default the mean spin and the photons.
    reduced : bool
        Of equal spins in equal states one collective spin (``qutip.jmat``, doubled), of degenerate
        modes the bright ones that couple. Where amplitudes or thermal photons of dark modes move,
        they are no operator, and observables that need them are refused.

    Returns
    -------
    H, c_ops, e_ops, rho0
        A named tuple. `e_ops` is a dictionary: names, with an index such as ``sz_spin[0]`` where an
        observable has dimensions, and operators. `rho0` is a ket or a density matrix.

    Raises
    ------
    InputError
        If an argument is not what it must be, an observable is no single operator, or the
        operators do not fit the memory.

    Examples
    --------
    >>> import opendicke as od, qutip
    >>> model = od.DickeModel([[1.7], [-0.9]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> H, c_ops, e_ops, rho0 = od.to_qutip(model, od.ProductState.polarized("-z"), levels=8)
    >>> H.dims
    [[2, 2, 8], [2, 2, 8]]
    """
    if not isinstance(state, ProductState):
        raise InputError("state", "be a ProductState", f"was {shown(state)}")
    check_finite(model, "to_qutip")
    problem = reduce(model, state, group=reduced, gauge=reduced, bright=reduced, pad=False)
    space = SpinSpace.of(problem) if reduced else SpinSpace.alone(problem)
    modes = QuantumModes.of(problem) if reduced else QuantumModes.of(problem, coupled=False)
    chosen = checked_levels(levels, space, modes)
    states = space.most[0] * math.prod(chosen)
    mixed = not space.pure or modes.occupation.any()
    needed = _bytes(space, modes, states) + (32 * states**2 if mixed else 0)
    affordable("levels", f"operators on {states} states", needed)
    asked = find_observables(
        (["sx", "sy", "sz", "photons"] if modes.count else ["sx", "sy", "sz"])
        if observables is None
        else observables
    )
    fock = FockSpace(problem, space, modes, chosen, problem.model.frame())
    with exactly():
        return QutipProblem(
            fock.hamiltonian(), fock.jumps(), dict(_operators(fock, asked)), fock.initial()
        )


def _bytes(space: SpinSpace, modes: QuantumModes, states: int) -> int:
    """Memory of the operators: those of every factor, their sums, and sums that are being made."""
    across = sum(1 if part.size == 2 else 2 for part in space.parts)  # entries of X in a row
    return 24 * states * (7 * across + 10 * modes.count + 6)


def exactly() -> Any:
    """QuTiP drops entries below 1e-12, whatever the unit of energy: here it keeps them."""
    return qutip.CoreOptions(auto_tidyup=False)


def check_finite(model: object, who: str) -> None:
    """Refuse what is no model of finitely many spins."""
    if not isinstance(model, (DickeModel, IsingModel)):
        raise InputError("model", "be a DickeModel or an IsingModel", f"was {shown(model)}")
    if model.thermodynamic:
        raise InputError(
            "model", f"have a finite number of spins for {who}", "was a thermodynamic limit"
        )


def checked_levels(levels: object, space: SpinSpace, modes: QuantumModes) -> tuple[int, ...]:
    """Fock states of each mode, those suggested where none are given."""
    if levels is None:
        return suggested_levels(space, modes)
    given = list(levels) if isinstance(levels, Iterable) else [levels] * modes.count
    if len(given) != modes.count:
        raise InputError(
            "levels", f"be a number or have one entry per mode ({modes.count})", f"had {len(given)}"
        )
    return tuple(integer("levels", each, least=2) for each in given)


def suggested_levels(
    space: SpinSpace, modes: QuantumModes, weight: float = SUGGESTED
) -> tuple[int, ...]:
    """Fock states that hold all but about `weight` of every mode, from the largest forces."""
    rows = np.stack([part.couplings[modes.kept] for part in space.parts])
    amplitudes = modes.amplitudes(space.counts @ np.abs(rows))
    thermal = np.maximum(modes.thermal, modes.occupation)
    spread = math.sqrt(-math.log(weight))
    made = []
    for amplitude, hot in zip(amplitudes, thermal, strict=True):
        # A displaced thermal state reaches about as far as its amplitude and a few widths.
        reach = amplitude + spread * math.sqrt(hot + 0.3 if amplitude or hot else 0.1)
        tail = -math.log(weight) / math.log1p(1 / hot) if hot > 0 else 0.0
        made.append(max(4, math.ceil(max(reach**2, tail if not amplitude else reach**2) + 3)))
    return tuple(made)


@dataclass(frozen=True, eq=False)
class FockSpace:
    """The product of collective spins and truncated modes."""

    problem: Problem
    space: SpinSpace
    modes: QuantumModes
    levels: tuple[int, ...]
    frame: Array
    """Rows X, Y, Z in the components of the basis: the identity diagonalises Z."""

    @property
    def dims(self) -> list[int]:
        """Sizes of the factors: spins, then modes."""
        return [*(part.size for part in self.space.parts), *self.levels]

    def spin_sum(self, part: int, component: int) -> Any:
        """Sum of X, Y or Z over one part."""
        if (part, component) not in self._sums:
            self._sums[part, component] = self._made_sum(part, component)
        return self._sums[part, component]

    @cached_property
    def _sums(self) -> dict[tuple[int, int], Any]:
        return {}

    def _made_sum(self, part: int, component: int) -> Any:
        own = SpinSpace((self.space.parts[part],), np.zeros(1, int), np.ones(1)).sums[0]
        turned = sum(self.frame[component, axis] * own[axis] for axis in range(3))
        return self._placed({part: qutip.Qobj(turned.tocsr())})

    @cached_property
    def lowering(self) -> list[Any]:
        """b of every mode."""
        first = len(self.space.parts)
        return [
            self._placed({first + mode: qutip.destroy(size)})
            for mode, size in enumerate(self.levels)
        ]

    def _placed(self, factors: dict[int, Any]) -> Any:
        """An operator that acts on some factors only."""
        return qutip.tensor(
            [factors.get(k) or qutip.qeye(size) for k, size in enumerate(self.dims)]
        )

    def hamiltonian(self) -> Any:
        """H."""
        modes = self.modes
        total = 0 * self.one
        for number, part in enumerate(self.space.parts):
            if part.field:
                total = total + part.field * self.spin_sum(number, 0)
        for mode, b in enumerate(self.lowering):
            force = self.force(mode)
            total = total + modes.frequencies[mode] * b.dag() * b + force * (b + b.dag())
        if self.problem.strengths is not None:
            for mode, strength in enumerate(self.problem.strengths):
                total = total - strength * self.force(mode, all_columns=True) ** 2
        return total

    @cached_property
    def one(self) -> Any:
        """The identity."""
        return qutip.tensor([qutip.qeye(size) for size in self.dims])

    def force(self, mode: int, *, all_columns: bool = False) -> Any:
        """Σ_j g_j Z_j of one kept mode, or of one column of the problem."""
        column = mode if all_columns else self.modes.kept[mode]
        total = 0 * self.one
        for number, part in enumerate(self.space.parts):
            total = total + part.couplings[column] * self.spin_sum(number, 2)
        return total

    def jumps(self) -> list[Any]:
        """Collapse operators."""
        made = []
        for loss, gain, b in zip(self.modes.loss, self.modes.gain, self.lowering, strict=True):
            if loss:
                made.append(math.sqrt(loss) * b)
            if gain:
                made.append(math.sqrt(gain) * b.dag())
        return made

    def initial(self) -> Any:
        """The initial state, a ket if it is pure."""
        pure = self.space.pure and not self.modes.occupation.any()
        factors = [_spin_state(part, self.frame, pure) for part in self.space.parts]
        for size, alpha, hot in zip(
            self.levels, self.modes.displacement, self.modes.occupation, strict=True
        ):
            factors.append(displaced_thermal(size, complex(alpha), float(hot), pure))
        return qutip.tensor(factors)

    def operator(self, primitive: Primitive) -> Any:
        """One primitive."""
        if primitive.level is not None:
            return self._projector(primitive.level)
        made = self.one
        if primitive.spins:
            sums = [self.spin_sum(c, a) for c, a in primitive.spins]
            made = sums[0] if len(sums) == 1 else (sums[0] * sums[1] + sums[1] * sums[0]) / 2
        created = [self.lowering[mode].dag() for mode in primitive.created]
        annihilated = [self.lowering[mode] for mode in primitive.annihilated]
        return chained(lambda a, b: a * b, [*created, *annihilated], made)

    def _projector(self, level: int) -> Any:
        if not np.array_equal(self.frame, np.eye(3)):
            made = self.one
            values = level_values(self.space)[level]
            for number, part in enumerate(self.space.parts):
                z = self.spin_sum(number, 2)
                made = made * _at_value(z, float(values[number]), part.count)
            return made
        values = level_values(self.space)[level]
        inside = (self.space.z == values).all(axis=1).astype(float)
        spins = [part.size for part in self.space.parts]
        diagonal = sp.diags_array(inside.astype(complex)).tocsr()
        return qutip.tensor(
            qutip.Qobj(diagonal, dims=[spins, spins]), *(qutip.qeye(n) for n in self.levels)
        )


def _at_value(operator: Any, value: float, count: int) -> Any:
    """Projector on an eigenvalue of a sum of Pauli matrices, by Lagrange's polynomial."""
    made = 1.0
    for other in range(-count, count + 1, 2):
        if abs(other - value) > 0.5:
            made = made * ((operator - other) / (value - other))
    return made


def _spin_state(part: Any, frame: Array, pure: bool) -> Any:
    """A collective spin's state in the basis of the frame."""
    if not np.array_equal(frame, np.eye(3)):
        part = type(part)(part.count, part.couplings, part.field, part.bloch @ frame)
    if pure:
        return qutip.Qobj(part.sectors[0].vector[:, None])
    blocks = sp.block_diag([sp.coo_array(each.state) for each in part.sectors])
    return qutip.Qobj(sp.csr_matrix(blocks))


def displaced_thermal(size: int, alpha: complex, hot: float, pure: bool = False) -> Any:
    """A mode's displaced thermal state in `size` Fock states, with trace 1."""
    if pure or hot == 0:
        ket = qutip.Qobj(coherent_mode(size, alpha)[:, None])
        return ket if pure else ket.proj()
    if alpha == 0:
        weights = (hot / (1 + hot)) ** np.arange(size)
        return qutip.Qobj(sp.diags_array((weights / weights.sum()).astype(complex)).tocsr())
    # In a space that holds what the displacement brings in from above.
    wide = size + math.ceil(abs(alpha) ** 2 + 8 * abs(alpha) * math.sqrt(hot + 1) + 30 * hot + 10)
    turn = displacement(size, alpha, wide)
    inside = (turn * (hot / (1 + hot)) ** np.arange(wide)) @ turn.conj().T
    return qutip.Qobj(inside / np.trace(inside).real)


def _operators(fock: FockSpace, asked: Sequence[Observable]) -> Iterator[tuple[str, Any]]:
    """Name and operator of every entry of every observable."""
    model = fock.problem.model
    for item in asked:
        if item.combine is not None:
            raise InputError(
                "observables", "be operators", f"`{item.name}` is a function of expectation values"
            )
        question = Question(fock.problem, fock.space, fock.modes, [item], np.array([0.0, 1.0]))
        ((part,),) = question.linear.values()
        if part.entropy or part.moving or np.ptp(part.constant, axis=0).any():
            raise InputError(
                "observables",
                "be operators of what is left of the model (reduced=False keeps everything)",
                f"`{item.name}` also depends on what moves by itself",
            )
        shape = item.shape(model)
        known = [fock.operator(each) for each in question.primitives]
        for entry, index in enumerate(np.ndindex(*shape)):
            row = part.matrix[[entry], :].tocoo()
            made = part.constant[0, entry] * fock.one
            for column, value in zip(row.coords[1], row.data, strict=True):
                made = made + complex(value) * known[int(column)]
            suffix = f"[{','.join(map(str, index))}]" if shape else ""
            yield f"{item.name}{suffix}", (made + made.dag()) / 2


def displacement(size: int, amplitude: complex, wide: int | None = None) -> Array:
    r"""⟨m|D(α)|n⟩ for m below `size` and n below `wide`, elements of the infinite matrix.

    For m ≥ n, :math:`\sqrt{n!/m!}\,\alpha^{m-n} e^{-|\alpha|^2/2} L_n^{(m-n)}(|\alpha|^2)`; the
    other half has −α* in place of α.
    """
    wide = size if wide is None else wide
    if amplitude == 0:
        return np.eye(size, wide, dtype=complex)
    m, n = np.ogrid[:size, :wide]
    low, apart = np.minimum(m, n), np.abs(m - n)
    square = abs(amplitude) ** 2
    logs = (gammaln(low + 1) - gammaln(low + apart + 1)) / 2 + apart * np.log(abs(amplitude))
    values = np.exp(logs - square / 2) * eval_genlaguerre(low, apart, square)
    phase = np.where(m >= n, np.angle(amplitude), np.angle(-np.conj(amplitude)))
    return np.asarray(values * np.exp(1j * apart * phase))
