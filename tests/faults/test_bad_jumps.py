"""Bad input around quantum jumps: one sentence each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.methods.quantum_jumps import QuantumJumps

MODEL = od.DickeModel([[1.0, 0.5], [0.3, -1.0]], [1.0, 2.0], loss=1.0, field=0.5)
DOWN = od.ProductState.polarized("-z")
MANY = od.DickeModel(np.arange(1.0, 61.0)[:, None] / 60, 1.0, loss=1.0, field=0.5)


def ask(model: Any = MODEL, state: Any = DOWN, names: Any = ("sz",), **settings: Any) -> Any:
    return od.solve(model, state, [0.0, 1.0], QuantumJumps(**settings), list(names))


def limit() -> Any:
    return od.RandomDicke(od.Binary(1.0), 8, 2, frequencies=1.0, field=0.3).thermodynamic()


FAULTS: list[tuple[Callable[[], Any], str, str, str]] = [
    (lambda: QuantumJumps(trajectories=0), "trajectories", "be at least 1", "was 0"),
    (lambda: QuantumJumps(trajectories=2.0), "trajectories", "be an integer", "was 2.0"),
    (lambda: QuantumJumps(target_stderr=0), "target_stderr", "be larger than 0", "was 0"),
    (lambda: QuantumJumps(tolerance=0), "tolerance", "be at least 1e-10", "was 0"),
    (lambda: QuantumJumps(tolerance=-1e-3), "tolerance", "be at least 1e-10", "was -0.001"),
    (lambda: QuantumJumps(tolerance=1e-16), "tolerance", "be at least 1e-10", "was 1e-16"),
    (lambda: QuantumJumps(tolerance=0.5), "tolerance", "be at most 0.1", "was 0.5"),
    (lambda: QuantumJumps(tolerance=math.nan), "tolerance", "be finite", "was nan"),
    (lambda: QuantumJumps(cutoff=1), "cutoff", "be at least 2", "was 1"),
    (lambda: QuantumJumps(cutoff=8.0), "cutoff", "be an integer", "was 8.0"),
    (lambda: QuantumJumps(cutoff=[8, 0]), "cutoff", "be at least 2", "was 0"),
    (lambda: QuantumJumps(cutoff="many"), "cutoff", "be an integer", "was 'many'"),
    (lambda: QuantumJumps(block=0), "block", "be at least 1", "was 0"),
    (lambda: ask(cutoff=[8]), "cutoff", "one entry per coupled mode (2)", "had 1"),
    (lambda: ask(cutoff=[8, 8, 8]), "cutoff", "one entry per coupled mode (2)", "had 3"),
    (lambda: ask(cutoff=10**9), "cutoff", "no more than the memory", "states with its operators"),
    (lambda: ask(MANY), "model", "no more than the memory", "10^"),
    (lambda: ask(MANY, cutoff=4), "model", "no more than the memory", "10^18 states"),
    (lambda: ask(limit()), "model", "have finitely many spins", "was a thermodynamic limit"),
    (lambda: ask(names=["entropy"]), "observables", "QuantumJumps offers", "EntropyTerm"),
    (
        lambda: ask(state=od.Ensemble(np.ones((4, 2, 3)), np.zeros((4, 2)))),
        "state",
        "be a ProductState for QuantumJumps",
        "was Ensemble",
    ),
]


@pytest.mark.parametrize(("call", "argument", "requirement", "received"), FAULTS)
def test_one_sentence(
    call: Callable[[], Any], argument: str, requirement: str, received: str
) -> None:
    with pytest.raises(od.InputError) as caught:
        call()
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1
    found = re.fullmatch(r"Argument `(.+?)` must (.+?), but (.+)[.?]", sentence)
    assert found, sentence
    assert found[1] == argument, sentence
    assert requirement in found[2], sentence
    assert received in found[3], sentence
