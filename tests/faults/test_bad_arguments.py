"""Bad arguments in Python: one sentence that says which, what it must be, and what it was."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od

Call = Callable[[], Any]
UP = od.ProductState.polarized("+z")
NAN, INF = math.nan, math.inf


def model(**replaced: Any) -> od.DickeModel:
    """Two spins, three modes."""
    settings = {"couplings": np.ones((2, 3)), "frequencies": 1.0, "loss": 1.0, "field": 0.5}
    return od.DickeModel(**settings | replaced)


def ensemble(**replaced: Any) -> od.RandomDicke:
    """Four spins, two modes, binary couplings."""
    settings: dict[str, Any] = {"couplings": od.Binary(1.0), "spins": 4, "modes": 2}
    return od.RandomDicke(**settings | {"frequencies": 1.0, "loss": 1.0, "field": 0.5} | replaced)


def state(**bosons: Any) -> od.ProductState:
    return od.ProductState.polarized("+z", **bosons)


def experiment(**replaced: Any) -> od.Experiment:
    settings = {"model": ensemble(), "state": UP, "times": [0.0, 1.0], "method": od.MeanField()}
    return od.Experiment(**settings | replaced)


def ask(**replaced: Any) -> Any:
    settings = {"model": model(), "state": UP, "times": [0.0, 1.0], "method": od.MeanField()}
    return od.solve(**settings | replaced)


def sweep(path: Any, values: Any, **replaced: Any) -> Call:
    return lambda: experiment(sweep={path: values}, **replaced)


def refuses(call: Call, argument: str, requirement: str, received: str, kind: type) -> None:
    """The sentence has its three parts, is one line, and is an exception of the right kind."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 500
    found = re.fullmatch(r"Argument `(.+?)` must (.+), but (.+)[.?]", sentence)
    assert found, sentence
    assert found[1] == argument
    assert requirement in found[2], sentence
    assert received in found[3], sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


