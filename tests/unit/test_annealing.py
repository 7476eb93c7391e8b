"""Tables of fields and damping in steps, and the other settings of kinetic Monte Carlo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.methods.annealing import Annealing, Stage, damped

TIMES = [0.0, 2.0, 5.0]


def test_nothing_is_annealed_without_tables() -> None:
    assert Annealing.of(None, None, None) is None
    assert od.KineticMonteCarlo().annealing is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.0, 1.0, [(1.0, 1)]),
        (0.0, 2.0, [(2.0, 1)]),
        (0.0, 2.5, [(2.0, 1), (2.5, 2)]),
        (2.0, 3.0, [(3.0, 2)]),
        (-4.0, 9.0, [(2.0, 1), (5.0, 2), (9.0, 3)]),
        (-4.0, -1.0, [(-1.0, 1)]),
        (5.0, 7.0, [(7.0, 3)]),
        (6.0, 7.0, [(7.0, 3)]),
        (2.0, 2.0, [(2.0, 2)]),
        (5.0, 5.0, [(5.0, 3)]),
    ],
)
def test_stages(start: float, end: float, expected: list[tuple[float, int]]) -> None:
    """Entry k holds from its time to the next, the first one also before, the last one after."""
    tables = Annealing.of(TIMES, [1, 2, 3], [10, 20, 30])
    assert tables is not None
    found = list(tables.stages(start, end))
    assert found == [Stage(until, k, 10 * k) for until, k in expected]


def test_what_is_left_out_does_not_change() -> None:
    field, damping = (Annealing.of(TIMES, *each) for each in (([3, 2, 0], None), (None, [4, 2, 4])))
    assert field is not None
    assert damping is not None
    assert (field.damping, damping.field) == ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("factor", [0.01, 1.0, 7.0])
def test_damping_is_scaled_at_equal_gain(factor: float) -> None:
    model = od.DickeModel(
        np.ones((2, 2)), [1.0, 3.0], loss=[2.0, 0.5], gain=[0.5, 0.0], field=0.3, coupling_axis="y"
    )
    made = damped(model, factor)
    np.testing.assert_allclose(made.damping, factor * np.array([1.5, 0.5]), rtol=1e-14)
    np.testing.assert_array_equal(made.gain, model.gain)
    for name in ("couplings", "frequencies", "field", "coupling_axis"):
        np.testing.assert_array_equal(getattr(made, name), getattr(model, name))


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"anneal_field": [1.0]}, "anneal_times", "be given with `anneal_field`"),
    ({"anneal_damping": [1.0]}, "anneal_times", "be given with `anneal_damping`"),
    ({"anneal_times": [0.0]}, "anneal_times", "came with neither"),
    ({"anneal_times": [0.0, 0.0], "anneal_field": [1, 2]}, "anneal_times", "strictly increasing"),
    ({"anneal_times": [1.0, 0.0], "anneal_field": [1, 2]}, "anneal_times", "strictly increasing"),
    ({"anneal_times": [0.0, 1.0], "anneal_field": [1]}, "anneal_field", "one entry for each"),
    ({"anneal_times": [0.0], "anneal_damping": [1, 2]}, "anneal_damping", "but had 2"),
    ({"anneal_times": [0.0, 1.0], "anneal_damping": [1, 0]}, "anneal_damping", "be positive"),
    ({"anneal_times": [0.0], "anneal_damping": [-0.5]}, "anneal_damping", "but had -0.5"),
    ({"anneal_times": [], "anneal_field": []}, "anneal_times", "at least one number"),
    ({"anneal_times": 1.0, "anneal_field": [1.0]}, "anneal_times", "be a list"),
    ({"anneal_times": [[0.0]], "anneal_field": [1.0]}, "anneal_times", "be a list"),
    ({"anneal_times": [math.nan], "anneal_field": [1.0]}, "anneal_times", ""),
    ({"anneal_times": [0.0], "anneal_field": [math.inf]}, "anneal_field", ""),
    ({"anneal_times": ["soon"], "anneal_field": [1.0]}, "anneal_times", ""),
    ({"sampler": "fast"}, "sampler", "be a known word"),
    ({"sampler": None}, "sampler", "be one of"),
    ({"trajectories": 0}, "trajectories", "at least 1"),
    ({"trajectories": 2.5}, "trajectories", ""),
    ({"trajectories": 1, "target_stderr": 0.1}, "trajectories", "at least 2"),
    ({"trajectories": 2**32}, "trajectories", "be at most"),
    ({"target_stderr": 0.0}, "target_stderr", ""),
    ({"target_stderr": math.nan}, "target_stderr", ""),
    ({"block": 0}, "block", "at least 1"),
    ({"block": True}, "block", ""),
]


@pytest.mark.parametrize(("settings", "argument", "words"), BAD, ids=str)
def test_bad_settings_get_one_sentence(settings: dict[str, Any], argument: str, words: str) -> None:
    with pytest.raises(od.InputError) as caught:
        od.KineticMonteCarlo(**settings)
    sentence = str(caught.value)
    assert sentence.startswith(f"Argument `{argument}` must ")
    assert sentence.count("\n") == 0
    assert words in sentence


def test_settings_are_plain_and_compare() -> None:
    """Lists, arrays and tuples of numbers make the same method, which can be a key."""
    made = [
        od.KineticMonteCarlo(anneal_times=kind([0, 10]), anneal_field=kind([1, 0]))
        for kind in (list, tuple, np.array)
    ]
    assert made[0] == made[1] == made[2]
    assert len(set(made)) == 1
    assert made[0].settings()["anneal_times"] == (0.0, 10.0)
    assert all(type(each) is float for each in made[2].settings()["anneal_field"])
    assert made[0] != od.KineticMonteCarlo(anneal_times=[0, 10], anneal_field=[1, 0.5])
    assert made[0].asks("x") == ("sx", "ising_energy", "photons")
    assert od.RateEquation().asks("y") == ("sy", "ising_energy", "photons")
    assert od.KineticMonteCarlo.stochastic
    assert not od.RateEquation.stochastic


TEXT = """
observables = ["sz"]
[model]
couplings = { kind = "uniform", strength = 3.0 }
spins = 3
modes = 1
frequencies = 1.0
loss = 11.0
gain = 1.0
field = 0.1
[state]
spins = "-z"
bosons = "stationary"
[times]
stop = 20.0
points = 3
[method]
kind = "kinetic-monte-carlo"
"""


def test_tables_go_through_experiment_files(tmp_path: Path) -> None:
    path = tmp_path / "anneal.toml"
    path.write_text(
        TEXT + "trajectories = 7\nanneal_times = [0, 10.0]\nanneal_damping = [1, 0.1]\n"
    )
    first = od.Experiment.from_toml(path)
    expected = od.KineticMonteCarlo(7, anneal_times=[0, 10], anneal_damping=[1, 0.1])
    assert first.method == expected
    path.write_text(first.to_toml())
    assert od.Experiment.from_toml(path).method == expected
    for line, argument in (
        ("anneal_field = [1.0]", "method.anneal_times"),
        ("anneal_times = [0.0, 1.0]\nanneal_field = [1.0]", "method.anneal_field"),
        ('anneal_times = ["soon"]', "method.anneal_times"),
        ("anneal_times = 3.0\nanneal_field = [1.0]", "method.anneal_times"),
        ("anneal_time = [3.0]", "method"),
        ('sampler = "rejection"', "method.sampler"),
    ):
        path.write_text(TEXT + line)
        with pytest.raises(od.InputError) as caught:
            od.Experiment.from_toml(path)
        assert caught.value.argument.startswith(argument), line
