"""`method = "auto"`: what it takes, says and keeps; `opendicke advise`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import opendicke as od
from opendicke.advising.choosing import choice_of
from opendicke.cli import main
from opendicke.experiment.choosing import advise_experiment

PAIR = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.02)
DOWN = od.ProductState.polarized("-z", bosons="stationary")
FILE = """
seed = 3
realizations = 2
observables = ["sz"]
[model]
couplings = { kind = "uniform", strength = 3.0 }
spins = 2
modes = 1
frequencies = 1.0
loss = 11.0
gain = 1.0
field = 0.001
[state]
spins = "-z"
bosons = "stationary"
[times]
stop = 10.0
points = 3
[method]
kind = "auto"
"""


def test_solve_takes_the_suggestion_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    advice = od.advise(PAIR, DOWN, [0, 10.0], ["sz"])
    ds = od.solve(PAIR, DOWN, [0, 10.0], "auto", ["sz"])
    assert isinstance(advice.suggestion, od.RateEquation)
    assert ds.attrs["method_choice"].startswith("RateEquation(), the cheapest of")
    assert "RateEquation()" in capsys.readouterr().err
    named = od.solve(PAIR, DOWN, [0, 10.0], od.RateEquation(), ["sz"], validity="ignore")
    assert np.array_equal(ds.sz, named.sz)
    assert "method_choice" not in named.attrs


def test_nothing_valid_is_refused_in_a_sentence() -> None:
    rng = np.random.default_rng(0)
    model = od.DickeModel(rng.normal(size=(40, 30)), np.linspace(1, 2, 30), field=1.0)
    with pytest.raises(od.ValidityError, match=r"No method is valid within 0\.05.*auto"):
        od.solve(model, od.ProductState.polarized("+x"), [0, 20.0], "auto", ["sz"])


def test_the_least_doubtful_is_taken_with_a_warning() -> None:
    model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.5)
    advice = od.advise(model, DOWN, [0, 10.0], ["sz"])
    rates = advice["RateEquation"]
    assert rates.verdict.name == "DOUBTFUL"
    only = replace(advice, opinions=(rates,), suggestion=None)
    with pytest.raises(od.ValidityError):
        choice_of(only, "refuse", False)
    with pytest.warns(od.ValidityWarning, match="doubtful here"):
        assert choice_of(only, "warn", False).method == od.RateEquation()
    assert choice_of(only, "ignore", False).method == od.RateEquation()


def test_other_words_are_no_methods() -> None:
    with pytest.raises(od.InputError, match="method"):
        od.solve(PAIR, DOWN, [0, 1.0], "automatic")
    with pytest.raises(od.InputError, match="target_error"):
        od.Auto(target_error=0.3)


def test_a_store_keeps_the_method_it_was_begun_with(tmp_path: Path) -> None:
    path = tmp_path / "kept.zarr"
    experiment = od.Experiment(PAIR, DOWN, [0, 10.0], "auto", ["sz"])  # type: ignore[arg-type]
    first = od.run(experiment, path, progress=False)
    again = od.run(experiment, path, progress=False)
    assert first.attrs["method_choice"] == again.attrs["method_choice"] != ""
    assert json.loads(again.attrs["experiment"])["method"]["kind"] == "rate-equation"
    other = tmp_path / "other.zarr"
    named = od.Experiment(PAIR, DOWN, [0, 10.0], od.KineticMonteCarlo(10), ["sz"])
    od.run(named, other, progress=False)
    assert od.run(experiment, other, progress=False).trajectories.size  # goes on with what is there


def test_a_store_says_that_its_method_was_chosen_for_larger_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "kept.zarr"
    loose, tight = (
        od.Experiment(PAIR, DOWN, [0, 10.0], od.Auto(target_error=error), ["sz"])
        for error in (0.05, 0.01)
    )
    first = od.run(loose, path)
    assert "within 0.05" in capsys.readouterr().err
    assert first.attrs["method_target_error"] == 0.05
    od.run(loose, path)
    assert "with which" in capsys.readouterr().err
    assert not [w for w in recwarn if "keeps its method" in str(w.message)]
    with pytest.warns(od.ValidityWarning, match=r"errors up to 0\.05, not 0\.01; overwrite"):
        kept = od.run(tight, path, progress=False)
    assert kept.attrs["method_target_error"] == 0.05
    anew = od.run(tight, path, overwrite=True, progress=False)
    assert anew.attrs["method_target_error"] == 0.01
    memory = od.solve(PAIR, DOWN, [0, 10.0], od.Auto(0.01), ["sz"], progress=False)
    assert memory.attrs["method_choice"] == anew.attrs["method_choice"]
    assert memory.attrs["method_target_error"] == 0.01


def test_methods_left_out_for_memory_are_named() -> None:
    rng = np.random.default_rng(0)
    model = od.DickeModel(rng.normal(size=(12, 4)), np.linspace(1, 2, 4), loss=2.0, field=0.5)
    advice = od.advise(model, od.ProductState.polarized("+x"), [0, 1.0])
    assert advice.sentence.endswith(
        "Lindblad and QuantumJumps may not fit the memory of this machine"
    )


def test_a_damaged_store_of_a_sweep_is_mended_with_its_method(tmp_path: Path) -> None:
    path = tmp_path / "swept.zarr"
    experiment = od.Experiment(
        PAIR, DOWN, [0, 10.0], od.Auto(), ["sz"], sweep={"model.field": [0.01, 0.02]}
    )
    first = od.run(experiment, path, progress=False)
    cells = next(file for file in path.rglob("sz/c*") if file.is_file())
    cells.write_bytes(cells.read_bytes()[:-1])
    with pytest.warns(od.ValidityWarning, match="damaged on disk"):
        again = od.run(experiment, path, progress=False)
    assert again.sz.identical(first.sz)
    assert again.attrs["method_choice"] == first.attrs["method_choice"]


def test_files_hold_it_and_the_choice_is_the_same_every_time(tmp_path: Path) -> None:
    file = tmp_path / "auto.toml"
    file.write_text(FILE)
    experiment = od.Experiment.from_toml(file)
    assert experiment.method == od.Auto()
    again = tmp_path / "again.toml"
    again.write_text(experiment.to_toml())
    assert od.Experiment.from_toml(again).method == od.Auto()
    one, other = (advise_experiment(experiment).to_dict() for _ in range(2))
    assert one == other
    assert "2 members 2 were looked at" in one["notes"][0]
    ds = od.run(experiment, progress=False)
    assert ds.attrs["method_choice"]


def test_doubts_of_a_method_itself_do_not_contradict_advice(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """Mean field doubts every model of few spins; here, where hardly anything couples, it holds."""
    rng = np.random.default_rng(0)
    model = od.DickeModel(1e-3 * rng.normal(size=(20, 3)), [1.0, 2.0, 3.0], loss=0.5, field=0.4)
    state = od.ProductState.polarized("+z")
    experiment = od.Experiment(model, state, [0, 1.0], od.Auto(), ["sz"])
    for path in (None, tmp_path / "auto.zarr"):
        od.run(experiment, path, progress=False)
        more = replace(experiment, sweep={"model.field": [0.4, 0.5]})
        od.estimate(more)
    assert not [str(one.message) for one in recwarn if "doubtful" in str(one.message)]
    od.run(replace(experiment, method=od.MeanField()), progress=False)
    assert [str(one.message) for one in recwarn if "doubtful" in str(one.message)]


def test_settings_of_no_method_cannot_be_swept() -> None:
    experiment = od.Experiment(
        PAIR, DOWN, [0, 1.0], od.Auto(), ["sz"], sweep={"method.target_error": [0.01, 0.05]}
    )
    with pytest.raises(od.InputError, match="come with a named method"):
        od.run(experiment)


def test_the_command_prints_a_table_of_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "auto.toml"
    file.write_text(FILE)
    assert main(["advise", str(file)]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80
    assert "Suggestion: " in told
    assert 'kind = "' in told
    assert main(["advise", str(file), "--json", "--target-error", "0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["target_error"] == 0.1
    assert found["methods"][0]["kind"] == "mean-field"
    assert main(["advise", str(tmp_path / "none.toml")]) == 2