REAL = "be made of real numbers in a regular shape"
MODEL: list[tuple[Call, str, str, str]] = [
    (lambda: model(couplings=[[1j, 1, 1]]), "couplings", REAL, "was [[1j, 1, 1]]"),
    (lambda: model(couplings="abc"), "couplings", REAL, "was 'abc'"),
    (lambda: model(couplings=None), "couplings", REAL, "was None"),
    (lambda: model(couplings=[[True, False]]), "couplings", REAL, "was [[True, False]]"),
    (lambda: model(couplings=[[1, 2], [3]]), "couplings", REAL, "was [[1, 2], [3]]"),
    (lambda: model(couplings=np.array([[{}]])), "couplings", REAL, "was array([[{}]]"),
    (lambda: model(couplings=[["1", "2"]]), "couplings", REAL, "was [['1', '2']]"),
    (lambda: model(couplings=[[10**400]]), "couplings", REAL, "was [[1000"),
    (lambda: model(couplings={}), "couplings", REAL, "was {}"),
    (lambda: model(couplings=[1.0, 2.0]), "couplings", "two dimensions", "had shape (2,)"),
    (lambda: model(couplings=np.ones((1, 2, 3))), "couplings", "two dimensions", "(1, 2, 3)"),
    (lambda: model(couplings=[[]]), "couplings", "neither of them empty", "had shape (1, 0)"),
    (lambda: model(couplings=[[1, NAN, 1]]), "couplings", "be finite", "entry (0, 1) was nan"),
    (lambda: model(couplings=[[1, 1], [1, -INF]]), "couplings", "finite", "entry (1, 1) was -inf"),
    (lambda: model(frequencies=[1, 2]), "frequencies", "one entry per mode (3)", "shape (2,)"),
    (lambda: model(frequencies=True), "frequencies", REAL, "was True"),
    (lambda: model(frequencies=INF), "frequencies", "be finite", "was inf"),
    (lambda: model(frequencies=1j), "frequencies", REAL, "was 1j"),
    (lambda: model(loss=-1), "loss", "not be negative", "mode 0 has -1"),
    (lambda: model(loss=[1, 1, -2]), "loss", "not be negative", "mode 2 has -2"),
    (lambda: model(loss="1"), "loss", REAL, "was '1'"),
    (lambda: model(gain=[0, -0.5, 0]), "gain", "not be negative", "mode 1 has -0.5"),
    (lambda: model(gain=NAN), "gain", "be finite", "was nan"),
    (
        lambda: model(loss=[1, 1, 0.1], gain=[0, 0, 0.3]),
        "loss",
        "exceed `gain` in every mode that has gain",
        "mode 2 has loss=0.1, gain=0.3",
    ),
    (lambda: model(loss=0.5, gain=0.5), "loss", "exceed `gain`", "mode 0 has loss=0.5, gain=0.5"),
    (lambda: model(field=[1, 2, 3]), "field", "one entry per spin (2)", "had shape (3,)"),
    (lambda: model(field=[[1], [2]]), "field", "one entry per spin (2)", "had shape (2, 1)"),
    (lambda: model(coupling_axis="x"), "field_axis", "differ from `coupling_axis`", "'x'"),
    (lambda: model(coupling_axis="Z"), "coupling_axis", "be a known word", "`Z` (known: `x`"),
    (lambda: model(field_axis=1), "field_axis", "be one of `x`, `y`, `z`", "was 1"),
    (lambda: model(patterns=[[1, 0]]), "patterns", "be +1 or -1", "an entry 0"),
    (lambda: model(patterns=[[1, 1, 1]]), "patterns", "(pattern, 2 spins)", "had shape (1, 3)"),
    (lambda: model(weights=[0.5, 0.6]), "weights", "positive and sum to 1", "sum 1.1"),
    (lambda: model(weights=[1.5, -0.5]), "weights", "positive and sum to 1", "least -0.5"),
    (lambda: model(weights=[1.0]), "weights", "one entry per spin (2)", "had shape (1,)"),
    (lambda: model(pattern_names=["a"]), "pattern_names", "every pattern (3)", "had 1 names"),
    (lambda: model(pattern_names="abc"), "pattern_names", "be a list", "was 'abc'"),
    (lambda: model(pattern_names=3), "pattern_names", "be a list", "was 3"),
    (lambda: model(lattice=(2, 2)), "lattice", "(rows, columns) of 2 spins", "was (2, 2)"),
    (lambda: model(lattice=(2,)), "lattice", "(rows, columns) of 2 spins", "was (2,)"),
    (lambda: model(lattice=2), "lattice", "be a list", "was 2"),
    (lambda: model(lattice=(1, NAN)), "lattice", "be an integer", "was nan"),
    (lambda: model(lattice=(1, 2.5)), "lattice", "be an integer", "was 2.5"),
    (lambda: model(lattice=(-1, -2)), "lattice", "be at least 1", "was -1"),
]

