r"""Linear equations of motion with constant coefficients, for exact methods.

A state vector, a density matrix or a hierarchy of them is one vector v with
:math:`\dot v = Av`. The exponential acts on it in steps of its Taylor series, of a length that the
norm of A sets (Al-Mohy and Higham, SIAM J. Sci. Comput. 33 (2011) 488), or, where times are long
and the system small, in a Krylov space of inverses (`rational_krylov`): the error is that of
rounding; it is measured all the same. SciPy's ``expm_multiply`` does the same with norms taken
after every product, which for the few hundred unknowns of a hierarchy is most of its time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from opendicke.methods.rational_krylov import exponentials
from opendicke.model.checks import Array

_STEP = 12.0
"""Largest norm of step × A: e^12 times rounding is lost at most where terms cancel."""
_HIGHEST = 100
"""Terms of the series, at most; 60 bring 12^k/k! below rounding."""
_ROUNDING = 1e-17
SMALL = 6000
"""Unknowns up to which a factorisation is cheap."""
STIFF = 1000.0
"""Norm × time above which it pays, and twice the unknowns."""
_AHEAD = 8.0
"""One factorisation serves times up to this many times the first."""
_AT_ONCE = 1 << 23
"""Numbers of states that are held at a time, at most."""


@dataclass(frozen=True, eq=False)
class LinearSystem:
    """Equations of motion, a start, and what is read from a state."""

    generator: sp.csr_array
    start: Array
    """(n,)"""
    read: Callable[[Array], Array]
    """Primitives (P,) of a state (n,), complex."""
    top: Callable[[Array], Array]
    """Weight of a state at the truncation of every mode, (L,): a probability in Fock space, of a
    hierarchy the largest entry of the last level relative to the largest of all."""
    smooth: bool = True
    """Whether errors of the truncation fall geometrically as the cutoff grows."""

    @property
    def unknowns(self) -> int:
        """n; a complex number counts as two."""
        return len(self.start) * (2 if np.iscomplexobj(self.start) else 1)


class Followed(NamedTuple):
    """A solution at the output times."""

    values: Array
    """Primitives, (T, P)."""
    top: Array
    """Largest weight at the truncation over times, (L,)."""


def follow(
    system: LinearSystem,
    elapsed: Array,
    report: Callable[[float], None] | None = None,
    *,
    halved: bool = False,
) -> Followed:
    """States at increasing times after the start, read one after the other.

    With `halved`, every interval is made in two halves: the difference shows the error of steps.
    """
    values, tops = [], []
    for number, state in enumerate(_states(system, elapsed, halved)):
        values.append(system.read(state))
        tops.append(system.top(state))
        if report is not None:
            report((number + 1) / len(elapsed))
        if not np.isfinite(state).all():
            shape = (len(elapsed) - number - 1, len(values[0]))
            values.extend(np.full(shape, np.nan))
            break
    return Followed(np.array(values), np.max(tops, axis=0))


def _states(system: LinearSystem, elapsed: Array, halved: bool) -> Iterator[Array]:
    size = len(system.start)
    shift = system.generator.trace() / size
    shifted = (system.generator - shift * sp.eye_array(size, format="csr")).tocsr()
    norm = _norm(shifted)
    state, at, number = system.start, 0.0, 0
    stiff = size <= SMALL
    while number < len(elapsed):
        span = float(elapsed[number]) - at
        if span == 0:
            yield state
            number += 1
            continue
        # Times ahead that one space of inverses covers.
        reach = max(_AHEAD * span, at)
        count = int(np.searchsorted(elapsed[number:] - at, reach * (1 + 1e-9), side="right"))
        count = max(1, min(count, _AT_ONCE // size))
        ahead = elapsed[number : number + count] - at
        made = None
        if stiff and norm * float(ahead[-1]) > max(STIFF, 2.0 * size):
            made = exponentials(system.generator, state, ahead, finer=halved)
            if made is None:
                made = _in_pieces(system.generator, state, span, halved)
            stiff = made is not None
        if made is None:
            made = _stepped(shifted, shift, norm, state, span, halved)[None]
        yield from made
        state, at = made[-1], float(elapsed[number + len(made) - 1])
        number += len(made)


def _in_pieces(generator: sp.csr_array, state: Array, span: float, halved: bool) -> Array | None:
    """A time too long for one space of inverses, (1, n), in ten or a hundred."""
    for pieces in (10, 100):
        reached, done = state, 0
        while done < pieces:
            made = exponentials(generator, reached, np.array([span / pieces]), finer=halved)
            if made is None:
                break
            reached, done = made[0], done + 1
        if done == pieces:
            return np.asarray(reached[None])
    return None


def _stepped(
    shifted: sp.csr_array, shift: complex, norm: float, state: Array, span: float, halved: bool
) -> Array:
    """exp(span A) v in steps of the Taylor series."""
    steps = (math.ceil(norm * span / _STEP) or 1) * (2 if halved else 1)
    growth = np.exp(shift * span / steps)
    for _ in range(steps):
        state = _taylor(shifted, state, span / steps) * growth
    return state


def _taylor(generator: sp.csr_array, state: Array, step: float) -> Array:
    """exp(step A) v by its series, until terms are below rounding."""
    term = total = state
    for order in range(1, _HIGHEST):
        term = generator @ term
        term *= step / order
        total = total + term
        if order % 4 == 0 and np.abs(term).max() <= _ROUNDING * np.abs(total).max():
            break
    return total


def _norm(generator: sp.csr_array) -> float:
    """Largest sum of sizes in a column."""
    return float(abs(generator).sum(axis=0).max()) if generator.nnz else 0.0


def in_real_numbers(
    generator: sp.csr_array, start: Array, rows: sp.csr_array, partner: Array
) -> tuple[sp.csr_array, Array, sp.csr_array]:
    """Equations for the real numbers behind a vector with v[partner] = v* at all times.

    Of a pair (v, v*) the new unknowns are √2 Re v and √2 Im v: half the storage, and a quarter of
    the multiplications. Returns the generator, the start and the rows that read from it.
    """
    size = len(start)
    own = np.flatnonzero(partner == np.arange(size))
    first = np.flatnonzero(np.arange(size) < partner)
    second = partner[first]
    half, pairs = np.sqrt(0.5), len(first)
    real = len(own) + np.arange(pairs)
    imaginary = real + pairs
    turn = sp.csr_array(
        (
            np.concatenate(
                [
                    np.ones(len(own), complex),
                    np.full(2 * pairs, half),
                    np.full(pairs, -1j * half),
                    np.full(pairs, 1j * half),
                ]
            ),
            (
                np.concatenate([np.arange(len(own)), real, real, imaginary, imaginary]),
                np.concatenate([own, first, second, first, second]),
            ),
        ),
        shape=(size, size),
    )
    back = turn.conj().T.tocsr()
    made = (turn @ generator @ back).tocsr().real
    made.eliminate_zeros()
    return made, (turn @ start).real, (rows @ back).tocsr()


def reading(rows: sp.csr_array) -> Callable[[Array], Array]:
    """Primitives that are linear in the state."""

    def read(state: Array) -> Array:
        return np.asarray(rows @ state)

    return read
