"""Bad input to phase diagrams: one sentence that names the argument, and nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import opendicke as od
from opendicke.methods import attractors

UP = od.ProductState.pattern(0)
NAN = math.nan
STRENGTH, FIELD, GAIN, LOSS = (
    "model.couplings.strength",
    "model.field",
    "model.gain",
    "model.loss",
)


def ensemble(couplings: Any = None, **replaced: Any) -> od.RandomDicke:
    """Eight spins, two modes, binary couplings."""
    parts: dict[str, Any] = {"spins": 8, "modes": 2, "frequencies": 1.0, "loss": 1.0, "field": 0.5}
    return od.RandomDicke(couplings or od.Binary(1.0), **parts | replaced)


def diagram(sweep: Any = None, **replaced: Any) -> Any:
    """A diagram of one point that is good unless something is replaced."""
    parts = {"model": ensemble(), "state": UP, "duration": 1.0, "sweep": {FIELD: [0.5]}}
    if sweep is not None:
        parts["sweep"] = sweep
    return od.phase_diagram(**parts | replaced)


def test_what_is_replaced_below_is_good() -> None:
    """The cases fail for what they replace only."""
    assert diagram().field.values.tolist() == [0.5]


def call(sweep: Any = None, **replaced: Any) -> Callable[[], Any]:
    return lambda: diagram(sweep, **replaced)


LIMIT = od.RandomDicke(od.Fixed(np.ones((4, 2))), frequencies=1.0, loss=1.0, field=0.5)
CASES: list[tuple[Callable[[], Any], str, str, str]] = [
    (call(model=LIMIT.draw()), "model", "be a RandomDicke", "was DickeModel("),
    (call(model=od.RandomDicke), "model", "be a RandomDicke", "was <class"),
    (call(model=None), "model", "be a RandomDicke", "was None"),
    (call(state="+x"), "state", "be ProductState", "was '+x'"),
    (call({}), "sweep", "map axes to lists of values", "was {}"),
    (call([FIELD]), "sweep", "map axes to lists", "was ['model.field']"),
    (call(3), "sweep", "map axes to lists", "was 3"),
    (call({1: [1, 2]}), "sweep", "have strings as names", "had 1"),
    (call({"a": {1: [1, 2]}}), "sweep.a", "have strings as paths", "had 1"),
    (call({"a": {}}), "sweep.a", "change at least one parameter", "was empty"),
    (call({FIELD: []}), "sweep.model.field", "hold at least one value", "was empty"),
    (call({"a": {FIELD: []}}), "sweep.model.field", "at least one value", "was empty"),
    (call({FIELD: 1.0}), "sweep.model.field", "be a list of values", "was 1.0"),
    (call({FIELD: "abc"}), "sweep.model.field", "be a list of values", "was 'abc'"),
    (call({FIELD: {1, 2}}), "sweep.model.field", "be a list of values", "was {1, 2}"),
    (call({FIELD: {"model.loss": [1]}}), "sweep", "name its axes by free words", "'model.field'"),
    (call({"model.feild": [1]}), "sweep.model.feild", "be a parameter", "did you mean `field`?"),
    (
        call({"a": {"model.couplings.strenght": [1]}}),
        "sweep.model.couplings.strenght",
        "be a parameter",
        "did you mean `strength`?",
    ),
    (call({"state.patern": [0]}), "sweep.state.patern", "be a parameter", "was `patern`"),
    (call({"field": [1]}), "sweep.field", "name parameters of model or state", "was `field`"),
    (call({"model": [1]}), "sweep.model", "name a parameter of model", "was `model`"),
    (call({"": [1]}), "sweep.", "name parameters of model or state", "was ``"),
    (
        call({"method.step": [0.1]}),
        "sweep.method.step",
        "parameters of model or state",
        "was `method.step`",
    ),
    (
        call({"method.order": [2]}),
        "sweep.method.order",
        "parameters of model or state",
        "was `method.order`",
    ),
    (call({"times": [2]}), "sweep.times", "parameters of model or state", "was `times`"),
    (
        call({"a": {FIELD: [1, 2], LOSS: [1]}}),
        "sweep.a",
        "list as many values for each",
        "had 2 for `model.field`, 1 for `model.loss`",
    ),
    (call({FIELD: [1, 2, 1.0]}), "sweep.model.field", "hold distinct values", "repeats 1.0"),
    (call({LOSS: [[1, 2], (1, 2)]}), "sweep.model.loss", "distinct values", "repeats (1, 2)"),
    (call({FIELD: [1], "a": {FIELD: [2]}}), "sweep", "every parameter on one", "`model.field`"),
    (
        call({"a": {FIELD: [1], LOSS: [2]}, "b": {GAIN: [0], LOSS: [3]}}),
        "sweep",
        "change every parameter on one axis",
        "repeats `model.loss`",
    ),
    (call({"field": {LOSS: [1]}, FIELD: [1]}), "sweep", "name every axis once", "field, model"),
    *[
        (call({name: {FIELD: [1]}}), "sweep", "name its axes by free words", f"'{name}'")
        for name in ("overlap", "mode", "pattern", "motion", "period", "step", "sx", "sz", "time")
    ],
    *[
        (call({name: {FIELD: [1]}}), "sweep", "name its axes by free words", f"'{name}'")
        for name in ("two words", "", "1st", "overlap_swing", "photons_mode", "realization")
    ],
    (call({"hidden_instability": {FIELD: [1]}}), "sweep", "free words", "hidden_instability"),
    (call({FIELD: [0.1, NAN]}), "sweep.model.field", "be finite", "was nan"),
    (call({FIELD: [math.inf]}), "sweep.model.field", "be finite", "was inf"),
    (call({FIELD: ["a"]}), "sweep.model.field", "be made of real numbers", "was 'a'"),
    (call({FIELD: [None]}), "sweep.model.field", "be made of real numbers", "was None"),
    (call({FIELD: [1j]}), "sweep.model.field", "be made of real numbers", "was 1j"),
    (call({FIELD: [True]}), "sweep.model.field", "be made of real numbers", "was True"),
    (call({FIELD: [{}]}), "sweep.model.field", "be made of real numbers", "was {}"),
    (call({FIELD: [[1, 2]]}), "sweep.model.field", "one entry per spin (8)", "shape (2,)"),
    (call({STRENGTH: ["a"]}), "sweep.model.couplings.strength", "a real number", "was 'a'"),
    (call({STRENGTH: [[1, 2]]}), "sweep.model.couplings.strength", "a real number", "[1, 2]"),
    (call({STRENGTH: [NAN]}), "sweep.model.couplings.strength", "be finite", "was nan"),
    (call({LOSS: [-1]}), "sweep.model.loss", "not be negative", "mode 0 has -1"),
    (call({"model.modes": [1.5]}), "sweep.model.modes", "be an integer", "was 1.5"),
    (call({"model.modes": [0]}), "sweep.model.modes", "be at least 1", "was 0"),
    (call({"model.modes": [1, "2"]}), "sweep.model.modes", "be an integer", "was '2'"),
    (call({"model.modes": [40]}), "modes", "at most 2^27 couplings", "2^40 groups"),
    (call({"state.flipped": [1.5]}), "sweep.state.flipped", "be at most 1", "was 1.5"),
    (call({"state.pattern": [2]}), "pattern", "be one of 0 … 1", "was 2"),
    (call({"state.spins": ["z"]}), "sweep.state.spins", "be a direction", "did you mean `-z`?"),
    (call({"state.bosons": ["hot"]}), "sweep.state.bosons", "be a known word", "was `hot`"),
    (call({"model.field_axis": ["x", "y"]}), "sweep.model.field_axis", "same for all", "swept"),
    (call({"model.coupling_axis": ["x"]}), "sweep.model.coupling_axis", "field_axis", "'x'"),
    (call({GAIN: [0.1, 2.0]}), "sweep.model.gain", "keep `loss` valid", "loss=1, gain=2"),
    (
        call({GAIN: [0, [0.1, 0.5]], LOSS: [0.6, 0.3]}, model=ensemble(loss=0.9)),
        "loss",
        "exceed `gain` in every mode that has gain",
        "mode 1 has loss=0.3, gain=0.5",
    ),
    (
        call({GAIN: [0.1, 0.5], "a": {LOSS: [0.6, 0.3]}}, thermodynamic=False),
        "loss",
        "exceed `gain`",
        "mode 0 has loss=0.3, gain=0.5",
    ),
    (
        call({"model.modes": [1, 2], "model.frequencies": [1.0, [1.0, 2.0]]}),
        "sweep.frequencies",
        "be a number or have one entry per mode (1)",
        "had 2 entries",
    ),
    (
        call({"model.modes": [2, 3]}, model=ensemble(frequencies=[1.0, 2.0])),
        "sweep.model.modes",
        "keep `frequencies` valid",
        "had shape (2,)",
    ),
    (
        call({"a": {"model.modes": [1, 2], LOSS: [[1.0], [2.0]]}}),
        "sweep.model.modes",
        "one entry per mode (2)",
        "had shape (1,)",
    ),
    (
        call({"model.modes": [3, 1]}, state=od.ProductState.pattern(1)),
        "pattern",
        "be one of 0 … 0, which every point has",
        "was 1",
    ),
    (
        call(state=od.ProductState.bloch(np.zeros((3, 3)))),
        "bloch",
        "have one row per spin (4)",
        "had 3",
    ),
    (call(state=od.ProductState.pattern(0, displacement=[1, 2, 3])), "displacement", "(2)", "(3,)"),
    (
        call(
            {"model.frequencies": [1.0, 0.0]},
            model=ensemble(loss=0.0),
            state=od.ProductState.polarized("+z", bosons="stationary"),
            thermodynamic=False,
        ),
        "bosons",
        'not be "stationary" where a mode has none',
        "frequency 0 and no damping",
    ),
    (call(model=ensemble(od.Gaussian(1.0))), "couplings", "for a thermodynamic limit", "Gaussian"),
    (call(model=LIMIT), "couplings", "Fixed with a strength", "strength=None"),
    (
        call(
            {"model.frequencies": [1.0, -1.0]},
            model=ensemble(od.Gaussian(1.0)),
            thermodynamic=False,
        ),
        "frequencies",
        "be positive for Gaussian couplings",
        "",
    ),
    (
        call({LOSS: [1.0]}, model=ensemble(field=np.arange(8.0))),
        "field",
        "be the same for all spins",
        "it varied",
    ),
    (call(duration=0), "duration", "be larger than 0", "was 0"),
    (call(duration=-1.0), "duration", "be larger than 0", "was -1"),
    (call(duration=NAN), "duration", "be finite", "was nan"),
    (call(duration="long"), "duration", "be a real number", "was 'long'"),
    (call(duration=[1.0]), "duration", "be a real number", "was [1.0]"),
    (call(window=0), "window", "be larger than 0", "was 0"),
    (call(window=1.1), "window", "be at most 1", "was 1.1"),
    (call(window=True), "window", "be a real number", "was True"),
    (call(tolerance=0), "tolerance", "be at least 1e-09", "was 0"),
    (call(tolerance=0.1), "tolerance", "be at most 0.01", "was 0.1"),
    (call(tolerance=None), "tolerance", "be a real number", "was None"),
    (call(thermodynamic=1), "thermodynamic", "be true or false", "was 1"),
    (call(seed=-1), "seed", "be at least 0", "was -1"),
    (call(realization=-1, thermodynamic=False), "realization", "be at least 0", "was -1"),
    (call(realization=0.5), "realization", "be an integer", "was 0.5"),
    (
        call({FIELD: np.arange(1e4), LOSS: 1 + np.arange(1e4)}),
        "sweep",
        "no more than the memory of this machine",
        "100000000 points would need",
    ),
]


def sentence(error: Exception) -> re.Match[str]:
    """The one sentence of an `InputError`, in its parts."""
    assert type(error) is od.InputError
    text = str(error)
    assert len(text.splitlines()) == 1
    assert len(text) < 500
    found = re.fullmatch(r"Argument `(.*?)` must (.+), but (.+)[.?]", text)
    assert found, text
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[2]}-{case[3]}"[:70])
def test_the_sentence_says_which_what_and_what_was(
    case: tuple[Callable[[], Any], str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument, requirement, received: each in its place, before anything is computed."""

    def computed(_: Any) -> Any:
        raise AssertionError("nothing may be computed")

    monkeypatch.setattr(attractors.Attractors, "find", computed)
    attempt, argument, requirement, received = case
    with pytest.raises(od.InputError) as caught:
        attempt()
    found = sentence(caught.value)
    assert found[1] == argument
    assert requirement in found[2], found[0]
    assert received in found[3] + found[0][-1], found[0]