ENSEMBLE: list[tuple[Call, str, str, str]] = [
    (lambda: ensemble(couplings=3), "couplings", "or Fixed for a table)", "was 3"),
    (lambda: ensemble(couplings=od.Binary), "couplings", "be a distribution", "was <class"),
    (lambda: ensemble(spins=None), "spins", "be given for random couplings", "was missing"),
    (lambda: ensemble(spins=4.0), "spins", "be an integer", "was 4.0"),
    (lambda: ensemble(spins=True), "spins", "be an integer", "was True"),
    (lambda: ensemble(modes=0), "modes", "be at least 1", "was 0"),
    (lambda: ensemble(frequencies=None), "frequencies", "be given", "was missing"),
    (lambda: ensemble(frequencies=[1, 2, 3]), "frequencies", "per mode (2)", "shape (3,)"),
    (lambda: ensemble(gain=2.0), "loss", "exceed `gain`", "mode 0 has loss=1, gain=2"),
    (lambda: ensemble(loss=[1, 0.5], gain=0.7), "loss", "exceed", "mode 1 has loss=0.5, gain=0.7"),
    (lambda: ensemble(field=[1, 2]), "field", "one entry per spin (4)", "had shape (2,)"),
    (
        lambda: ensemble(couplings=od.Fixed(np.ones((2, 3))), spins=5),
        "spins",
        "agree with the couplings (2)",
        "was 5",
    ),
    (lambda: ensemble().draw(-1), "seed", "be at least 0", "was -1"),
    (lambda: ensemble().draw(1.0), "seed", "be an integer", "was 1.0"),
    (lambda: ensemble().draw(0, -1), "realization", "be at least 0", "was -1"),
    (lambda: ensemble(spins=10**15).draw(), "spins", "memory of this machine", "4.8e+07 GB"),
    (
        lambda: ensemble(spins=10**15).draw(),
        "spins",
        "memory",
        "1000000000000000 spins and 2 modes",
    ),
    (lambda: ensemble(modes=10**30).draw(), "spins", "memory of this machine", "9.6e+22 GB"),
    (lambda: ensemble(modes=40).thermodynamic(), "modes", "2^27 couplings", "3.52e+05 GB"),
    (lambda: ensemble(modes=10**15).thermodynamic(), "modes", "at most 2^27", "2^1000000000000000"),
    (
        lambda: ensemble(couplings=od.Gaussian(1.0)).thermodynamic(),
        "couplings",
        "be Binary, Discrete or Fixed with a strength",
        "was Gaussian(sigma=1.0)",
    ),
    (
        lambda: ensemble(couplings=od.Uniform(1.0)).thermodynamic(),
        "couplings",
        "for a thermodynamic limit",
        "was Uniform(strength=1.0)",
    ),
    (
        lambda: ensemble(couplings=od.Fixed(np.ones((4, 2)))).thermodynamic(),
        "couplings",
        "Fixed with a strength",
        "was Fixed(array of shape (4, 2), strength=None)",
    ),
    (lambda: ensemble(field=[1, 2, 3, 4]).thermodynamic(), "field", "be the same", "it varied"),
    (
        lambda: ensemble(couplings=od.Gaussian(1.0), frequencies=[1, -2]).draw(),
        "frequencies",
        "be positive for Gaussian couplings",
        "mode 1 has -2",
    ),
    (lambda: od.Gaussian(-1), "sigma", "be at least 0", "was -1"),
    (lambda: od.Gaussian("1"), "sigma", "be a real number", "was '1'"),
    (lambda: od.Gaussian(NAN), "sigma", "be finite", "was nan"),
    (lambda: od.Gaussian(10**400), "sigma", "be finite", "was 1000"),
    (lambda: od.Uniform(-0.1), "strength", "be at least 0", "was -0.1"),
    (lambda: od.Uniform(1j), "strength", "be a real number", "was 1j"),
    (lambda: od.Binary(None), "strength", "be a real number", "was None"),
    (lambda: od.Binary(True), "strength", "be a real number", "was True"),
    (lambda: od.Discrete([1, 2], [0.5, 0.6]), "probabilities", "sum to 1", "with sum 1.1"),
    (lambda: od.Discrete([1, 2], [1.5, -0.5]), "probabilities", "be positive", "[1.5, -0.5]"),
    (lambda: od.Discrete([1, 2], [1.0]), "probabilities", "per value (2)", "had shape (1,)"),
    (lambda: od.Discrete([1, 1], [0.5, 0.5]), "values", "be distinct numbers", "was [1, 1]"),
    (lambda: od.Discrete([], []), "values", "be distinct numbers", "was []"),
    (lambda: od.Fixed([1, 2]), "values", "two dimensions, (spin, mode)", "had shape (2,)"),
    (lambda: od.Fixed(None), "values", REAL, "was None"),
    (lambda: od.Fixed(np.ones((2, 2)), "a"), "strength", "be a real number", "was 'a'"),
    (lambda: od.Fixed("no/such.npy"), "path", "name an existing file", "was `no/such.npy`"),
]

