"""The command line beyond running: new, compare, convert, completion; JSON, colours, exit codes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import xarray as xr

import opendicke as od
from opendicke.cli import application, main, output
from opendicke.cli.completing import METHODS, SHELLS
from opendicke.cli.templates import TEMPLATES
from opendicke.experiment.reading import METHODS as NAMED

SMALL: dict[str, Any] = {
    "seed": 1,
    "realizations": 2,
    "observables": ["sz", "photons"],
    "model": {
        "couplings": {"kind": "uniform", "strength": 3.0},
        "spins": 3,
        "modes": 2,
        "frequencies": 1.0,
        "loss": 1.0,
        "field": 0.05,
    },
    "state": {"spins": "-z", "bosons": "stationary"},
    "times": {"stop": 4.0, "points": 3},
    "method": {"kind": "rate-equation"},
    "sweep": {"model.field": [0.05, 0.1]},
}
KINDS = {**NAMED, "auto": od.Auto}
SAMPLES = {"method": {"kind": "kinetic-monte-carlo", "trajectories": 40}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield tmp_path


def experiment(path: str, **changes: Any) -> str:
    Path(path).write_text(tomli_w.dumps(SMALL | changes))
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two methods, of few realizations more, and of another model."""
    made = tmp_path_factory.mktemp("stores")
    other = SMALL["model"] | {"couplings": {"kind": "uniform", "strength": 2.0}}
    changes = {
        "exact": {},
        "samples": SAMPLES | {"realizations": 3, "sweep": {"model.field": [0.1, 0.2]}},
        "other": {"model": other},
        "seed": {"seed": 2},
    }
    with contextlib.chdir(made), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, change in changes.items():
            od.run(od.Experiment.from_toml(experiment(f"{name}.toml", **change)), f"{name}.zarr")
    return made


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON object, and what stands on standard error."""
    capsys.readouterr()
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()

    def never(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(out, parse_constant=never)  # the whole of it is one object
    assert found["exit_code"] == code
    return code, found, err


# new


def test_every_method_has_a_file_to_start_from() -> None:
    assert set(TEMPLATES) == set(METHODS) == set(KINDS)


@pytest.mark.parametrize("kind", TEMPLATES)
def test_new_files_can_be_read(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A valid experiment of that method, of a few seconds by its own estimate."""
    assert main(["new", "first.toml", "--method", kind.replace("-", "_")]) == 0
    assert "opendicke run first.toml" in capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.simplefilter("error", od.ValidityWarning)
        if kind == "mean-field":  # says that flipped spins stay flipped
            warnings.simplefilter("ignore", od.ValidityWarning)
        read = od.Experiment.from_toml("first.toml")
        assert read.method.kind == kind
        assert od.estimate(read, validity="warn").seconds < 10


