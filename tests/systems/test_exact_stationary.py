"""Stationary states of the master equation against QuTiP and the end of time evolution."""

from __future__ import annotations

import numpy as np
import pytest
import qutip

import opendicke as od
from opendicke.methods.exact_steady import iterated
from opendicke.methods.fock_system import sparse

NAMES = ["sx", "sz", "photons", "spin_correlation", "quadrature_mode"]


def by_qutip(model: od.DickeModel, state: od.ProductState, levels: int) -> dict[str, float]:
    made = od.to_qutip(model, state, levels, NAMES, reduced=True)
    rho = qutip.steadystate(made.H, made.c_ops)
    return {name: qutip.expect(op, rho) for name, op in made.e_ops.items()}


def check(ds: object, expected: dict[str, float], within: float) -> None:
    for name in NAMES:
        found = np.ravel(ds[name])[0]  # type: ignore[index]
        key = name if name in expected else f"{name}[0]"
        assert found == pytest.approx(expected[key], abs=within), name


@pytest.mark.parametrize("way", ["hierarchy", "fock", "displaced", "auto"])
def test_two_spins(way: str) -> None:
    model = od.DickeModel([[0.6], [-0.4]], 1.0, loss=1.5, gain=0.2, field=[0.4, 0.7])
    expected = by_qutip(model, od.ProductState.polarized("+z"), 16)
    ds = od.stationary(model, od.Lindblad(1e-7, way=way), NAMES)
    check(ds, expected, 2e-6)
    if way in ("hierarchy", "auto"):
        # Relaxation itself: the eigenvalue of the Liouvillian nearest to zero.
        small = od.to_qutip(model, od.ProductState.polarized("+z"), 9)
        values = qutip.liouvillian(small.H, small.c_ops).to("CSR").data_as("csr_matrix")
        from scipy.sparse.linalg import eigs

        nearest = np.sort(np.abs(eigs(values.tocsc(), k=3, sigma=1e-3)[0]))
        assert _numerics(ds)["slowest_rate"] == pytest.approx(nearest[1], rel=1e-3)


def _numerics(ds: object) -> dict[str, float]:
    import json

    return json.loads(ds.attrs["numerics"])  # type: ignore[attr-defined, no-any-return]


def test_equal_spins_depend_on_where_they_come_from() -> None:
    """Total spin is conserved: a polarised and a mixed start end differently."""
    model = od.DickeModel(np.full((3, 1), 0.5), 1.0, loss=2.0, field=0.6)
    ends = []
    for vector in ([-1.0, 0, 0], [0.3, 0.0, 0.4]):
        state = od.ProductState.bloch(vector)
        expected = by_qutip(model, state, 14) if vector[0] == -1 else None
        ds = od.stationary(model, od.Lindblad(1e-7), NAMES, state=state)
        if expected is not None:
            check(ds, expected, 1e-5)
        late = od.solve(model, state, [0.0, 60.0], od.Lindblad(1e-7), NAMES)
        check(ds, {name: float(np.ravel(late[name].values[-1])[0]) for name in NAMES}, 2e-5)
        ends.append(float(ds.photons))
    assert abs(ends[0] - ends[1]) > 0.05


def test_iteration_without_factorising() -> None:
    """GMRES with the Sylvester preconditioner, on a space that QuTiP still factorises."""
    model = od.DickeModel([[0.5], [0.3]], 1.0, loss=0.8, gain=0.2, field=0.5)
    made = od.to_qutip(model, od.ProductState.polarized("+z"), 15)
    found = iterated(sparse(made.H), [sparse(c) for c in made.c_ops])
    assert found.state is not None
    expected = qutip.steadystate(made.H, made.c_ops).full()
    np.testing.assert_allclose(found.state, expected, atol=1e-9)
    assert found.residual < 1e-9


def test_iteration_sees_two_states() -> None:
    """Without a field two configurations keep their populations."""
    model = od.DickeModel([[0.5]], 1.0, loss=0.8)
    made = od.to_qutip(model, od.ProductState.polarized("+z"), 8)
    with np.errstate(all="ignore"):
        assert iterated(sparse(made.H), [sparse(c) for c in made.c_ops]).state is None


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (od.DickeModel([[1.0], [0.5]], 1.0, loss=1.0, field=[0.1, 0]), "spin 1 has none"),
        (od.DickeModel([[1.0], [0.5]], 1.0, field=0.1), "1 coupled modes without loss"),
        (od.DickeModel([[0.0]], 1.0, loss=1.0, field=0.1), "has no coupled mode"),
        (od.DickeModel([[0.5], [0.5]], 1.0, loss=1.0, field=0.1), "spins 0 and 1 are equal"),
    ],
)
def test_what_is_not_unique_is_refused(model: od.DickeModel, text: str) -> None:
    with pytest.raises(od.InputError, match=text):
        od.stationary(model, od.Lindblad())


def test_bosons_of_the_start_do_not_matter() -> None:
    model = od.DickeModel(np.full((2, 1), 0.4), 1.0, loss=1.5, field=0.5)
    first = od.ProductState.polarized("-x")
    second = od.ProductState.polarized("-x", displacement=1.0, occupation=0.5)
    one, two = (od.stationary(model, od.Lindblad(1e-7), NAMES, state=s) for s in (first, second))
    for name in NAMES:
        np.testing.assert_allclose(one[name], two[name], atol=1e-6)


def test_dark_modes_have_settled() -> None:
    """What is read is the end, not the start, of modes that no spin feels."""
    model = od.DickeModel([[0.5, 0.0]], [1.0, 2.0], loss=1.0, gain=[0.2, 0.5], field=0.3)
    for start in (0.0, [0.0, 2.0]):
        state = od.ProductState.polarized("+z", displacement=start)
        ds = od.stationary(model, od.Lindblad(), ["photons_mode", "quadrature_mode"], state=state)
        assert float(ds.photons_mode[1]) == pytest.approx(1.0, abs=1e-9)
        assert float(ds.quadrature_mode[1]) == pytest.approx(0.0, abs=1e-12)
    # Degenerate modes: half of what is seen of each is dark.
    model = od.DickeModel([[0.5, 0.5]], 1.0, loss=1.0, gain=0.5, field=0.3)
    rest = od.stationary(model, od.Lindblad(1e-6), ["photons"])
    late = od.solve(
        model, od.ProductState.polarized("+z"), [0.0, 200.0], od.Lindblad(1e-6), ["photons"]
    )
    assert float(rest.photons) == pytest.approx(float(late.photons[-1]), abs=1e-5)


def test_photons_held_for_ever_are_refused() -> None:
    model = od.DickeModel([[0.5, 0.0]], [1.0, 2.0], loss=[1.0, 0.0], field=0.3)
    state = od.ProductState.polarized("+z", displacement=[0.0, 1.0])
    with pytest.raises(od.InputError, match="hold no photons in modes without loss"):
        od.stationary(model, od.Lindblad(), ["photons"], state=state)


def test_slow_is_not_taken_for_several() -> None:
    """Two nearly equal spins relax at 1e-4: found, and the rate with it."""
    model = od.DickeModel([[1.0], [1.0]], 1.0, loss=1.0, field=[0.3, -0.31])
    ds = od.stationary(model, od.Lindblad(), ["sx_spin"])
    assert _numerics(ds)["slowest_rate"] == pytest.approx(1.37e-4, rel=0.01)