STATE: list[tuple[Call, str, str, str]] = [
    (lambda: od.ProductState.polarized("z"), "direction", "be a known word", "did you mean `-z`"),
    (lambda: od.ProductState.polarized(3), "direction", "be one of `+x`", "was 3"),
    (lambda: od.ProductState("+z"), "spins", "be Polarized, Bloch", "was '+z'"),
    (lambda: od.ProductState.bloch([1, 1, 0]), "vectors", "at most 1 long", "length 1.41421"),
    (lambda: od.ProductState.bloch([[0, 0, 1], [2, 0, 0]]), "vectors", "1 long", "of spin 1"),
    (lambda: od.ProductState.bloch([1, 0]), "vectors", "(spin, 3) or (3,)", "shape (2,)"),
    (lambda: od.ProductState.bloch(0.5), "vectors", "(spin, 3) or (3,)", "had shape ()"),
    (lambda: od.ProductState.bloch([[0, NAN, 0]]), "vectors", "finite", "entry (0, 1) was nan"),
    (
        lambda: ask(state=od.ProductState.bloch(np.zeros((5, 3)))),
        "vectors",
        "have one row per spin (2)",
        "had 5",
    ),
    (lambda: od.ProductState.configuration([1, 0]), "values", "+1 and −1", "was [1, 0]"),
    (lambda: od.ProductState.configuration([1, -1], "q"), "axis", "known word", "was `q`"),
    (
        lambda: ask(state=od.ProductState.configuration([1, -1, 1])),
        "values",
        "one entry per spin (2)",
        "had 3",
    ),
    (lambda: ask(state=od.ProductState.configuration([])), "values", "per spin (2)", "had 0"),
    (lambda: ask(state=od.ProductState.pattern(9)), "pattern", "be one of 0 … 2", "was 9"),
    (lambda: od.ProductState.pattern(-1), "pattern", "be at least 0", "was -1"),
    (lambda: od.ProductState.pattern(1.0), "pattern", "be an integer", "was 1.0"),
    (lambda: od.ProductState.pattern("S"), "pattern", "be an integer", "was 'S'"),
    (lambda: od.ProductState.pattern(0, 1.5), "flipped", "be at most 1", "was 1.5"),
    (lambda: od.ProductState.pattern(0, -0.1), "flipped", "be at least 0", "was -0.1"),
    (lambda: od.ProductState.pattern(0, NAN), "flipped", "be finite", "was nan"),
    (lambda: od.ProductState.pattern(0, 0.1, -1), "seed", "be at least 0", "was -1"),
    (
        lambda: ask(model=model(couplings=np.zeros((2, 3))), state=od.ProductState.pattern(0)),
        "pattern",
        "be ±1 at every spin",
        "is 0 at spin 0",
    ),
    (lambda: state(bosons="vacum"), "bosons", "be a known word", "did you mean `vacuum`"),
    (lambda: state(bosons=None), "bosons", "be one of `vacuum`, `stationary`", "was None"),
    (
        lambda: state(bosons="stationary", displacement=1),
        "displacement",
        'be left out with bosons="stationary"',
        "was (1+0j)",
    ),
    (lambda: state(bosons="stationary", occupation=1), "occupation", "be left out", "was 1.0"),
    (
        lambda: ask(model=model(frequencies=0, loss=0), state=state(bosons="stationary")),
        "bosons",
        'not be "stationary" where a mode has none',
        "mode 0 has frequency 0 and no damping",
    ),
    (lambda: state(displacement="a"), "displacement", "be made of complex numbers", "was 'a'"),
    (lambda: state(displacement=complex(0, NAN)), "displacement", "be finite", "nan"),
    (lambda: state(displacement=np.ones((2, 2))), "displacement", "per mode", "shape (2, 2)"),
    (lambda: ask(state=state(displacement=[1, 2])), "displacement", "mode (3)", "shape (2,)"),
    (lambda: state(occupation=-1), "occupation", "not be negative", "was -1"),
    (lambda: state(occupation=1j), "occupation", REAL, "was 1j"),
    (lambda: ask(state=state(occupation=[1, 2])), "occupation", "mode (3)", "had shape (2,)"),
]