@pytest.mark.parametrize(
    "attempt",
    [
        call({STRENGTH: [1e300]}),
        call({FIELD: [1e200]}),
        call({"model.frequencies": [1.0]}, duration=1e9),
        call(window=1e-8),
        call(duration=1e-320),
    ],
)
def test_what_no_affordable_step_could_follow_is_refused(attempt: Callable[[], Any]) -> None:
    """Too many steps are refused before the first one."""
    with pytest.raises(od.ValidityError, match=r"at most 1e\+07 are made\.$"):
        attempt()


NUMBERS = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([0.5, 1.0, 2.0, -1.0, 0.0, NAN, math.inf, 1e-3, True, None, 1j, 1e400]),
)
VALUES = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, max_size=3),
    st.sampled_from(["+x", "-z", "vacuum", "stationary", "", "x", "y", "nope"]),
    st.just({}),
    st.just(np.ones(2)),
)
PATHS = st.sampled_from(
    [
        "model.couplings.strength",
        "model.couplings.sigma",
        "model.couplings",
        "model.field",
        "model.loss",
        "model.gain",
        "model.frequencies",
        "model.modes",
        "model.spins",
        "model.coupling_axis",
        "model.field_axis",
        "state.pattern",
        "state.flipped",
        "state.seed",
        "state.spins",
        "state.bosons",
        "state.displacement",
        "state.occupation",
        "method.step",
        "state",
        "model..field",
        "model.field.a",
        "nonsense",
    ]
)
LISTED = st.lists(VALUES, max_size=3)
AXES = st.dictionaries(
    st.one_of(PATHS, st.sampled_from(["a", "b", "mode", "1"])),
    st.one_of(LISTED, st.dictionaries(PATHS, LISTED, max_size=3)),
    max_size=3,
)
RATES = st.one_of(st.sampled_from([0.0, 0.5, 1, 2.0]), st.lists(st.floats(0, 2), max_size=3))
SENSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "model.couplings.strength": st.floats(-2, 2),
    "model.couplings": st.sampled_from([od.Binary(1.0), od.Binary(2.0), od.Uniform(1.0)]),
    "model.field": st.one_of(st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=8, max_size=8)),
    "model.frequencies": RATES,
    "model.loss": RATES,
    "model.gain": RATES,
    "model.modes": st.integers(1, 3),
    "model.spins": st.sampled_from([4, 8]),
    "model.coupling_axis": st.sampled_from("xyz"),
    "state.pattern": st.integers(0, 2),
    "state.flipped": st.floats(0, 1),
    "state.spins": st.sampled_from(["+x", "-z"]),
    "state.bosons": st.sampled_from(["vacuum", "stationary"]),
    "state.displacement": st.one_of(st.floats(-1, 1), st.lists(st.floats(-1, 1), max_size=2)),
    "state.occupation": st.floats(0, 1),
}


