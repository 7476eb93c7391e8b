"""Splitting schemes as lists of coefficients: a new order is a new entry."""

from __future__ import annotations

from typing import NamedTuple

from opendicke.errors import InputError, shown
from opendicke.model.checks import integer, real


class Scheme(NamedTuple):
    """Symmetric composition A(a₁) B(b₁) A(a₂) B(b₂) … B(b_s) A(a_{s+1}).

    A is the rotation by the field, B the flow of bosons and coupling.
    """

    order: int
    field: tuple[float, ...]
    coupling: tuple[float, ...]


def _symmetric(order: int, field: tuple[float, ...], coupling: tuple[float, ...]) -> Scheme:
    """Complete a palindrome from its first halves; the last entries follow from consistency."""
    middle = 1 - 2 * sum(field)
    inner = 0.5 - sum(coupling)
    half = (*coupling, inner)
    return Scheme(order, (*field, middle, *reversed(field)), (*half, *reversed(half)))


SCHEMES = {
    2: Scheme(2, (0.5, 0.5), (1.0,)),
    # Blanes and Moan, J. Comput. Appl. Math. 142 (2002) 313, Table 2: six stages, order 4.
    4: _symmetric(
        4,
        (0.0792036964311957, 0.353172906049774, -0.0420650803577195),
        (0.209515106613362, -0.143851773179818),
    ),
}


def checked(order: object, step: object) -> tuple[int, float | None]:
    """The two settings that methods by splitting share: a known order, a positive step or none."""
    number = integer("order", order)
    if number not in SCHEMES:
        known = " or ".join(map(str, SCHEMES))
        raise InputError("order", f"be {known}", f"was {shown(number)}")
    return number, None if step is None else real("step", step, above=0)