QUESTION: list[tuple[Call, str, str, str]] = [
    (lambda: od.MeanField(tolerance=0), "tolerance", "be at least 1e-12", "was 0"),
    (lambda: od.MeanField(tolerance=1), "tolerance", "be at most 0.01", "was 1"),
    (lambda: od.MeanField(tolerance="a"), "tolerance", "be a real number", "was 'a'"),
    (lambda: od.MeanField(order=3), "order", "be 2 or 4", "was 3"),
    (lambda: od.MeanField(order="4"), "order", "be an integer", "was '4'"),
    (lambda: od.MeanField(order=[4]), "order", "be an integer", "was [4]"),
    (lambda: od.MeanField(step=0), "step", "be larger than 0", "was 0"),
    (lambda: od.MeanField(step=-0.1), "step", "be larger than 0", "was -0.1"),
    (lambda: od.MeanField(step=INF), "step", "be finite", "was inf"),
    (lambda: ask(times=[0, 0]), "times", "strictly increasing", "entry 1 (0) follows 0"),
    (lambda: ask(times=[0, 2, 1]), "times", "strictly increasing", "entry 2 (1) follows 2"),
    (lambda: ask(times=[]), "times", "at least one time", "had shape (0,)"),
    (lambda: ask(times=[[0, 1]]), "times", "be a list", "had shape (1, 2)"),
    (lambda: ask(times=1.0), "times", "be a list", "had shape ()"),
    (lambda: ask(times=[0, NAN]), "times", "be finite", "entry (1,) was nan"),
    (lambda: ask(times=[0, 1j]), "times", REAL, "was [0, 1j]"),
    (lambda: ask(times=None), "times", REAL, "was None"),
    (lambda: ask(observables=["photon"]), "observables", "registered", "did you mean `photons`"),
    (lambda: ask(observables="overlp"), "observables", "registered", "did you mean `overlap`"),
    (lambda: ask(observables=[]), "observables", "at least one observable", "was empty"),
    (lambda: ask(observables=[3]), "observables", "be names", "had 3"),
    (lambda: ask(observables=3), "observables", "be a list of names", "was 3"),
    (lambda: ask(seed=-1), "seed", "be at least 0", "was -1"),
    (lambda: ask(seed=1.5), "seed", "be an integer", "was 1.5"),
    (lambda: ask(seed=True), "seed", "be an integer", "was True"),
    (lambda: ask(validity="refuze"), "validity", "known word", "did you mean `refuse`"),
    (lambda: ask(validity=None), "validity", "be one of `refuse`, `warn`, `ignore`", "None"),
    (
        lambda: ask(model=ensemble()),
        "model",
        "be a DickeModel or an IsingModel",
        "(call its `draw` first)",
    ),
    (lambda: ask(model="dicke"), "model", "be a DickeModel or an IsingModel", "was 'dicke'"),
    (lambda: ask(state="+z"), "state", "be a ProductState or an Ensemble", "was '+z'"),
    (lambda: ask(method="mean-field"), "method", "such as MeanField()", "was 'mean-field'"),
    (lambda: ask(method=od.MeanField), "method", "such as MeanField()", "was the class MeanField"),
    (
        lambda: od.assess(ensemble(), UP, [0, 1], od.MeanField()),
        "model",
        "be a DickeModel",
        "(call its `draw` first)",
    ),
]