@pytest.mark.parametrize("kind", TEMPLATES)
def test_new_files_tell_settings_and_defaults(kind: str) -> None:
    """Every setting is in the file; what is commented out is the default, where there is one."""
    assert main(["new", "a.toml", "--method", kind]) == 0
    text = Path("a.toml").read_text()
    table = re.search(r"^\[method\]\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert table is not None
    given = dict(re.findall(r"^(?:# )?(\w+) = (.*?)(?: {2,}#.*|# .*)?$", table[1], re.MULTILINE))
    commented = set(re.findall(r"^# (\w+) = ", table[1], re.MULTILINE))
    fields = {item.name: item.default for item in dataclasses.fields(KINDS[kind])}
    assert given.keys() == {"kind", *fields}
    for name in commented:
        if fields[name] is not None:
            assert tomllib.loads(f"x = {given[name]}")["x"] == fields[name], name


@pytest.mark.parametrize("kind", TEMPLATES)
def test_comments_of_new_files_can_be_used(kind: str) -> None:
    """Each setting and each kind of couplings that is commented out, once without its #."""
    main(["new", "a.toml", "--method", kind])
    text = Path("a.toml").read_text()
    Path("g.csv").write_text("1,2\n")
    couplings = re.findall(r"^# {3}(\{.*?\})", text, re.MULTILINE)
    assert len(couplings) == 5
    for line in couplings:
        new = re.sub(r"^couplings = .*$", f"couplings = {line}", text, flags=re.MULTILINE)
        if "fixed" in line:
            new = re.sub(r"^(spins|modes) = \d+\n", "", new, flags=re.MULTILINE)
        new = re.sub(r"^\[sweep\]\n.*", "", new, flags=re.MULTILINE | re.DOTALL)
        Path("b.toml").write_text(new)
        od.Experiment.from_toml("b.toml")
    for line in re.findall(r"^# (\w+ = .*)$", text, re.MULTILINE):
        name = line.split(" =")[0]
        if name.startswith("anneal"):
            continue  # three that go together
        new = re.sub(rf"^{name} = .*\n", "", text, flags=re.MULTILINE)
        if name == "target_stderr" and "or as many" not in line:
            new = new.replace("realizations = 1 ", "realizations = 4 ")
        if "with another way" in line:
            new = new.replace('# way = "auto"', 'way = "fock"')
        Path("b.toml").write_text(new.replace(f"# {line}", line, 1))
        od.Experiment.from_toml("b.toml")
    if kind == "kinetic-monte-carlo":
        Path("b.toml").write_text(text.replace("# anneal", "anneal"))
        od.Experiment.from_toml("b.toml")


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEMPLATES)
def test_new_files_run(kind: str) -> None:
    """As they are written, to a dataset and a figure."""
    assert main(["new", "a.toml", "--method", kind]) == 0
    assert main(["run", "a.toml"]) == 0
    assert Path("results/a.png").stat().st_size > 5000
    assert (od.load("results/a.zarr").status == 1).all()


