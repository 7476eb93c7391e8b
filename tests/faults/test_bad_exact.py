"""Bad settings and questions of exact methods: one sentence each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import opendicke as od

Call = Callable[[], Any]
SMALL = od.DickeModel([[0.5]], 1.0, loss=1.0, field=0.3)
CLOSED = od.DickeModel([[0.5]], 1.0, field=0.3)
UP = od.ProductState.polarized("+z")


def ask(model: Any = SMALL, state: Any = UP, **settings: Any) -> Any:
    return od.solve(model, state, [0.0, 1.0], od.Lindblad(**settings), ["sz"])


def limit() -> od.DickeModel:
    return od.RandomDicke(
        od.Binary(0.8), 100, 2, frequencies=1.0, loss=1.0, field=0.5
    ).thermodynamic()


CASES: list[tuple[Call, str, str]] = [
    (lambda: od.Lindblad(0.0), "tolerance", "was 0"),
    (lambda: od.Lindblad(-1e-3), "tolerance", "was -0.001"),
    (lambda: od.Lindblad(1e-16), "tolerance", "was 1e-16"),
    (lambda: od.Lindblad(float("nan")), "tolerance", "nan"),
    (lambda: od.Lindblad(way="polaron"), "way", "polaron"),
    (lambda: od.Lindblad(cutoff=8), "way", 'was "auto"'),
    (lambda: od.Lindblad(way="fock", cutoff=1), "cutoff", "was 1"),
    (lambda: od.Lindblad(way="fock", cutoff=(8, 2.5)), "cutoff", "2.5"),
    (lambda: ask(way="fock", cutoff=(8, 8)), "cutoff", "was [8, 8]"),
    (lambda: ask(way="hierarchy", cutoff=(8, 8)), "cutoff", "was [8, 8]"),
    (lambda: ask(CLOSED, way="hierarchy"), "way", 'was "hierarchy"'),
    (lambda: ask(limit()), "model", "thermodynamic limit"),
    (lambda: ask(od.DickeModel(np.diag(np.arange(1, 25)), 1.0, loss=1.0)), "model", "GB"),
    (
        lambda: ask(od.DickeModel(np.linspace(1, 2, 3000)[:, None], 1.0, loss=1.0)),
        "model",
        "GB",
    ),
    (lambda: od.stationary(CLOSED, od.MeanField()), "method", "was MeanField"),
    (
        lambda: od.stationary(od.eliminate(CLOSED), od.Lindblad()),
        "model",
        "has no coupled mode",
    ),
    (lambda: od.to_qutip(SMALL, "up"), "state", "was 'up'"),
    (lambda: od.to_qutip("model", UP), "model", "was 'model'"),
    (lambda: od.to_qutip(limit(), UP), "model", "thermodynamic limit"),
    (lambda: od.to_qutip(SMALL, UP, levels=[3, 4]), "levels", "had 2"),
    (lambda: od.to_qutip(SMALL, UP, levels=1), "levels", "was 1"),
    (lambda: od.to_qutip(SMALL, UP, levels=2.5), "levels", "2.5"),
    (lambda: od.to_qutip(SMALL, UP, 4, ["g2_mode"]), "observables", "g2_mode"),
    (lambda: od.to_qutip(SMALL, UP, 4, ["entropy"]), "observables", "entropy"),
    (lambda: od.to_qutip(SMALL, UP, 4, ["nothing"]), "observables", "nothing"),
    (
        lambda: od.to_qutip(
            od.DickeModel([[0.5, 0.5]], 1.0),
            od.ProductState.polarized("+z", displacement=[1.0, 0.0]),
            4,
            ["photons"],
            reduced=True,
        ),
        "observables",
        "`photons` also depends on what moves by itself",
    ),
    (lambda: od.to_qutip(od.DickeModel(np.eye(30), 1.0), UP, 4), "levels", "GB"),
]


@pytest.mark.parametrize(("call", "argument", "received"), CASES)
def test_one_sentence(call: Call, argument: str, received: str) -> None:
    with pytest.raises(od.InputError) as caught:
        call()
    text = str(caught.value)
    assert text.startswith(f"Argument `{argument}` must ")
    assert received in text.split(", but ", 1)[1]
    assert "\n" not in text


def test_ensembles_of_trajectories_are_no_quantum_state() -> None:
    """Truncated Wigner's ensembles hold numbers of phase space."""
    _, last = od.trajectories(
        SMALL, UP, [0.0, 0.5], od.TruncatedWigner(4, step=0.1), ["sz"], validity="ignore"
    )
    with pytest.raises(od.InputError, match="`state` must be a ProductState for Lindblad"):
        ask(state=last)


def test_what_does_not_fit_is_said_before_it_is_built() -> None:
    """The sentence names the states, the modes, the numbers and the memory."""
    model = od.DickeModel(np.linspace(0.1, 1.0, 22)[:, None] ** [1, 2], [1.0, 2.0], loss=1.0)
    with pytest.raises(od.InputError) as caught:
        ask(model)
    assert "4194304 states of spins and 2 coupled modes" in str(caught.value)


def test_a_large_mixed_spin_is_refused_at_once() -> None:
    """Its total spins are counted, not made."""
    model = od.DickeModel(np.full((20_000, 1), 0.01), 1.0, loss=1.0, field=0.3)
    with pytest.raises(od.InputError, match="GB"):
        ask(model, od.ProductState.bloch([0.3, 0.0, 0.4]))


def test_operators_of_single_spins_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of N spins some 7N numbers for each state: refused before they are made."""
    model = od.DickeModel(np.linspace(0.1, 0.2, 12)[:, None], 1.0, field=0.3)
    monkeypatch.setattr("opendicke.model.checks.machine_memory", lambda: 10**8)
    assert od.to_qutip(model, UP, 4, ["sz"]).H.shape == (2**14, 2**14)
    with pytest.raises(od.InputError, match="`levels` must ask for no more than the memory"):
        od.to_qutip(model, UP, 40)


@pytest.mark.parametrize("ask_for", [od.estimate, od.run])
def test_states_are_named_as_in_files(ask_for: Any) -> None:
    """Also by methods that look at the reduced state before they are asked."""
    experiment = od.Experiment(
        od.RandomDicke(od.Binary(0.5), 4, 1, frequencies=1.0, loss=1.0),
        od.ProductState.configuration([1, -1]),
        [0.0, 1.0],
        od.Lindblad(),
        ["sz"],
    )
    with pytest.raises(od.InputError, match=r"`configuration` must have one entry per spin \(4\)"):
        ask_for(experiment)