KNOWN = "(known: `coupling_axis`, `couplings`"
EXPERIMENT: list[tuple[Call, str, str, str]] = [
    (sweep("model.frequncies", [1]), "sweep.model.frequncies", "a parameter", "`frequencies`"),
    (sweep("model.zzz", [1]), "sweep.model.zzz", "be a parameter", KNOWN),
    (sweep("model.frequencies", []), "sweep.model.frequencies", "at least one value", "empty"),
    (sweep("model.loss", [1, 2, 1]), "sweep.model.loss", "hold distinct values", "repeats 1"),
    (sweep("model.loss", [1, 1.0]), "sweep.model.loss", "hold distinct values", "repeats 1.0"),
    (
        sweep("model.loss", [[1, 2], [1.0, 2.0]]),
        "sweep.model.loss",
        "hold distinct values",
        "repeats [1.0, 2.0]",
    ),
    (sweep("model.loss", "abc"), "sweep.model.loss", "be a list of values", "was 'abc'"),
    (sweep("model.loss", 1.0), "sweep.model.loss", "be a list of values", "was 1.0"),
    (sweep("model.loss", None), "sweep.model.loss", "be a list of values", "was None"),
    (sweep("model", [1]), "sweep.model", "such as `model.frequencies`", "was `model`"),
    (sweep("times.stop", [1]), "sweep.times.stop", "of model, state or method", "times.stop"),
    (sweep(3, [1]), "sweep", "have strings as paths", "had 3"),
    (lambda: experiment(sweep=[1]), "sweep", "map paths to lists of values", "was [1]"),
    (sweep("model.loss", [1, -1]), "sweep.model.loss", "not be negative", "has -1"),
    (
        sweep("model.gain", [0.5, 1.5]),
        "sweep.model.gain",
        "keep `loss` valid, which must exceed `gain` in every mode that has gain",
        "mode 0 has loss=1, gain=1.5",
    ),
    (
        sweep("model.coupling_axis", ["x"]),
        "sweep.model.coupling_axis",
        "keep `field_axis` valid, which must differ from `coupling_axis`",
        "both were 'x'",
    ),
    (sweep("model.loss", [1, NAN]), "sweep.model.loss", "be finite", "was nan"),
    (sweep("model.frequencies", [[1, 2, 3]]), "sweep.model.frequencies", "mode (2)", "(3,)"),
    (sweep("model.spins", [4, 0]), "sweep.model.spins", "be at least 1", "was 0"),
    (
        sweep("model.couplings.strength", ["a"]),
        "sweep.model.couplings.strength",
        "be a real number",
        "was 'a'",
    ),
    (sweep("state.spins", ["+q"]), "sweep.state.spins", "be a direction", "was `+q`"),
    (sweep("state.flipped", [0.1]), "sweep.state.flipped", "be a parameter", "`bosons`"),
    (sweep("method.step", [0.0]), "sweep.method.step", "be larger than 0", "was 0"),
    (lambda: experiment(realizations=0), "realizations", "be at least 1", "was 0"),
    (lambda: experiment(realizations=1.5), "realizations", "be an integer", "was 1.5"),
    (
        lambda: experiment(model=model(), realizations=2),
        "realizations",
        "be 1 where nothing is random",
        "was 2",
    ),
    (
        lambda: experiment(model=ensemble(couplings=od.Fixed(np.ones((4, 2)))), realizations=3),
        "realizations",
        "be 1 where nothing is random",
        "was 3",
    ),
    (
        lambda: experiment(thermodynamic=True, realizations=2),
        "realizations",
        "be 1 where nothing is random",
        "was 2",
    ),
    (lambda: experiment(seed=-1), "seed", "be at least 0", "was -1"),
    (lambda: experiment(seed=2**63), "seed", "be below 2^63", "was 9223372036854775808"),
    (lambda: experiment(seed=1.0), "seed", "be an integer", "was 1.0"),
    (lambda: experiment(seed=False), "seed", "be an integer", "was False"),
    (lambda: experiment(thermodynamic=1), "thermodynamic", "be true or false", "was 1"),
    (
        lambda: experiment(model=model(), thermodynamic=True),
        "thermodynamic",
        "be asked of a RandomDicke only",
        "model was fixed",
    ),
    (lambda: experiment(model=3), "model", "be RandomDicke or DickeModel", "was 3"),
    (lambda: experiment(state="+z"), "state", "be ProductState", "was '+z'"),
    (lambda: experiment(method="mean-field"), "method", 'MeanField(), or "auto"', "'mean-field'"),
    (lambda: experiment(observables=["sxx"]), "observables", "registered", "mean `sx`"),
    (lambda: experiment(times=[1, 0]), "times", "strictly increasing", "(0) follows 1"),
    (lambda: od.run("retrieval.toml"), "experiment", "be an Experiment", "'retrieval.toml'"),
    (lambda: od.run(experiment(), "x.h5"), "store", "end in .zarr or .nc", "was `x.h5`"),
    (lambda: od.run(experiment(), 3), "store", "be a path", "was 3"),
    (lambda: od.load("results.txt"), "store", "end in .zarr, .nc or .csv", "was `results.txt`"),
    (lambda: od.run(experiment(), validity="x"), "validity", "be a known word", "was `x`"),
    (
        lambda: od.run(experiment(realizations=10**12)),
        "experiment",
        "memory of this machine",
        "1000000000000 members would need 1e+07 GB",
    ),
    (
        lambda: od.run(experiment(sweep={"model.spins": [4, 10**15]})),
        "spins",
        "memory of this machine",
        "1000000000000000 spins and 2 modes would need 4.8e+07 GB",
    ),
    (
        lambda: od.run(
            experiment(
                model=ensemble(spins=10**7),
                times=np.arange(10**5),
                observables=["sz_spin"],
                realizations=2,
            )
        ),
        "experiment",
        "memory of this machine",
        "2 members of 10000000 spins, 2 modes and 100000 times would need 3.2e+04 GB",
    ),
    (
        lambda: od.run(experiment(model=ensemble(modes=70), thermodynamic=True)),
        "modes",
        "allow at most 2^27 couplings of groups",
        "would need 6.61e+14 GB",
    ),
    (
        lambda: od.run(experiment(model=ensemble(couplings=od.Gaussian(1.0)), thermodynamic=True)),
        "couplings",
        "for a thermodynamic limit",
        "was Gaussian(sigma=1.0)",
    ),
    (
        lambda: od.run(experiment(state=od.ProductState.configuration([1, -1]))),
        "configuration",
        "have one entry per spin (4)",
        "had 2",
    ),
    (
        lambda: experiment(model=model(patterns=[[1, -1]])).to_toml(),
        "model",
        "without patterns and weights, to go into a file",
        "was DickeModel(2 spins, 3 modes",
    ),
    (
        lambda: experiment(state=state(displacement=1j)).to_toml(),
        "displacement",
        "be real or have one entry per mode, to go into a file",
        "was not",
    ),
]

