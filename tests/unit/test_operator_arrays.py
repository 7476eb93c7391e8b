"""Operators of `to_qutip` as arrays, in the hands of programs that do not know QuTiP."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply

import opendicke as od

MODEL = od.DickeModel([[0.4], [0.7]], frequencies=1.0, loss=0.5, gain=0.1, field=0.3)
STATE = od.ProductState.polarized("+z")
TIMES = np.linspace(0.0, 1.5, 4)
NAMES = ["sx", "sz", "photons"]


@pytest.fixture(scope="module")
def exact() -> Any:
    return od.solve(MODEL, STATE, TIMES, od.Lindblad(1e-5), NAMES)


def test_dense_and_sparse_arrays_are_the_master_equation(exact: Any) -> None:
    """The Liouvillian written from arrays alone, exponentiated by SciPy."""
    H, c_ops, e_ops, rho0 = od.to_qutip(MODEL, STATE, levels=14, observables=NAMES)
    h = H.to("CSR").data_as("csr_matrix")
    np.testing.assert_array_equal(h.toarray(), H.full())
    assert h.nnz < 0.1 * h.shape[0] ** 2
    one = sp.eye_array(h.shape[0], format="csr")
    liouvillian = -1j * (sp.kron(h, one) - sp.kron(one, h.T))  # row after row
    for c in (c.to("CSR").data_as("csr_matrix") for c in c_ops):
        lost = c.conj().T @ c
        liouvillian += sp.kron(c, c.conj()) - (sp.kron(lost, one) + sp.kron(one, lost.T)) / 2
    ket = rho0.full()[:, 0]
    start = np.outer(ket, ket.conj()).ravel()
    states = expm_multiply(sp.csr_array(liouvillian), start, TIMES[0], TIMES[-1], len(TIMES))
    for name in NAMES:
        values = [np.trace(e_ops[name].full() @ s.reshape(h.shape)).real for s in states]
        np.testing.assert_allclose(values, exact[name], atol=1e-4)


def test_dynamiqs_takes_them(exact: Any) -> None:
    """As the page shows it, where dynamiqs is installed."""
    dq = pytest.importorskip("dynamiqs")
    dq.set_precision("double")
    H, c_ops, e_ops, rho0 = od.to_qutip(MODEL, STATE, levels=14, observables=NAMES)

    def diagonals(op: Any) -> Any:
        return dq.asqarray(op.full(), dims=tuple(op.dims[0]), layout=dq.dia)

    jumps, asked = [diagonals(c) for c in c_ops], [diagonals(e) for e in e_ops.values()]
    result = dq.mesolve(diagonals(H), jumps, dq.asqarray(rho0), TIMES, exp_ops=asked)
    for name, values in zip(e_ops, result.expects, strict=True):
        np.testing.assert_allclose(np.asarray(values).real, exact[name], atol=1e-4)