@pytest.mark.parametrize("kind", ["rate-equation", "lindblad"])
def test_new_files_run_smaller(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same at once, with fewer times."""
    assert main(["new", "a.toml", "--method", kind]) == 0
    text = re.sub(r"^points = \d+", "points = 5", Path("a.toml").read_text(), flags=re.MULTILINE)
    Path("a.toml").write_text(text)
    code, found, _ = asked(capsys, "run", "a.toml")
    assert (code, found["members_ended_well"], found["reused"]) == (0, 2, False)
    assert Path(found["figure"]).stat().st_size > 5000


def test_new_overwrites_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.toml").write_text("mine")
    assert main(["new", "a.toml"]) == 2
    assert capsys.readouterr().err == (
        "Error: `a.toml` exists already; choose another name or add --overwrite.\n"
    )
    assert Path("a.toml").read_text() == "mine"
    assert main(["new", "a.toml", "--overwrite"]) == 0
    assert "mean-field" in Path("a.toml").read_text()
    assert main(["new", "deep/a.toml"]) == 0
    assert main(["new"]) == 0
    assert {path.name for path in Path().iterdir()} == {"a.toml", "deep", "experiment.toml"}


@pytest.mark.parametrize("name", ["a b.toml", "ä'\"{}.toml", "a\nb.toml", "-x.toml"])
def test_new_files_of_odd_names_are_valid(name: str) -> None:
    """What their head quotes of the name breaks no line."""
    assert main(["new", "--", name]) == 0
    assert od.Experiment.from_toml(name).method.kind == "mean-field"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.toml", "--method", "mean-feld"], "did you mean `mean-field`?"),
        (["a.txt"], "`FILE` must end in .toml, but was `a.txt`."),
        (["folder.toml", "--overwrite"], "it is a folder."),
    ],
)
def test_new_refuses(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.toml").mkdir()
    assert main(["new", *arguments]) == 2
    assert capsys.readouterr().err.endswith(f"{sentence}\n")
    assert [path.name for path in Path().iterdir()] == ["folder.toml"]


# compare


def test_compare_stores(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What both have of the sweep and of realizations, and their differences by hand."""
    os.chdir(stores)
    code, found, err = asked(
        capsys, "compare", "exact.zarr", "samples.zarr", "--store", "both.nc", "--overwrite"
    )
    assert (code, err) == (0, "")
    assert found["reference"] == "RateEquation"
    exact, samples, both = (od.load(name) for name in ("exact.zarr", "samples.zarr", "both.nc"))
    at = {"field": [0.1], "realization": [0, 1]}
    np.testing.assert_array_equal(both.field, [0.1])
    np.testing.assert_array_equal(both.realization, [0, 1])
    apart = (samples.sel(at) - exact.sel(at)).sz
    np.testing.assert_array_equal(both.sz_difference.sel(solver="KineticMonteCarlo"), apart)
    np.testing.assert_array_equal(both.sz_difference.sel(solver="RateEquation"), 0 * apart)
    numerical = exact.estimated_error.sel(at).values[..., None]
    error = np.hypot(samples.sz_stderr.sel(at).values, numerical)
    combined = both.sz_difference_stderr.sel(solver="KineticMonteCarlo").values
    np.testing.assert_allclose(combined, error, rtol=1e-12)
    (row,) = (row for row in found["largest_differences"] if row["observable"] == "sz")
    assert row["method"] == "KineticMonteCarlo"
    assert abs(row["difference"]) == float(abs(apart).max())
    assert row["difference"] == float(apart.sel(row["at"]))
    assert row["z"] == pytest.approx(row["difference"] / row["error"])
    assert Path(found["figure"]).name == "exact_comparison.png"
    assert Path(found["figure"]).stat().st_size > 5000
    assert main(["compare", "both.nc", "--figure", "again.svg"]) == 0
    table = capsys.readouterr().out
    assert re.search(r"^KineticMonteCarlo +sz +0\.\d+ +0\.\d+ ", table, re.MULTILINE)
    assert "<svg" in Path("again.svg").read_text()[:1000]


def test_compare_labels_equal_methods_by_their_stores(
    stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chdir(stores)
    od.save(od.load("exact.zarr"), "copy.csv", overwrite=True)
    code, found, _ = asked(capsys, "compare", "exact.zarr", "copy.csv", "--reference", "copy")
    assert (code, found["reference"]) == (0, "copy")
    assert set(found["methods"]) == {"exact", "copy"}
    assert all(row["difference"] == 0 for row in found["largest_differences"])
    assert found["methods"]["exact"]["verdict"] is None


def test_compare_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own method and others with settings of their own, as `od.compare` has them."""
    experiment("a.toml")
    code, found, err = asked(
        capsys,
        *("compare", "a.toml", "--methods", "kinetic_monte_carlo:trajectories=30:sampler=plain"),
        *("--realization", "1", "--store", "a.zarr"),
    )
    assert (code, found["reference"]) == (0, "RateEquation")
    assert "the sweep of `a.toml` is left out" in err
    read = od.Experiment.from_toml("a.toml")
    methods = [od.RateEquation(), od.KineticMonteCarlo(30, sampler="plain")]
    model = read.model.draw(1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = od.compare(model, read.state, read.times, methods, ["sz", "photons"], seed=1)
    stored = od.load("a.zarr")
    for name in ("sz", "sz_stderr", "photons_z"):
        np.testing.assert_array_equal(stored[name], ds[name])
    assert Path(found["figure"]) == Path("results/a_comparison.png")


def test_compare_where_the_method_is_to_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """The named ones alone are compared."""
    experiment("a.toml", method={"kind": "auto"})
    methods = "rate-equation,kinetic-monte-carlo:trajectories=4"
    code, found, _ = asked(capsys, "compare", "a.toml", "--methods", methods)
    assert (code, list(found["methods"])) == (0, ["KineticMonteCarlo", "RateEquation"])
    assert main(["compare", "a.toml", "--methods", "auto,lindblad"]) == 2
    assert "must name two methods, but was `auto,lindblad`" in capsys.readouterr().err


def test_compare_asks_what_all_methods_offer(capsys: pytest.CaptureFixture[str]) -> None:
    """Observables of the file that another method does not know are left out, with a word."""
    experiment("a.toml", observables=["entropy", "sz"])
    code, found, err = asked(capsys, "compare", "a.toml", "--methods", "kinetic-monte-carlo")
    assert (code, err.splitlines()[1]) == (0, "Note: not all methods offer entropy: left out.")
    assert [row["observable"] for row in found["largest_differences"]] == ["sz"]
    code, found, _ = asked(
        capsys, *("compare", "a.toml", "--methods", "kinetic-monte-carlo"), "--observable=entropy"
    )
    assert code == 2
    assert "`entropy` holds EntropyTerm" in found["error"]["message"]


def test_compare_says_when_a_method_gave_no_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are compared, and the exit code tells."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(od.KineticMonteCarlo, "run_many", fails)
    code, found, _ = asked(
        capsys, "compare", experiment("a.toml"), "--methods", "kinetic-monte-carlo"
    )
    assert code == application.NOT_ALL_WELL == 3
    assert found["methods"]["KineticMonteCarlo"]["status"] == 0
    assert found["largest_differences"][0]["difference"] is None  # NaN is no JSON


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("exact.zarr", "`SOURCES` must be two results or more, or a saved comparison"),
        ("exact.zarr exact.toml", "must be results (.zarr, .nc, .csv), or one experiment file"),
        ("exact.zarr exact.zarr", "`SOURCES` must be different"),
        ("exact.zarr other.zarr", "must be of one model, but those of"),
        ("exact.zarr seed.zarr", "must be of one seed, but those of"),
        ("exact.zarr none.nc", "`none.nc` does not exist"),
        ("exact.zarr samples.zarr --methods lindblad", "`--methods` must come with an exp"),
        ("exact.zarr samples.zarr --observable sz", "`--observable` must come with an exp"),
        ("exact.zarr samples.zarr --realization 0", "`--realization` must come with an exp"),
        ("exact.zarr samples.zarr --validity warn", "`--validity` must come with an exp"),
        ("exact.zarr samples.zarr --reference Exact", "must be one of the results"),
        ("exact.zarr samples.zarr --store exact.zarr", "`exact.zarr` exists already"),
        ("exact.zarr samples.zarr --figure a.jpg", "must end in .png"),
        ("exact.toml", "`--methods` must be given with an experiment file"),
        ("exact.toml --methods rate-equation", "name a method besides that of the file"),
        ("exact.toml --methods auto", "`--methods` must name methods to compare"),
        ("exact.toml --methods lindbald", "did you mean `lindblad`?"),
        ("exact.toml --methods lindblad:tol=3", "did you mean `tolerance`?"),
        ("exact.toml --methods lindblad:tolerance=-1", "a setting `tolerance` that must"),
        ("exact.toml --methods lindblad:tolerance", "settings of the form KEY=VALUE"),
        ("exact.toml --methods lindblad --realization -1", "must be at least 0, but was -1"),
    ],
)
def test_compare_refuses(
    arguments: str, sentence: str, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chdir(stores)
    before = {path.name for path in stores.iterdir()}
    code, found, err = asked(capsys, "compare", *arguments.split())
    assert code == 2
    assert sentence in found["error"]["message"]
    assert err.endswith(f"Error: {found['error']['message']}\n")
    assert {path.name for path in stores.iterdir()} == before


def test_results_that_cannot_be_laid_side_by_side(stores: Path) -> None:
    exact, samples = (od.load(stores / f"{name}.zarr") for name in ("exact", "samples"))
    cases: list[tuple[Any, str]] = [
        ("exact", "be a list of datasets or a dict"),
        ([exact], "be at least two"),
        ([exact, 3], "hold datasets"),
        ([exact, samples.drop_attrs()], "come from `solve` or `run`"),
        ([exact, samples.drop_vars(["sz", "photons"])], "share an observable"),
        ([exact, samples.isel(time=slice(0, 0))], "share values of `time`"),
        ([exact, samples.isel(realization=0)], "have the dimensions"),
        ([exact, od.compare_results([exact, samples])], "hold results of one method each"),
    ]
    for given, sentence in cases:
        with pytest.raises(od.InputError, match=f"`results` must {sentence}"):
            od.compare_results(given)
    with pytest.raises(od.InputError, match="`reference` must be below 2, but was 2"):
        od.compare_results([exact, samples], reference=2)
    assert od.compare_results([exact, samples], reference=1).reference == "KineticMonteCarlo"


def test_times_that_differ_by_rounding_are_the_same_ones(stores: Path) -> None:
    """And no others: a time a millionth later is left out."""
    exact, samples = (od.load(stores / f"{name}.zarr") for name in ("exact", "samples"))
    times = exact.time.values
    rounded = np.nextafter(times, np.inf)
    rounded[-1] *= 1 + 1e-6
    both = od.compare_results([exact, samples.assign_coords(time=rounded)])
    np.testing.assert_array_equal(both.time, times[:-1])
    at = {"field": [0.1], "realization": [0, 1], "time": times[:-1]}
    apart = (samples.sel(at) - exact.sel(at)).sz
    np.testing.assert_array_equal(both.sz_difference.sel(solver="KineticMonteCarlo"), apart)


def test_results_of_solve_lie_side_by_side() -> None:
    """Without members: one value and one error for each."""
    model = od.DickeModel([[2.0], [-1.5]], 1.0, loss=11.0, gain=1.0, field=0.1)
    state = od.ProductState.polarized("-z", bosons="stationary")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solved = [od.solve(model, state, [0.0, 9.0], od.RateEquation(t)) for t in (1e-8, 1e-3)]
    both = od.compare_results({"fine": solved[0], "coarse": solved[1]})
    assert both.sz.dims == ("solver", "time")
    expected = solved[1].sz - solved[0].sz
    xr.testing.assert_equal(both.sz_difference.sel(solver="coarse").drop_vars("solver"), expected)
    assert both.estimated_error.shape == (2,)


# convert


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".zarr"])
def test_convert(suffix: str, stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = f"deep/a{suffix}"
    code, found, _ = asked(capsys, "convert", str(stores / "samples.zarr"), out)
    assert (code, found["out"]) == (0, out)
    xr.testing.assert_identical(od.load(out), od.load(stores / "samples.zarr"))
    assert asked(capsys, "convert", str(stores / "exact.zarr"), out)[0] == 2
    assert asked(capsys, "convert", str(stores / "exact.zarr"), out, "--overwrite")[0] == 0
    xr.testing.assert_identical(od.load(out), od.load(stores / "exact.zarr"))
    assert asked(capsys, "show", out)[1]["members"]["ended_well"] == 4
    assert main(["plot", out]) == 0
    assert Path("deep/a.png").exists()


def test_convert_says_what_is_missing(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(stores / "exact.zarr", "part.zarr")
    for chunk in Path("part.zarr/status").rglob("c*"):
        if chunk.is_file():
            chunk.unlink()
    code, _, err = asked(capsys, "convert", "part.zarr", "part.csv")
    assert (code, err) == (0, "Note: 4 of 4 members are not there yet: resume `part.zarr`.\n")
    assert asked(capsys, "convert", str(stores / "exact.zarr"), "whole.csv")[2] == ""


def test_convert_a_part(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(stores / "samples.zarr")
    assert main(["convert", source, "a.csv", "--observable", "sz"]) == 0
    assert "25 numbers" not in capsys.readouterr().out
    assert set(od.load("a.csv").data_vars) == {"sz", "sz_stderr", "status"}
    assert main(["convert", source, "b.csv", "--observable", "sy"]) == 2
    assert "`--observable` must be in the result" in capsys.readouterr().err
    assert main(["convert", source, "a.txt"]) == 2
    assert main(["convert", "a.csv", "a.csv", "--overwrite"]) == 2
    assert "it is what is to be converted" in capsys.readouterr().err
    assert not Path("b.csv").exists()


# JSON


def test_json_of_run_show_and_plot(capsys: pytest.CaptureFixture[str]) -> None:
    """One object each, with the numbers that people see."""
    experiment("a.toml")
    code, dry, _ = asked(capsys, "run", "a.toml", "--dry-run")
    cost = od.estimate(od.Experiment.from_toml("a.toml"), validity="ignore")
    assert (code, dry["cells"], dry["pending"]) == (0, 4, 4)
    assert dry["disk_bytes"] == cost.disk
    assert not Path("results").exists()
    code, done, _ = asked(capsys, "run", "a.toml")
    assert (code, done["command"], done["members"], done["reused"]) == (0, "run", 4, False)
    assert done["method"]["kind"] == "rate-equation"
    assert asked(capsys, "run", "a.toml")[1]["reused"] is True
    assert asked(capsys, "resume", done["store"])[1]["members_ended_well"] == 4
    code, shown, _ = asked(capsys, "show", done["store"])
    assert shown["dimensions"] == {"field": 2, "realization": 2, "time": 3}
    assert shown["coordinates"]["field"]["values"] == [0.05, 0.1]
    assert shown["variables"]["photons"]["dimensions"] == ["field", "realization", "time"]
    assert shown["attributes"]["experiment"]["method"]["kind"] == "rate-equation"
    assert asked(capsys, "plot", done["store"])[1]["figure"] == "results/a.png"


def test_json_of_papers(capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = asked(capsys, "paper")
    assert code == 0
    names = [paper["name"] for paper in found["papers"]]
    assert names == ["carollo2021", "fiorelli2020", "kelly2021"]
    code, found, _ = asked(
        capsys, *("paper", "carollo2021", "--scale", "smoke", "--dry-run", "--store", "x")
    )
    assert found["to_be_made"].keys() >= {"claims", *found["to_be_made"]}
    assert len(found["to_be_made"]) > 3
    assert all(time is None or time > 0 for time in found["to_be_made"].values())
    assert found["dry_run"] is True


def test_json_holds_notes(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """What is noted on standard error is in the object as well."""
    experiment("a.toml", **SAMPLES)
    monkeypatch.setattr(od.KineticMonteCarlo, "assess", _doubtful(od.KineticMonteCarlo.assess))
    _, found, err = asked(capsys, "run", "a.toml")
    assert found["notes"] == [line.removeprefix("Note: ") for line in err.splitlines()]
    assert "this is a test" in found["notes"][0]


def _doubtful(assess: Any) -> Any:
    from opendicke.methods.base import Verdict

    def changed(*arguments: Any) -> Any:
        return dataclasses.replace(
            assess(*arguments), verdict=Verdict.DOUBTFUL, reason="this is a test"
        )

    return changed


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run", "none.toml"], {"kind": "InputError", "argument": "file"}),
        (["show", "none.nc"], {"kind": "StoreError"}),
        (["run", "none.toml", "--wrong"], {"kind": "UsageError"}),
        (["simulate"], {"kind": "UsageError"}),
    ],
)
def test_json_of_errors(
    arguments: list[str], parts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An object that says what was wrong; the sentence stands on standard error all the same."""
    code, found, err = asked(capsys, *arguments)
    assert code == 2
    assert parts.items() <= found["error"].items()
    assert found["command"] == (None if arguments[0] == "simulate" else arguments[0])
    assert err == f"Error: {found['error']['message']}\n"


def test_json_of_an_interruption(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(od.RateEquation, "run_many", interrupted)
    code, found, err = asked(capsys, "run", experiment("a.toml"))
    assert (code, found["error"]["kind"]) == (130, "KeyboardInterrupt")
    assert err.splitlines()[-1] == found["error"]["message"]


# exit codes, colours, completion


def test_exit_codes_are_told_and_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help lists each; 0, 2, 3 and 130 happen here, 1 is a traceback."""
    assert main(["--help"]) == 0
    listed = re.findall(r"^ +(\d+) +\S", capsys.readouterr().out, re.MULTILINE)
    assert listed == ["0", "1", "2", "3", "130"]
    experiment("a.toml")
    assert main(["run", "a.toml", "--validity", "maybe"]) == 2
    assert main(["run", "a.toml", "--store", "a.zarr"]) == 0
    damaged = od.load("a.zarr")
    damaged.status[0, 0] = 4
    monkeypatch.setattr("opendicke.experiment.run.run", lambda *_, **__: damaged)
    assert main(["run", "a.toml"]) == 3

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a mistake of the program")

    monkeypatch.setattr("opendicke.experiment.run.run", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["run", "a.toml"])


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command writes to standard error where that is a terminal."""
    leader, follower = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    subprocess.run(
        [sys.executable, "-m", "opendicke.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=clean | {"TERM": "xterm-256color"} | environment,
    )
    written = os.read(leader, 4000).decode()
    os.close(follower)
    os.close(leader)
    return written


def test_colours_of_errors() -> None:
    """Bold red on terminals alone, never yellow or dim, and not where it is not wanted."""
    assert on_a_terminal("show", "x.nc").startswith("\x1b[1;31mError:\x1b[0m `x.nc`")
    assert on_a_terminal("show", "x.nc", NO_COLOR="1").startswith("Error: `x.nc`")
    assert on_a_terminal("show", "x.nc", TERM="dumb").startswith("Error: `x.nc`")


def test_progress_has_readable_colours() -> None:
    """No yellow, no dim text: neither is readable on every background."""
    from io import StringIO

    from opendicke.progress import console

    stream = StringIO()
    shown = console(file=stream, force_terminal=True, color_system="standard", width=100)
    names = ("elapsed", "remaining", "percentage", "description")
    for style in (*(f"progress.{name}" for name in names), "bar.complete", "bar.finished"):
        shown.print("x", style=style)
    found = re.findall(r"\x1b\[([\d;]*)m", stream.getvalue())
    codes = {code for text in found for code in text.split(";")}
    assert not codes & {"2", "33", "93", "90", "37", "97"}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_OPENDICKE_COMPLETE" in script
    assert "opendicke" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def completed(*words: str) -> list[str]:
    """What bash would offer for the last word, in a process that loads no solver."""
    program = (
        "import sys, opendicke.cli as c, atexit\n"
        "def check():\n"
        "    bad = {'jax', 'qutip', 'xarray', 'matplotlib', 'scipy'} & sys.modules.keys()\n"
        "    assert not bad, bad\n"
        "try:\n    c.main([])\nfinally:\n    check()\n"
    )
    asked = {
        "_OPENDICKE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("opendicke", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion() -> None:
    """Commands, methods, also in lists, papers and their figures."""
    assert completed("co") == ["compare", "convert", "completion"]
    assert completed("new", "a.toml", "--method", "q") == ["quantum-jumps"]
    listed = completed("compare", "a.toml", "--methods", "lindblad,mean")
    assert listed == ["lindblad,mean-field"]
    assert completed("paper", "k") == ["kelly2021"]
    assert set(completed("paper", "carollo2021", "")) >= {"claims", "theorem"}
    assert completed("paper", "carollo2021", "--scale", "s") == ["smoke"]


def test_completion_refuses_other_shells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "csh"]) == 2
    assert "`SHELL` must be a known shell" in capsys.readouterr().err


def test_help_loads_no_solver() -> None:
    """Nor what draws or holds datasets: the first screen, helps and usage errors come at once."""
    program = (
        "import sys, opendicke.cli as c\n"
        "for words in ([], ['--help'], ['run', '--help'], ['compare', '--help'], ['nonsense']):\n"
        "    c.main(words)\n"
        "heavy = {'jax', 'qutip', 'numba', 'xarray', 'zarr', 'pandas', 'matplotlib', 'scipy'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "Error: No such command 'nonsense'.\n")


def test_output_that_nobody_reads_ends_quietly() -> None:
    """As in `opendicke paper | head -1`: no traceback."""
    done = subprocess.run(
        f"{sys.executable} -m opendicke.cli paper | true",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", ["--help", "paper", "completion bash", "paper --json"])
def test_output_that_does_not_fit_is_said_in_a_sentence(arguments: str) -> None:
    """A full disk behind standard output."""
    done = subprocess.run(
        f"{sys.executable} -m opendicke.cli {arguments} > /dev/full",
        shell=True,
        capture_output=True,
        text=True,
    )
    told = "Error: the answer could not be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.parametrize(("closed", "code"), [("paper >&-", 0), ("show none.nc 2>&-", 2)])
def test_closed_streams_take_what_is_said(closed: str, code: int) -> None:
    command = f"{sys.executable} -m opendicke.cli {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_styles_need_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.coloured(Terminal())
    with open(os.devnull) as no_terminal:
        assert not output.coloured(no_terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.coloured(Terminal())


def test_lists_of_methods_name_each_once() -> None:
    from opendicke.cli.completing import lists_of_methods

    assert lists_of_methods("lin") == ["lindblad"]
    assert lists_of_methods("lindblad,") == [
        f"lindblad,{name}" for name in NAMED if name != "lindblad"
    ]


def test_files_of_editors_that_mark_their_encoding() -> None:
    name = experiment("a.toml")
    Path(name).write_bytes(b"\xef\xbb\xbf" + Path(name).read_bytes())
    assert od.Experiment.from_toml(name).method.kind == "rate-equation"
