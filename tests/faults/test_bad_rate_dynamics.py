"""Bad settings and questions of the rate equation and kinetic Monte Carlo: one sentence each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.experiment.reading import parse_parts

Call = Callable[[], Any]
Chains, Rates = od.KineticMonteCarlo, od.RateEquation
INF = math.inf
DOWN = od.ProductState.polarized("-z", bosons="stationary")
REAL = "be made of real numbers in a regular shape"


def model(**replaced: Any) -> od.DickeModel:
    """Two spins on one mode."""
    settings: dict[str, Any] = {
        "couplings": [[2.0], [-1.5]], "frequencies": 1.0, "loss": 11.0, "gain": 1.0, "field": 0.1,
    }  # fmt: skip
    return od.DickeModel(**settings | replaced)


def wide(spins: int) -> od.DickeModel:
    return model(couplings=np.linspace(1, 2, spins)[:, None])


def question(replaced: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "model": model(), "state": DOWN, "times": [0.0, 1.0], "method": Chains(8),
        "observables": ["sz"], "validity": "ignore",
    }  # fmt: skip
    return settings | replaced


def ask(**replaced: Any) -> Any:
    return od.solve(**question(replaced))


def follow(**replaced: Any) -> Any:
    return od.trajectories(**question(replaced))


def rest(**replaced: Any) -> Any:
    settings: dict[str, Any] = {"model": model(), "validity": "ignore"}
    return od.stationary(**settings | replaced)


def refuses(call: Call, argument: str, requirement: str, received: str) -> None:
    """An `InputError` of one line that has its three parts, each in its place."""
    with pytest.raises(od.InputError) as caught:
        call()
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 500
    found = re.fullmatch(r"Argument `(.+?)` must (.+?), but (.+)[.?]", sentence)
    assert found, sentence
    assert found[1] == argument == caught.value.argument, sentence
    # Terms and known names are listed in the middle, which `but` may not split.
    assert requirement in sentence.partition(" must ")[2], sentence
    assert received in sentence.rpartition("but ")[2] or received in found[3], sentence


SETTINGS: list[tuple[Call, str, str, str]] = [
    (lambda: Chains("9"), "trajectories", "be an integer", "was '9'"),
    (lambda: Chains(True), "trajectories", "be an integer", "was True"),
    (lambda: Chains(-3), "trajectories", "be at least 1", "was -3"),
    (lambda: Chains(INF), "trajectories", "be an integer", "was inf"),
    (lambda: Chains(2**40), "trajectories", "be at most 4294967295", "was 1099511627776"),
    (lambda: Chains(target_stderr="a"), "target_stderr", "be a real number", "was 'a'"),
    (lambda: Chains(target_stderr=INF), "target_stderr", "be finite", "was inf"),
    (lambda: Chains(target_stderr=-0.1), "target_stderr", "be larger than 0", "was -0.1"),
    (lambda: Chains(block=2.0), "block", "be an integer", "was 2.0"),
    (lambda: Chains(block=-1), "block", "be at least 1", "was -1"),
    (lambda: Chains(sampler=1), "sampler", "be one of `automatic`", "was 1"),
    (lambda: Chains(sampler="Windowed"), "sampler", "known word", "did you mean `windowed`"),
    (
        lambda: Chains(sampler="rejection_free"),
        "sampler",
        "be a known word",
        "was `rejection_free` (known: `automatic`, `plain`, `rejection-free`, `windowed`); "
        "did you mean `rejection-free`",
    ),
    (
        lambda: Chains(anneal_times=[0, 1], anneal_field=[1, None]),
        "anneal_field",
        REAL,
        "was [1, None]",
    ),
    (lambda: Chains(anneal_times=[0], anneal_field="on"), "anneal_field", REAL, "was 'on'"),
    (lambda: Chains(anneal_times=[0], anneal_damping=[1j]), "anneal_damping", REAL, "was [1j]"),
    (
        lambda: Chains(anneal_times=[0, [1]], anneal_field=[1, 2]),
        "anneal_times",
        REAL,
        "was [0, [1]]",
    ),
    (lambda: Chains(anneal_times=[True], anneal_field=[1]), "anneal_times", REAL, "was [True]"),
    (
        lambda: Chains(anneal_times=[0.0, INF], anneal_field=[1, 2]),
        "anneal_times",
        "be finite",
        "entry (1,) was inf",
    ),
    (
        lambda: Chains(anneal_times=[0, 2, 1], anneal_damping=[1, 2, 3]),
        "anneal_times",
        "be strictly increasing",
        "was [0.0, 2.0, 1.0]",
    ),
    (
        lambda: Chains(anneal_times=[0, 1], anneal_field=[1, 2], anneal_damping=[1]),
        "anneal_damping",
        "have one entry for each of `anneal_times` (2)",
        "had 1",
    ),
    (lambda: Rates([1e-8]), "tolerance", "be a real number", "was [1e-08]"),
    (lambda: Rates(True), "tolerance", "be a real number", "was True"),
    (lambda: Rates(INF), "tolerance", "be finite", "was inf"),
]

ENSEMBLE = od.Ensemble(np.ones((8, 2, 3)), np.zeros((8, 1)))
SHORT = od.ProductState.configuration([1, 1, 1])
MEMORY = "ask for no more than the memory of this machine"
ALONG = 'ask only for spins along the coupling axis "z" of '
SINGLE = "have values along a single trajectory"
MEANS = "`overlap_variance` is a function of means"
MAKERS = "be TruncatedWigner or KineticMonteCarlo"
QUESTIONS: list[tuple[Call, str, str, str]] = [
    *[
        (
            lambda name=name, method=method: ask(
                method=method, state=od.ProductState.polarized("-z", **{name: [0.0, 0.0]})
            ),
            name,
            "be a number or have one entry per mode (1)",
            "had shape (2,)",
        )
        for name in ("occupation", "displacement")
        for method in (Rates(), Chains(8))
    ],
    (
        lambda: ask(state=ENSEMBLE),
        "state",
        "be a ProductState for KineticMonteCarlo",
        "was Ensemble(8 trajectories, 2 spins, 1 modes)",
    ),
    (
        lambda: ask(method=Rates(), state=ENSEMBLE),
        "state",
        "be a ProductState for RateEquation",
        "was Ensemble(8 trajectories, 2 spins, 1 modes)",
    ),
    (lambda: ask(state=SHORT), "values", "have one entry per spin (2)", "had 3"),
    (lambda: ask(method=Rates(), state=SHORT), "values", "have one entry per spin (2)", "had 3"),
    (
        lambda: ask(state=od.ProductState.pattern(3)),
        "pattern",
        "be 0, as there is one pattern",
        "was 3",
    ),
    (
        lambda: ask(model=wide(40), observables=["probability"]),
        "model",
        "have at most 30 spins where `probability` is asked for",
        "it has 40 (2^40 configurations",
    ),
    (
        lambda: ask(observables=["entropy"]),
        "observables",
        "be made of terms that KineticMonteCarlo offers (SpinTerm,",
        "`entropy` holds EntropyTerm",
    ),
    (
        lambda: ask(model=wide(2000), observables=["correlation_spin"], times=range(3000)),
        "observables",
        MEMORY,
        "3000 times of correlation_spin would need",
    ),
    (
        lambda: follow(method=Chains(10**9), times=range(99)),
        "trajectories",
        MEMORY,
        "1000000000 trajectories of 2 spins and 1 modes at 99 times",
    ),
    (lambda: follow(method=Rates()), "method", MAKERS, "was RateEquation("),
    (lambda: follow(method=Chains), "method", "be a method such as", "was the class"),
    (lambda: follow(method=Chains(target_stderr=0.1)), "target_stderr", "be left out", "was 0.1"),
    (lambda: follow(observables=["sz", "overlap_variance"]), "observables", SINGLE, MEANS),
    (lambda: follow(observables=["entropy"]), "observables", "be made of terms", "`entropy` holds"),
    (lambda: follow(observables=["sx"]), "observables", f"{ALONG}Kinetic", '`sx` asks for "x"'),
    (lambda: follow(state=ENSEMBLE), "state", "be a ProductState for Kinetic", "was Ensemble("),
    (
        lambda: follow(model=od.eliminate(model())),
        "model",
        "have lossy modes for KineticMonteCarlo",
        "was an IsingModel",
    ),
    (lambda: follow(seed=1.5), "seed", "be an integer", "was 1.5"),
    (lambda: follow(validity="no"), "validity", "be a known word", "was `no`"),
    (lambda: follow(times=[0, INF]), "times", "be finite", "entry (1,) was inf"),
    (lambda: rest(observables=["sx"]), "observables", f"{ALONG}Rate", '`sx` asks for "x"'),
    (lambda: rest(observables=["nothing"]), "observables", "be names of", "was `nothing`"),
    (lambda: rest(model="m"), "model", "be a DickeModel or an IsingModel", "was 'm'"),
    (lambda: rest(model=model(field=0.0)), "model", "let every spin flip", "spin 0 does not"),
    (
        lambda: rest(model=model(field=[0.1, 0.0])),
        "model",
        "let every spin flip for a unique stationary state",
        "spin 1 does not",
    ),
    (lambda: rest(validity="perhaps"), "validity", "be a known word", "was `perhaps`"),
]


@pytest.mark.parametrize(("call", "argument", "requirement", "received"), SETTINGS)
def test_bad_settings(call: Call, argument: str, requirement: str, received: str) -> None:
    refuses(call, argument, requirement, received)


@pytest.mark.parametrize(("call", "argument", "requirement", "received"), QUESTIONS)
def test_bad_questions(call: Call, argument: str, requirement: str, received: str) -> None:
    refuses(call, argument, requirement, received)


@pytest.mark.parametrize("make", [lambda: Chains(bosons=1), lambda: Rates(trajectories=3)])
def test_unknown_settings_are_not_swallowed(make: Call) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        make()


def test_fields_whose_square_no_number_holds() -> None:
    """Rates grow as the square of the field: the table is to blame, and is named."""
    tables = {"anneal_times": [0.0], "anneal_field": [1e200]}
    refuses(lambda: ask(method=Chains(8, **tables)), "anneal_field", "", "1e+200")


TEXT = """
observables = ["sz"]
[model]
couplings = { kind = "uniform", strength = 3.0 }
spins = 3
modes = 1
frequencies = 1.0
loss = 2.0
gain = 1.0
field = 0.1
[state]
spins = "-z"
bosons = "stationary"
[times]
stop = 1.0
points = 2
[method]
"""
FILES: list[tuple[str, str, str, str]] = [
    ('kind = "rate-equations"', "method.kind", "be a known method", "did you mean `rate-equation`"),
    (
        'kind = "monte-carlo"',
        "method.kind",
        "be a known method",
        "did you mean `kinetic-monte-carlo`",
    ),
    ('kind = "rate-equation"\ntrajectories = 9', "method", "known keys", "`trajectories`"),
    ('kind = "rate-equation"\ntolerance = 0.0', "method.tolerance", "at least", "was 0"),
    ('kind = "kinetic-monte-carlo"\ntolerance = 1e-8', "method", "known keys", "`tolerance`"),
    ('kind = "kinetic-monte-carlo"\nblock = 0', "method.block", "be at least 1", "was 0"),
    (
        'kind = "kinetic-monte-carlo"\nanneal_field = [1.0]',
        "method.anneal_times",
        "be given with `anneal_field`",
        "was missing",
    ),
]


@pytest.mark.parametrize(("lines", "argument", "requirement", "received"), FILES)
def test_bad_files(lines: str, argument: str, requirement: str, received: str) -> None:
    refuses(lambda: parse_parts(TEXT + lines, Path()), argument, requirement, received)


def test_bad_sweeps() -> None:
    """Every value of a sweep is checked before anything runs."""
    chains = 'kind = "kinetic-monte-carlo"\n[sweep]\n'
    for line, argument, received in (
        ('"method.sampler" = ["plain", "fast"]', "method.sampler", "was `fast`"),
        ('"method.block" = [4, 0]', "method.block", "was 0"),
        ('"method.tolerance" = [1e-8]', "", "tolerance"),
    ):
        with pytest.raises(od.InputError) as caught:
            od.run(od.Experiment(**parse_parts(TEXT + chains + line, Path())), validity="ignore")
        sentence = str(caught.value)
        assert argument in sentence, sentence
        assert received in sentence, sentence
        assert " must " in sentence
