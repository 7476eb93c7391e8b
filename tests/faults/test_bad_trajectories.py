"""Bad input around truncated Wigner, single trajectories and ensembles: one sentence each."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.solving import check_question

Call = Callable[[], Any]
Wigner = od.TruncatedWigner
NAN, INF = math.nan, math.inf
UP = od.ProductState.polarized("+z")
SMALL = Wigner(trajectories=8, step=0.1, order=2)
ISING = od.IsingModel(factors=np.ones((2, 1)), field=0.5)
REAL = "be made of real numbers in a regular shape"


def model(**replaced: Any) -> od.DickeModel:
    """Two spins, three modes."""
    settings = {"couplings": np.ones((2, 3)), "frequencies": [1.0, 2.0, 3.0], "field": 0.5}
    return od.DickeModel(**settings | replaced)


def limit() -> od.DickeModel:
    return od.RandomDicke(od.Binary(1.0), 8, 2, frequencies=1.0, field=0.3).thermodynamic()


def ensemble(number: int = 8, spins: int = 2, modes: int = 3) -> od.Ensemble:
    return od.Ensemble(np.ones((number, spins, 3)), np.zeros((number, modes)))


def ask(**replaced: Any) -> Any:
    settings: dict[str, Any] = {
        "model": model(), "state": UP, "times": [0.0, 1.0], "method": SMALL, "observables": ["sz"],
    }  # fmt: skip
    return od.solve(**settings | replaced, validity="ignore")


def follow(**replaced: Any) -> Any:
    settings: dict[str, Any] = {
        "model": model(), "state": UP, "times": [0.0, 1.0], "method": SMALL, "observables": ["sz"],
    }  # fmt: skip
    return od.trajectories(**settings | {"validity": "ignore"} | replaced)


def refuses(call: Call, argument: str, requirement: str, received: str) -> None:
    """An `InputError` of one line that has its three parts, each in its place."""
    with pytest.raises(od.InputError) as caught:
        call()
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1
    assert len(sentence) < 500
    found = re.fullmatch(r"Argument `(.+?)` must (.+?), but (.+)[.?]", sentence)
    assert found, sentence
    assert found[1] == argument, sentence
    assert requirement in found[2], sentence
    assert received in found[3], sentence


SETTINGS: list[tuple[Call, str, str, str]] = [
    (lambda: Wigner(precision="half"), "precision", "be a known word", "`half` (known: `double`"),
    (lambda: Wigner(precision="singel"), "precision", "known word", "did you mean `single`"),
    (lambda: Wigner(precision=None), "precision", "be one of `double`, `single`", "was None"),
    (lambda: Wigner(precision=32), "precision", "be one of `double`, `single`", "was 32"),
    (
        lambda: Wigner(precision="single", tolerance=9e-6),
        "tolerance",
        "be at least 1e-05 in single precision",
        "was 9e-06",
    ),
    (lambda: Wigner(tolerance=0), "tolerance", "be at least 1e-12", "was 0"),
    (lambda: Wigner(tolerance=0.2), "tolerance", "be at most 0.1", "was 0.2"),
    (lambda: Wigner(tolerance=NAN), "tolerance", "be finite", "was nan"),
    (lambda: Wigner(trajectories=0), "trajectories", "be at least 1", "was 0"),
    (lambda: Wigner(trajectories=1.5), "trajectories", "be an integer", "was 1.5"),
    (lambda: Wigner(trajectories=True), "trajectories", "be an integer", "was True"),
    (lambda: Wigner(trajectories="9"), "trajectories", "be an integer", "was '9'"),
    (lambda: Wigner(trajectories=2**40), "trajectories", "at most 4294967295", "1099511627776"),
    (lambda: Wigner(trajectories=2**32), "trajectories", "at most 4294967295", "4294967296"),
    (
        lambda: Wigner(trajectories=1, target_stderr=0.1),
        "trajectories",
        "be at least 2 with `target_stderr`",
        "was 1",
    ),
    (lambda: Wigner(target_stderr=0), "target_stderr", "be larger than 0", "was 0"),
    (lambda: Wigner(target_stderr=-0.1), "target_stderr", "be larger than 0", "was -0.1"),
    (lambda: Wigner(target_stderr=NAN), "target_stderr", "be finite", "was nan"),
    (lambda: Wigner(target_stderr=INF), "target_stderr", "be finite", "was inf"),
    (lambda: Wigner(target_stderr="a"), "target_stderr", "be a real number", "was 'a'"),
    (lambda: Wigner(block=0), "block", "be at least 1", "was 0"),
    (lambda: Wigner(block=2.0), "block", "be an integer", "was 2.0"),
    (lambda: Wigner(order=3), "order", "be 2 or 4", "was 3"),
    (lambda: Wigner(order=4.0), "order", "be an integer", "was 4.0"),
    (lambda: Wigner(step=0), "step", "be larger than 0", "was 0"),
    (lambda: Wigner(step=-1), "step", "be larger than 0", "was -1"),
    (lambda: Wigner(step=INF), "step", "be finite", "was inf"),
]

SIZES = "have the shape (trajectory, spin, 3)"
ENSEMBLES: list[tuple[Call, str, str, str]] = [
    (lambda: od.Ensemble(np.ones((4, 2)), np.zeros((4, 3))), "spins", SIZES, "(4, 2)"),
    (lambda: od.Ensemble(np.ones((4, 2, 2)), np.zeros((4, 3))), "spins", SIZES, "(4, 2, 2)"),
    (lambda: od.Ensemble(np.ones((0, 2, 3)), np.zeros((0, 3))), "spins", SIZES, "(0, 2, 3)"),
    (lambda: od.Ensemble("a", np.zeros((4, 3))), "spins", REAL, "was 'a'"),
    (lambda: od.Ensemble(np.ones((4, 2, 3)) * 1j, np.zeros((4, 3))), "spins", REAL, "was array("),
    (
        lambda: od.Ensemble(np.full((4, 2, 3), NAN), np.zeros((4, 3))),
        "spins",
        "be finite",
        "entry (0, 0, 0) was nan",
    ),
    (
        lambda: od.Ensemble(np.ones((4, 2, 3)), np.full((4, 3), complex(0, INF))),
        "amplitudes",
        "be finite",
        "entry (0, 0) was infj",
    ),
    (
        lambda: od.Ensemble(np.ones((4, 2, 3)), np.zeros((3, 3))),
        "amplitudes",
        "have the shape (4 trajectories, mode)",
        "had shape (3, 3)",
    ),
    (
        lambda: od.Ensemble(np.ones((4, 2, 3)), np.zeros(4)),
        "amplitudes",
        "have the shape (4 trajectories, mode)",
        "had shape (4,)",
    ),
    (lambda: ask(state=ensemble(spins=3)), "state", "hold 2 spins", "held 3"),
    (lambda: ask(state=ensemble(modes=2)), "state", "hold 3 modes", "held 2"),
    (lambda: follow(state=ensemble(modes=4)), "state", "hold 3 modes", "held 4"),
    (lambda: ask(model=ISING, state=ensemble()), "state", "hold 0 modes", "held 3"),
    (
        lambda: ask(state=ensemble(), method=od.MeanField()),
        "state",
        "be a ProductState for MeanField",
        "was Ensemble(8 trajectories, 2 spins, 3 modes)",
    ),
    (lambda: ask(state=ensemble(7)), "trajectories", "be at most the 7 of the ensemble", "was 8"),
    (lambda: follow(state=ensemble(7)), "trajectories", "be at most the 7 of the ensem", "was 8"),
    (
        lambda: ask(state=ensemble(), method=Wigner(trajectories=1000, step=0.1)),
        "trajectories",
        "be at most the 8 of the ensemble",
        "was 1000",
    ),
    (
        lambda: od.Experiment(model(), ensemble(), [0.0, 1.0], SMALL),
        "state",
        "be ProductState",
        "was Ensemble(",
    ),
]

ONLY_SPINS = "ask only for spins of an Ising model"
OFFERS = "be made of terms that MeanField offers (SpinTerm,"
QUESTIONS: list[tuple[Call, str, str, str]] = [
    (lambda: od.ProductState.bloch([0.8, 0.8, 0.0]), "vectors", "be at most 1 long", "1.13137"),
    (
        lambda: ask(model=limit()),
        "model",
        "have finitely many spins for TruncatedWigner",
        "was a thermodynamic limit",
    ),
    (lambda: od.eliminate(limit()), "model", "have finitely many spins", "thermodynamic limit"),
    (lambda: ask(method=Wigner(step=1e-300)), "step", "allow at most 1e+09 steps", "was 1e-300"),
    (
        lambda: ask(method=Wigner(trajectories=2**32 - 1, block=10**11, step=0.1)),
        "block",
        "ask for no more than the memory of this machine",
        "3 modes (choose a smaller block) would need",
    ),
    (
        lambda: follow(method=Wigner(trajectories=2**32 - 1, step=0.1)),
        "trajectories",
        "ask for no more than the memory of this machine",
        "4294967295 trajectories",
    ),
    (
        lambda: follow(model=model(), method=Wigner(trajectories=10**8, step=0.1), times=range(99)),
        "trajectories",
        "ask for no more than the memory of this machine",
        "100000000 trajectories",
    ),
    (lambda: follow(method=Wigner(target_stderr=0.1)), "target_stderr", "be left out", "was 0.1"),
    (lambda: follow(method=od.MeanField()), "method", "be TruncatedWigner", "was MeanField("),
    (lambda: follow(method=Wigner), "method", "be a method such as", "was the class"),
    (lambda: follow(seed=-1), "seed", "be at least 0", "was -1"),
    (lambda: follow(seed=1.0), "seed", "be an integer", "was 1.0"),
    (lambda: follow(times=[1, 0]), "times", "strictly increasing", "entry 1 (0) follows 1"),
    (lambda: follow(validity="no"), "validity", "be a known word", "was `no`"),
    (lambda: follow(model=limit()), "model", "have finitely many spins", "thermodynamic limit"),
    (lambda: follow(model="dicke"), "model", "be a DickeModel or an IsingModel", "was 'dicke'"),
    (lambda: follow(state="+z"), "state", "be a ProductState or an Ensemble", "was '+z'"),
    (
        lambda: follow(observables=["sz", "overlap_variance"]),
        "observables",
        "have values along a single trajectory",
        "`overlap_variance` is a function of means",
    ),
    (lambda: ask(model=ISING, observables=["photons"]), "observables", ONLY_SPINS, "`photons`"),
    (lambda: ask(model=ISING, observables=["g2_mode"]), "observables", ONLY_SPINS, "`g2_mode`"),
    (
        lambda: ask(model=ISING, observables=["sz", "quadrature_mode"], method=od.MeanField()),
        "observables",
        ONLY_SPINS,
        "`quadrature_mode` asks for modes",
    ),
    (
        lambda: ask(model=od.IsingModel(interactions=np.ones((2, 2))), observables=["overlap"]),
        "patterns",
        "be given for an IsingModel without factors",
        "there were none",
    ),
    (
        lambda: ask(observables=["spin_correlation"], method=od.MeanField()),
        "observables",
        OFFERS,
        "`spin_correlation` holds SpinPairTerm",
    ),
    (
        lambda: ask(observables=["sz", "g2_mode"], method=od.MeanField()),
        "observables",
        OFFERS,
        "`g2_mode` holds PhotonPairTerm",
    ),
]


@pytest.mark.parametrize(
    "case", SETTINGS + ENSEMBLES + QUESTIONS, ids=lambda case: f"{case[1]}-{case[3]}"
)
def test_the_sentence_says_which_what_and_what_was(case: tuple[Call, str, str, str]) -> None:
    """Argument, requirement, received: each in its place."""
    refuses(*case)


def test_a_given_step_may_be_single_whatever_the_tolerance() -> None:
    """Where no step is searched the tolerance does not count."""
    assert Wigner(precision="single", tolerance=1e-9, step=0.1).step == 0.1


def test_an_ising_model_is_not_asked_for_photons_unasked() -> None:
    """The observables by default are those that the model has; an ensemble's mean is its state."""
    for given in (ISING, model()):
        names = [item.name for item in check_question(given, UP, SMALL, None)]
        assert names == ["sx", "sy", "sz", "photons"][: 4 if given.modes else 3]


