"""`to_qutip` against operators written by hand, and through the reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import qutip

import opendicke as od
from opendicke.interop.displaced import displacement
from opendicke.interop.qutip import displaced_thermal

SIGMA = {"x": qutip.sigmax(), "y": qutip.sigmay(), "z": qutip.sigmaz()}
NAMES = [
    "sx", "sy", "sz", "sx_spin", "sy_spin", "photons", "photons_mode", "quadrature_mode",
    "spin_correlation", "correlation_spin", "energy", "ising_energy", "probability",
    "ising_energy_distribution", "overlap",
]  # fmt: skip


def by_hand(model: od.DickeModel, levels: list[int]) -> tuple[Any, list[Any]]:
    """H and collapse operators from tensor products."""
    n, m = model.spins, model.modes
    ones = [qutip.qeye(2)] * n + [qutip.qeye(size) for size in levels]

    def at(place: int, operator: Any) -> Any:
        return qutip.tensor([operator if k == place else one for k, one in enumerate(ones)])

    a = [at(n + k, qutip.destroy(levels[k])) for k in range(m)]
    h = sum(model.frequencies[k] * a[k].dag() * a[k] for k in range(m))
    for j in range(n):
        h += model.field[j] * at(j, SIGMA[model.field_axis])
        for k in range(m):
            g = model.couplings[j, k]
            h += g * at(j, SIGMA[model.coupling_axis]) * (a[k] + a[k].dag())
    jumps = [np.sqrt(model.loss[k]) * a[k] for k in range(m) if model.loss[k]]
    jumps += [np.sqrt(model.gain[k]) * a[k].dag() for k in range(m) if model.gain[k]]
    return h, jumps


@pytest.mark.parametrize("axes", [("z", "x"), ("x", "z"), ("y", "z"), ("x", "y")])
def test_operators_are_those_written_by_hand(axes: tuple[str, str]) -> None:
    model = od.DickeModel(
        [[0.5, 0.2], [-0.3, 0.7]], [1.0, 1.5], loss=[0.5, 0.0], gain=[0.1, 0.0],
        field=[0.3, -0.2], coupling_axis=axes[0], field_axis=axes[1],
    )  # fmt: skip
    state = od.ProductState.bloch([[0.6, 0, 0.8], [0, -1, 0]], displacement=[0.4 + 0.2j, 0])
    made = od.to_qutip(model, state, levels=[14, 4], observables=["sx", "sz", "photons_mode"])
    h, jumps = by_hand(model, [14, 4])
    assert made.H.dims == h.dims
    assert (made.H - h).norm("max") < 1e-14
    assert sum(c.dag() * c for c in made.c_ops) == sum(c.dag() * c for c in jumps)
    assert made.rho0.isket
    assert set(made.e_ops) == {"sx", "sz", "photons_mode[0]", "photons_mode[1]"}
    assert qutip.expect(made.e_ops["sx"], made.rho0) == pytest.approx(0.3)
    assert qutip.expect(made.e_ops["sz"], made.rho0) == pytest.approx(0.4)
    assert qutip.expect(made.e_ops["photons_mode[0]"], made.rho0) == pytest.approx(0.2, abs=1e-9)


@pytest.mark.parametrize("axes", [("z", "x"), ("x", "z"), ("y", "z")])
def test_reductions_change_nothing(axes: tuple[str, str]) -> None:
    """Every observable and its rate of change at the start, reduced and not."""
    rows = [[0.5, 0.2], [-0.5, -0.2], [0.3, -0.4], [0.5, 0.2]]
    model = od.DickeModel(
        rows, [1.0, 1.0], loss=0.5, gain=0.1, field=[0.3, 0.3, 0.2, 0.3],
        coupling_axis=axes[0], field_axis=axes[1],
    )  # fmt: skip
    frame, vectors = model.frame(), np.array([[0.3, 0.2, 0.5]] * 4)
    mirrored = frame @ vectors[0] * [1, -1, -1]
    vectors[1] = frame.T @ mirrored
    state = od.ProductState.bloch(vectors, displacement=[0.3 + 0.1j, 0.2], occupation=0.05)
    answers = []
    for reduced in (False, True):
        made = od.to_qutip(model, state, levels=4, observables=NAMES, reduced=reduced)
        rho = made.rho0 if made.rho0.isoper else made.rho0.proj()
        flow = qutip.liouvillian(made.H, made.c_ops)(rho)
        answers.append(
            {name: (qutip.expect(op, rho), (op * flow).tr()) for name, op in made.e_ops.items()}
        )
    full, small = answers
    assert full.keys() == small.keys()
    for name, expected in full.items():
        np.testing.assert_allclose(small[name], expected, atol=1e-12, err_msg=name)


def test_reduced_spaces_are_small() -> None:
    model = od.DickeModel(np.full((6, 3), 0.3), 1.0, loss=1.0, field=0.2)
    made = od.to_qutip(model, od.ProductState.polarized("+x"), levels=5, reduced=True)
    assert made.H.dims == [[7, 5], [7, 5]]


def test_mesolve_of_it_is_lindblad() -> None:
    """Three lines suffice to check us."""
    model = od.DickeModel([[0.4], [-0.3]], 1.0, loss=0.7, gain=0.1, field=0.3)
    state, times = od.ProductState.polarized("-z"), np.linspace(0, 3, 4)
    h, c_ops, e_ops, rho0 = od.to_qutip(model, state, levels=14)
    options = {"atol": 1e-10, "rtol": 1e-8}
    found = qutip.mesolve(h, rho0, times, c_ops, e_ops=e_ops, options=options)
    ds = od.solve(model, state, times, od.Lindblad(1e-7), list(e_ops))
    for name in e_ops:
        np.testing.assert_allclose(found.e_data[name], ds[name], atol=1e-6, err_msg=name)


def test_suggested_levels_hold_the_state() -> None:
    """Strong driving, heat and displacement: the highest level stays empty."""
    for model, state in (
        (od.DickeModel([[1.5], [1.0]], 1.0, loss=0.3, field=0.3), od.ProductState.polarized("+z")),
        (
            od.DickeModel([[0.2]], 1.0, loss=1.2, gain=0.4, field=0.3),
            od.ProductState.polarized("+z", displacement=1.5, occupation=0.3),
        ),
    ):
        made = od.to_qutip(model, state)
        top = made.H.dims[0][-1] - 1
        one = [qutip.qeye(2)] * model.spins
        highest = qutip.tensor(*one, qutip.fock_dm(top + 1, top))
        weight = qutip.mesolve(made.H, made.rho0, [0, 2, 5], made.c_ops, e_ops=[highest]).expect[0]
        assert np.abs(weight).max() < 1e-5


def test_ising_models_have_spins_only() -> None:
    """H = −Σ J_ij Z_i Z_j + Σ h X, i = j left out."""
    table = np.array([[0.5, 0.3, -0.2], [0.3, 0.1, 0.7], [-0.2, 0.7, 0.0]])
    model = od.IsingModel(interactions=table, field=[0.1, 0.2, 0.3], self_interaction="drop")
    made = od.to_qutip(model, od.ProductState.polarized("+x"))
    z = [
        qutip.tensor([SIGMA["z"] if k == j else qutip.qeye(2) for k in range(3)]) for j in range(3)
    ]
    x = [
        qutip.tensor([SIGMA["x"] if k == j else qutip.qeye(2) for k in range(3)]) for j in range(3)
    ]
    expected = sum((-table[i, j] * z[i] * z[j] for i in range(3) for j in range(3) if i != j), 0)
    expected += sum(h * each for h, each in zip([0.1, 0.2, 0.3], x, strict=True))
    assert (made.H - expected).norm("max") < 1e-12
    assert made.c_ops == []


def test_displacements_are_those_of_the_infinite_space() -> None:
    """Against the exponential in a space much larger; rectangular as well."""
    for alpha in (0.7 - 0.4j, -2.0 + 1.0j, 0.0):
        wide = qutip.displace(120, alpha).full() if alpha else np.eye(120)
        np.testing.assert_allclose(displacement(20, alpha), wide[:20, :20], atol=1e-10)
        np.testing.assert_allclose(displacement(9, alpha, 14), wide[:9, :14], atol=1e-10)


@pytest.mark.parametrize(("alpha", "hot"), [(0.0, 0.5), (1.2 - 0.7j, 0.0), (0.8j, 0.6)])
def test_displaced_thermal_states(alpha: complex, hot: float) -> None:
    rho = displaced_thermal(45, alpha, hot)
    a = qutip.destroy(45)
    assert rho.tr() == pytest.approx(1)
    assert qutip.expect(a, rho) == pytest.approx(alpha, abs=1e-8)
    assert qutip.expect(a.dag() * a, rho) == pytest.approx(abs(alpha) ** 2 + hot, abs=1e-6)