CASES = MODEL + ENSEMBLE + STATE + QUESTION + EXPERIMENT


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[3]}")
def test_the_sentence_says_which_what_and_what_was(case: tuple[Call, str, str, str]) -> None:
    """Argument, requirement, received: each in its place."""
    refuses(*case, kind=od.InputError)


@pytest.mark.parametrize(
    ("terms", "argument", "requirement", "received"),
    [
        (od.SpinTerm("z", np.ones(7)), "weights of", "2 entries", "had shape (7,)"),
        (od.SpinTerm("z", [NAN, 1]), "weights of", "be finite", "entry (0,) was nan"),
        (od.SpinTerm("w", np.ones(2)), "axis of", "be a known word", "was `w`"),
        (od.PhotonTerm(np.ones(2)), "weights of", "3 entries", "had shape (2,)"),
        (od.PhotonTerm(["a", "b", "c"]), "weights of", "real numbers", "['a', 'b', 'c']"),
        (od.SpinTerm("z"), "", "give terms with the dimensions ()", "of shape (2,)"),
        (od.SpinTerm("z", np.ones((3, 2))), "", "dimensions ()", "of shape (3,)"),
        ([od.SpinTerm("z", [1, 1]), od.PhotonTerm()], "", "terms of one shape", "() and (3,)"),
        (3, "", "return a term or a list of terms", "gave 3"),
        ([], "", "return a term or a list of terms", "gave []"),
        ([od.SpinTerm("z", np.ones(2)), "sx"], "", "be made of terms", "gave 'sx'"),
    ],
)
def test_observables_of_ones_own_are_checked(
    registry: dict[str, Any], terms: Any, argument: str, requirement: str, received: str
) -> None:
    """An observable that does not fit the model is named, with what is wrong with it."""
    od.observable("mine")(lambda _: terms)
    name = f"{argument} observable mine".strip()
    refuses(lambda: ask(observables=["mine"]), name, requirement, received, od.InputError)