def test_the_mean_of_an_ensemble_in_the_axes_of_the_model() -> None:
    """Laboratory components (x, y, z) become (X, Y, Z), here (y, z, x)."""
    spins = np.random.default_rng(0).normal(size=(5, 2, 3))
    turned = od.Ensemble(spins, np.arange(15.0).reshape(5, 3) * (1 + 2j))
    found = turned.resolve(model(coupling_axis="x", field_axis="y"))
    np.testing.assert_allclose(found.bloch, spins.mean(axis=0)[:, [1, 2, 0]], rtol=1e-12)
    np.testing.assert_allclose(found.displacement, [6 + 12j, 7 + 14j, 8 + 16j], rtol=1e-12)


def test_a_block_is_no_larger_than_the_run() -> None:
    """Eight trajectories are one block of eight, however large blocks may be."""
    method = Wigner(trajectories=8, block=10**11, step=0.5)
    problem = od.reduce(model(), UP)
    prepared = method.prepared(problem, np.array([0.0, 1.0]), (), (0, 0))
    assert prepared.numerics.block == 8


PARTS = [od.SpinTerm("z", [0.5, 0.5]), od.SpinTerm("x", [0.5, 0.5])]


@pytest.mark.parametrize(
    ("made", "requirement", "received"),
    [
        (od.SpinTerm("z", [1, 1]), "return a list of parts", "gave SpinTerm("),
        ([], "return a list of parts", "gave []"),
        (3, "return a list of parts", "gave 3"),
        ([PARTS[0], []], "return a term or a list of terms", "gave []"),
        ([PARTS[0], ["sz"]], "be made of terms", "gave 'sz'"),
        ([PARTS[0], od.SpinTerm("x")], "give terms of one shape", "() and (2,)"),
        ([od.SpinPairTerm(("z", "z"), None)], "give its pairs weights", "gave none"),
        (
            [od.SpinPairTerm(("z", "z"), [1, 1], np.ones((2, 2)))],
            "give pairs with weights of one shape",
            "() and (2,)",
        ),
    ],
)
def test_parts_of_observables_are_checked(
    registry: dict[str, Any], made: Any, requirement: str, received: str
) -> None:
    """What does not fit is named before anything is computed."""
    od.observable("mine", combine=lambda *parts: parts[0])(lambda _: made)
    refuses(lambda: ask(observables=["mine"]), "observable mine", requirement, received)


