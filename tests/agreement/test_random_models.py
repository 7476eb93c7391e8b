"""Small models of every kind against the Lindblad equation written in QuTiP, all observables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import opendicke as od
from reference_exact import OF_MODES, OF_SPINS, Case, by_qutip, check, solved

TIMES = (0.0, 0.5, 1.2)


def model(couplings: Any, frequencies: Any, axes: str = "zx", **rates: Any) -> od.DickeModel:
    return od.DickeModel(couplings, frequencies, coupling_axis=axes[0], field_axis=axes[1], **rates)


def table() -> dict[str, Case]:
    """Each with something that a reduction, a basis or a sign could get wrong."""
    return {
        "one mixed spin, displaced and thermal mode, gain": Case(
            model([[0.4]], 1.0, loss=0.9, gain=0.2, field=0.7),
            [0.3, -0.5, 0.4],
            0.5 - 0.3j,
            0.15,
            levels=(26,),
        ),
        "kelly2021's axes": Case(
            model([[0.35], [-0.2]], 1.2, "xz", loss=0.6, gain=0.1, field=[0.8, 0.3]),
            [[0.2, 0.6, 0.5], [-0.7, 0.1, 0.6]],
            0.3j,
            levels=(16,),
        ),
        "coupling y, field z": Case(
            model([[0.3], [0.25]], 0.9, "yz", loss=1.1, gain=0.2, field=[0.5, -0.9]),
            [[0.2, 0.6, 0.5], [-0.7, 0.1, 0.6]],
            levels=(16,),
        ),
        "three equal pure spins": Case(
            model(np.full((3, 1), 0.3), 1.1, loss=0.7, gain=0.1, field=0.6),
            [0.0, 0.6, 0.8],
            levels=(18,),
        ),
        "three equal mixed spins": Case(
            model(np.full((3, 1), 0.3), 1.1, "xz", loss=0.7, gain=0.1, field=0.6),
            [0.1, 0.5, 0.6],
            levels=(18,),
        ),
        "equal rows in different states": Case(
            model([[0.3], [0.3], [0.2]], 1.1, loss=0.7, field=[0.6, 0.6, 0.4]),
            [[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.3, -0.5]],
            levels=(16,),
        ),
        "rows of opposite sign, equal up to the gauge": Case(
            model([[0.3], [-0.3], [0.3]], 1.1, loss=0.7, gain=0.05, field=0.6),
            [[0.6, 0.48, 0.64], [0.6, -0.48, -0.64], [0.6, 0.48, 0.64]],
            levels=(16,),
        ),
        "rows of opposite sign in other states": Case(
            model([[0.3], [-0.3]], 1.1, "xz", loss=0.7, gain=0.05, field=0.6),
            [[0.6, 0.3, 0.1], [0.2, -0.5, 0.7]],
            levels=(16,),
        ),
        "degenerate modes, one bright": Case(
            model([[0.3, 0.2], [0.15, 0.1]], 1.3, loss=0.8, field=[0.5, 0.7]),
            [[0.0, 0.0, 1.0], [0.8, 0.0, 0.6]],
            [0.2, -0.1j],
            levels=(10, 9),
        ),
        "degenerate modes, unequal starts": Case(
            model([[0.2, 0.1]], 1.3, loss=1.4, gain=0.1, field=0.6),
            [0.4, 0.2, 0.7],
            [0.2, 0.0],
            [0.0, 0.02],
            levels=(11, 11),
        ),
        "two modes, one undamped": Case(
            model([[0.3, -0.2]], [1.0, 1.7], "xy", loss=[0.9, 0.0], field=0.6),
            [0.5, 0.5, 0.2],
            [0.0, 0.2j],
            levels=(10, 9),
        ),
        "strongly coupled and damped": Case(
            model([[1.5], [-0.9]], 1.0, loss=11.0, gain=1.0, field=0.8),
            [[0.0, 0.0, -1.0], [0.0, 0.6, -0.8]],
            [0.2j],
            levels=(22,),
        ),
        "without loss, pure": Case(
            model([[0.4], [0.3]], 1.0, field=[0.5, 0.8]),
            [[0.0, 0.0, 1.0], [0.6, 0.0, -0.8]],
            0.4,
            levels=(22,),
        ),
        "without loss, mixed and thermal": Case(
            model([[0.3], [0.2]], 1.0, "xz", field=[0.5, 0.8]),
            [[0.0, 0.2, 0.5], [0.6, 0.0, -0.3]],
            0.2,
            0.1,
            levels=(22,),
        ),
        "negative frequency": Case(
            model([[0.35]], -0.8, loss=1.2, gain=0.3, field=0.5), [0.0, 0.6, 0.8], levels=(24,)
        ),
        "frequency zero, with loss": Case(
            model([[0.3]], 0.0, loss=1.2, field=0.5), [0.0, 0.6, 0.8], levels=(22,)
        ),
        "a spin that does not couple": Case(
            model([[0.3], [0.0]], 1.0, loss=0.5, field=[0.4, 0.9]),
            [[0.0, 0.0, 1.0], [0.3, 0.2, 0.8]],
            levels=(14,),
        ),
    }


NAMES = (*OF_SPINS, *OF_MODES)


@pytest.fixture(scope="module")
def written() -> dict[str, dict[str, Any]]:
    """What QuTiP finds, each case once."""
    return {}


QUICK = ("kelly2021's axes", "rows of opposite sign in other states", "two modes, one undamped")


def each_way() -> list[Any]:
    """All cases in all ways; most of those in the displaced frame are slow."""
    chosen = []
    for name in table():
        for way in ("auto", "fock", "displaced", "hierarchy"):
            slow = way == "displaced" and name not in QUICK
            chosen.append(pytest.param(name, way, marks=[pytest.mark.slow] * slow))
    return chosen


@pytest.mark.parametrize(("name", "way"), each_way())
def test_lindblad(name: str, way: str, written: dict[str, dict[str, Any]]) -> None:
    """To 1e−7; the ladders of the reference are long enough for 2e−8."""
    case, names, tolerance = table()[name], NAMES, 1e-8
    if way == "displaced" and len(case.levels) > 1:
        # Displacements of two modes are full matrices: only small cutoffs are quick.
        names, tolerance = tuple(set(NAMES) - {"g2_mode"}), 1e-5
    method = od.Lindblad(tolerance, way=way)
    if way == "hierarchy" and not case.model.loss.all():
        with pytest.raises(od.InputError, match="no loss"):
            solved(case, TIMES, method, names)
        return
    if name not in written:
        written[name] = by_qutip(case, TIMES)
    check(solved(case, TIMES, method, names), written[name], names, 10 * tolerance)