@st.composite
def sensible(draw: Any) -> dict[str, Any]:
    """Sweeps of values that make sense one by one."""
    sweep: dict[str, Any] = {}
    paths = draw(st.lists(st.sampled_from(list(SENSIBLE)), min_size=1, max_size=4, unique=True))
    for number, path in enumerate(paths):
        size = draw(st.integers(1, 2))
        listed = {path: [draw(SENSIBLE[path]) for _ in range(size)]}
        if number and draw(st.booleans()):
            other = f"axis{number}"
            more = draw(st.sampled_from([p for p in SENSIBLE if p not in paths]))
            sweep[other] = listed | {more: [draw(SENSIBLE[more]) for _ in range(size)]}
        else:
            sweep |= listed
    return sweep


MODELS = st.sampled_from(
    [
        ensemble(),
        ensemble(od.Gaussian(1.0)),
        ensemble(od.Discrete([1, 0.5], [0.5, 0.5]), loss=[1.0, 2.0]),
        od.RandomDicke(od.Fixed(np.ones((8, 2)), 1.0), frequencies=1.0, loss=1.0),
    ]
)


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(MODELS, st.one_of(AXES, sensible(), sensible()), st.booleans())
def test_any_sweep_is_read_or_refused(
    monkeypatch: pytest.MonkeyPatch, model: od.RandomDicke, sweep: Any, thermodynamic: bool
) -> None:
    """Whatever the sweep: points with finite parameters, or one sentence."""

    class ReadError(Exception):
        """The sweep was good."""

    def find(solver: Any) -> Any:
        points = solver._points
        parameters, states = points.chosen(np.arange(len(points)))
        for leaf in (
            parameters.scale,
            parameters.rate,
            parameters.field,
            parameters.drive,
            *states,
        ):
            assert np.isfinite(leaf).all()
        assert len(solver._spread(np.ones(len(solver._sample)))) == len(points)
        raise ReadError

    monkeypatch.setattr(attractors.Attractors, "find", find)
    try:
        od.phase_diagram(model, UP, sweep, 1.0, thermodynamic=thermodynamic)
    except ReadError:
        pass
    except od.InputError as error:
        sentence(error)