@pytest.mark.parametrize("method", [SMALL, od.MeanField(step=0.1)], ids=["wigner", "mean field"])
@pytest.mark.parametrize(
    ("dims", "combine"),
    [
        ((), lambda z, x: 1.0),
        ((), lambda z, x: None),
        ((), lambda z, x: "zx"),
        ((), lambda z, x: z[:1]),
        ((), lambda z, x: np.stack([z, x])),
        (("spin",), lambda z, x: (z - x).sum(axis=-1)),
        (("spin",), lambda z, x: np.concatenate([z, x], axis=-1)),
    ],
    ids=["number", "nothing", "word", "first time", "two answers", "sum over spins", "longer"],
)
def test_functions_of_means_keep_the_shape(
    registry: dict[str, Any], method: Any, dims: tuple[str, ...], combine: Any
) -> None:
    """`combine` must return an array of the shape of its parts; anything else is one sentence."""
    parts = [od.SpinTerm("z"), od.SpinTerm("x")] if dims else PARTS
    od.observable("mine", dims=dims, combine=combine)(lambda _: parts)
    with pytest.raises(od.InputError, match="observable mine"):
        ask(observables=["mine"], method=method)


def test_mean_field_makes_the_function_of_its_means(registry: dict[str, Any]) -> None:
    """An observable with `combine` is that function in every method, not the sum of its parts."""
    od.observable("mine", combine=lambda z, x: z - 3 * x**2)(lambda _: PARTS)
    state = od.ProductState.bloch([0.5, 0.0, 0.3])
    ds = ask(state=state, observables=["mine", "sx", "sz"], method=od.MeanField(step=0.1))
    np.testing.assert_allclose(ds.mine, ds.sz - 3 * ds.sx**2, atol=1e-12)