@pytest.mark.parametrize(
    ("call", "argument", "requirement", "received"),
    [
        (
            lambda: od.reduce(ensemble(), UP),
            "model",
            "be a DickeModel or an IsingModel",
            "was RandomDicke(",
        ),
        (lambda: od.reduce(model(), "+x"), "state", "be a ProductState or an Ensemble", "was '+x'"),
        (
            lambda: od.DickeModel(np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), 1.0),
            "couplings",
            "have a value at every place",
            "was masked at some",
        ),
        (lambda: od.InteractionTerm("a"), "scale", "be a real number", "was 'a'"),
        (lambda: od.IsingTerm(np.inf), "scale", "be finite", "was inf"),
        (lambda: od.observable("a", dims=("time",)), "dims", "other than time", "was ('time',)"),
        (lambda: od.observable("a", dims=("b", "b")), "dims", "distinct names", "'b', 'b'"),
        (lambda: od.observable("a", dims=3), "dims", "be a tuple of distinct names", "was 3"),
        (lambda: od.observable("a", dims=(["b"],)), "dims", "distinct names", "was (['b'],)"),
        (lambda: od.SpinPairTerm("z", [1.0]), "axes", 'two of "x", "y", "z"', "was 'z'"),
        (lambda: od.SpinPairTerm("zzz", [1.0]), "axes", 'two of "x", "y", "z"', "was 'zzz'"),
        (lambda: od.SpinPairTerm(("z", 1), [1.0]), "axes", 'two of "x"', "was ('z', 1)"),
        (lambda: od.SpinPairTerm(None, [1.0]), "axes", 'two of "x"', "was None"),
        (lambda: od.critical_coupling(1, 0, 1), "frequency", "not be zero", "was 0"),
    ],
)
def test_parts_on_their_own(call: Call, argument: str, requirement: str, received: str) -> None:
    """What is called without `solve` checks its arguments too."""
    refuses(call, argument, requirement, received, od.InputError)


def test_a_dimension_of_the_library_has_its_size(registry: dict[str, Any]) -> None:
    """Weights along `spin` are as many as there are spins."""
    od.observable("mine", dims=("spin",))(lambda _: od.SpinTerm("z", np.ones((3, 2))))
    wanted = ("have 2 entries along `spin`", "had 3")
    refuses(lambda: ask(observables=["mine"]), "observable mine", *wanted, od.InputError)


def test_couplings_beyond_all_steps_are_refused() -> None:
    """Where no affordable step could follow the motion, mean field says so beforehand."""
    with pytest.raises(od.ValidityError, match="at most 1e\\+07 are made"):
        ask(model=model(couplings=np.full((2, 3), 1e300)))


@pytest.mark.parametrize(
    ("name", "received"), [("two words", "was 'two words'"), ("sx", "`sx` is"), ("", "was '<lam")]
)
def test_names_of_observables(registry: dict[str, Any], name: str, received: str) -> None:
    """A name is an identifier, and not taken unless replacement is asked for."""
    requirement = "not be taken" if name == "sx" else "be a Python identifier"
    register = od.observable(name)
    refuses(lambda: register(lambda _: od.PhotonTerm()), "name", requirement, received, ValueError)


@pytest.mark.parametrize("known", ["InputError", "ValidityError"])
def test_exceptions_are_value_errors(known: str) -> None:
    """`except ValueError` catches them all."""
    assert issubclass(getattr(od, known), ValueError)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_what_no_store_can_hold(suffix: str, tmp_path: Path) -> None:
    """A dataset with contents of no known type is a StoreError, and leaves nothing behind."""
    dataset = xr.Dataset({"a": ("t", np.array([object()]))}, attrs={"format": 1})
    with pytest.raises(od.StoreError, match="cannot be written"):
        od.save(dataset, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_what_is_no_dataset(tmp_path: Path) -> None:
    """A result of another kind is an InputError, and leaves nothing behind."""
    given: Any = {"sz": 1.0}
    with pytest.raises(od.InputError, match="`dataset` must be an xarray dataset, but was"):
        od.save(given, tmp_path / "a.nc")
    with pytest.raises(od.InputError, match="`dataset` must be an xarray dataset, but was"):
        od.comparison_table(given)
    with pytest.raises(od.InputError, match="`file` must be a path, but was"):
        od.Experiment.from_toml(given)
    assert not list(tmp_path.iterdir())


def test_huge_sizes_are_cheap_until_they_are_drawn() -> None:
    """Describing an ensemble allocates nothing of its size."""
    huge = ensemble(spins=10**15, modes=10**12, loss=2.0, gain=1.0)
    assert (huge.spins, huge.modes) == (10**15, 10**12)


def test_one_value_has_a_limit_of_one_group() -> None:
    """The limit of couplings that all are equal is one row, however many modes there are."""
    limit = ensemble(couplings=od.Discrete([0.5], [1.0]), modes=200).thermodynamic()
    np.testing.assert_array_equal(limit.couplings, np.full((1, 200), 0.5))
    np.testing.assert_array_equal(limit.weights, [1.0])