def test_combine_must_be_a_function(registry: dict[str, Any]) -> None:
    """A value that cannot be called is refused when the observable is registered."""
    with pytest.raises(od.InputError, match=r"Argument `combine` must .*, but was 3"):
        od.observable("mine", combine=3)(lambda _: PARTS)


TEXT = """
observables = ["sz"]
times = { stop = 1.0, points = 3 }

[model]
couplings = { kind = "gaussian", sigma = 1.0 }
spins = 2
modes = 3
frequencies = 1.0
field = 0.5

[state]
spins = "+z"

[method]
kind = "truncated-wigner"
"""
TABLES = [
    ("trajectories = 0", "method.trajectories", "be at least 1", "was 0"),
    ("trajectories = 1.5", "`method.trajectories`", "be a valid integer", "was 1.5"),
    ("trajectorys = 5", "`method`", "hold only known keys", "did you mean `trajectories`"),
    ('precision = "half"', "method.precision", "be a known word", "was `half`"),
    ("order = 3", "method.order", "be 2 or 4", "was 3"),
    ("target_stderr = nan", "method.target_stderr", "be finite", "was nan"),
    ("block = 0", "method.block", "be at least 1", "was 0"),
]


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case[0])
def test_tables_of_experiment_files(case: tuple[str, str, str, str], tmp_path: Path) -> None:
    """The sentence names the entry of the file."""
    line, argument, requirement, received = case
    path = tmp_path / "bad.toml"
    path.write_text(TEXT + line)
    with pytest.raises(od.InputError) as caught:
        od.Experiment.from_toml(path)
    sentence = str(caught.value)
    assert argument in sentence
    assert requirement in sentence
    assert received in sentence
    assert len(sentence.splitlines()) == 1


def test_the_command_line_says_one_sentence(tmp_path: Path) -> None:
    """A bad table ends with status 2, one line on standard error and no traceback."""
    (tmp_path / "bad.toml").write_text(TEXT + "trajectories = 0")
    done = subprocess.run(
        [sys.executable, "-m", "opendicke.cli", "run", "bad.toml"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("Argument `method.trajectories` must be at least 1, but was 0.")
    assert not (tmp_path / "results").exists()
