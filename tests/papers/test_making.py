"""What `opendicke paper` leaves behind: datasets, data for other programs, costs, refusals."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke import papers, progress
from opendicke.cli import main
from opendicke.papers import cost, making
from opendicke.papers.catalogue import CLAIMS, Desk, Figure, Outcome, Paper, Scale, Verdict, claim
from opendicke.papers.data import MOST_ROWS, write_netcdf, write_table
from opendicke.papers.making import Workshop
from opendicke.results.dataset import words

MADE: list[str] = []


def make_line(scale: Scale, desk: Desk) -> xr.Dataset:
    MADE.append("line")
    desk(0.5, "half")
    return xr.Dataset(
        {
            "y": ("x", [1 / 3, np.nan], {"long_name": "a third", "units": "energy"}),
            "y_stderr": ("x", [0.1, 0.2]),
        },
        {"x": [0.1, 0.2]},
    )


def make_dot(scale: Scale, desk: Desk) -> xr.Dataset:
    MADE.append("dot")
    return xr.Dataset({"z": ((), 1 + 2j)})


def draw(dataset: xr.Dataset) -> Any:
    from matplotlib.figure import Figure as Picture

    picture = Picture()
    picture.subplots().plot([1, 2])
    return picture


@claim("third", "It is a third.", "p. 1")
def third(findings: Any) -> Outcome:
    MADE.append(CLAIMS)
    value = float(findings("line")["y"][0])
    return Outcome(Verdict.HOLDS, "Seen.", value, 1 / 3)


def tiny(seconds: Mapping[str, float] | None = None) -> Paper:
    known = {} if seconds is None else dict(seconds)
    return Paper(
        "tiny",
        "Tiny",
        "Nobody, *Nothing* (2000)",
        {"smoke": Scale("smoke", "small", {"line": {"a": 1}, "dot": {}})},
        (
            Figure("line", "A line", make_line, draw, known),
            Figure("dot", "A dot", make_dot, draw, known),
        ),
        lambda: (third,),
        known,
    )


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The tiny paper, known to the command; the folder is empty."""
    monkeypatch.setitem(papers._HOME, "tiny", "test_making")
    monkeypatch.setattr(papers, "find_paper", lambda name: tiny({"smoke": 100.0}))
    monkeypatch.setattr(making, "slowness", lambda: 3.0)
    monkeypatch.chdir(tmp_path)
    MADE.clear()
    return tmp_path / "results" / "tiny"


COMMAND = ["paper", "tiny", "--scale", "smoke"]


def table_of(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("#")]
    return header, list(csv.DictReader(lines[len(header) :]))


def test_every_figure_is_data_as_well(registered: Path) -> None:
    assert main(COMMAND) == 0
    names = {path.name for path in registered.iterdir()}
    data = {
        f"{name}.{kind}" for name in ("line", "dot", "claims") for kind in ("zarr", "nc", "csv")
    }
    assert names == data | {"line.png", "dot.png", "claims.md"}
    with xr.open_dataset(registered / "line.nc", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened["y"], [1 / 3, np.nan])
        assert opened["y"].attrs == {"long_name": "a third", "units": "energy"}
        assert json.loads(opened.attrs["paper"])["figure"] == "line"
    with xr.open_dataset(registered / "dot.nc", engine="h5netcdf") as opened:
        assert (float(opened["z_real"]), float(opened["z_imag"])) == (1.0, 2.0)
    header, rows = table_of(registered / "line.csv")
    assert header[0] == "# tiny, line: A line (scale smoke)"
    assert header[1] == "# Nobody, *Nothing* (2000)"
    assert "# y (x): a third [energy]" in header
    assert rows == [
        {"variable": "y", "x": "0.1", "value": repr(1 / 3), "stderr": "0.1"},
        {"variable": "y", "x": "0.2", "value": "nan", "stderr": "0.2"},
    ]
    _, rows = table_of(registered / "claims.csv")
    assert {"variable": "verdict", "claim": "third", "value": "holds", "stderr": ""} in rows


def test_missing_data_are_written_without_computing(registered: Path) -> None:
    assert main(COMMAND) == 0
    MADE.clear()
    kept = (registered / "line.csv").read_bytes()
    for name in ("line.nc", "line.csv", "line.png"):
        (registered / name).unlink()
    assert main(COMMAND) == 0
    assert not MADE
    assert (registered / "line.csv").read_bytes() == kept
    assert (registered / "line.nc").exists()
    assert (registered / "line.png").exists()


def test_tables_hold_every_number(tmp_path: Path) -> None:
    """Numbers come back with all their digits, at their places; what is large is named."""
    rng = np.random.default_rng(0)
    flags = {"flag_values": [1, 2], "flag_meanings": "ok bad"}
    dataset = xr.Dataset(
        {
            "a": (("case", "k"), rng.normal(size=(2, 3))),
            "word": words("case", ["one", 'two, "three"']),
            "status": ("k", np.array([1, 1, 2], np.int8), flags),
            "large": ("row", np.zeros(MOST_ROWS + 1), {"long_name": "many"}),
            "fits": ("column", np.ones(3)),
        },
        {"case": words("case", ["x", "y"]), "label": ("k", [5.0, 6.0, 7.0])},
    )
    header, rows = table_of(write_table(dataset, tmp_path / "t.csv", "A title"))
    assert header[0] == "# A title"
    assert f"# large (row): many; left out here, being {MOST_ROWS + 1} numbers" in header
    assert "# status (k): 1 = ok; 2 = bad" in header
    assert "# k: counted from 0" in header
    assert {row["variable"] for row in rows} == {"a", "word", "status", "fits", "label"}
    for row in rows:
        if row["variable"] == "a":
            assert float(row["value"]) == float(dataset["a"].sel(case=row["case"])[int(row["k"])])
            assert row["row"] == ""
    assert [row["value"] for row in rows if row["variable"] == "word"] == ["one", 'two, "three"']
    assert len(rows) == 6 + 2 + 3 + 3 + 3


def test_netcdf_of_attributes_that_it_does_not_know(tmp_path: Path) -> None:
    dataset = xr.Dataset({"a": ("k", [1.0], {"made": {"by": None}})}, attrs={"many": [{"x": 1}]})
    write_netcdf(dataset, tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as opened:
        assert json.loads(opened["a"].attrs["made"]) == {"by": None}
        assert json.loads(opened.attrs["many"]) == [{"x": 1}]


@pytest.mark.parametrize("suffix", [".nc", ".csv", ".png"])
def test_what_cannot_be_written_is_refused_first(
    registered: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (registered / f"dot{suffix}").mkdir(parents=True)
    assert main(COMMAND) == 2
    assert not MADE
    error = capsys.readouterr().err
    assert error == f"Error: `results/tiny/dot{suffix}` cannot be written: it is a folder.\n"


def test_cost_comes_first(registered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measured seconds times the slowness of this machine; nothing is made in a dry run."""
    assert main([*COMMAND, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "tiny at the scale smoke, to be made in results/tiny:",
        "  line    about 5 min",
        "  dot     about 5 min",
        "  claims  about 5 min",
        "  in all  about 15 min",
    ]
    assert not registered.exists()
    assert main([*COMMAND[:2], "line", *COMMAND[2:]]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == [
        "tiny at the scale smoke, to be made in results/tiny:",
        "  line  about 5 min",
    ]
    assert main([*COMMAND, "--dry-run"]) == 0
    assert "in all  about 10 min" in capsys.readouterr().out
    assert main([*COMMAND[:2], CLAIMS, *COMMAND[2:], "--dry-run"]) == 0  # it looks at all figures
    assert "in all  about 10 min" in capsys.readouterr().out
    assert MADE == ["line"]
    assert main(COMMAND) == 0
    capsys.readouterr()
    assert main([*COMMAND, "--dry-run"]) == 0
    assert capsys.readouterr().out == "Everything is there in results/tiny.\n"
    assert MADE == ["line", "dot", CLAIMS]


def test_cost_of_what_nobody_measured() -> None:
    lines = cost.cost_lines(["a", "bc"], {"a": 10.0, "bc": None})
    assert lines == [
        "  a   about 10 s",
        "  bc  time is unknown",
        "  in all  about 10 s, and those of which the time is unknown",
    ]
    assert cost.cost_lines(["a", "b"], {"a": None, "b": None})[-1].startswith("  b ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (9.51, "9.5 s"), (89, "89 s"), (100, "1.7 min"), (600, "10 min"),
     (5270, "88 min"), (8000, "2.2 h"), (3e5, "3.5 days"), (1e7, "120 days")],
)  # fmt: skip
def test_spans_of_time(seconds: float, text: str) -> None:
    assert cost.about(seconds) == text


def test_slowness_is_relative_to_the_machine_of_the_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine that takes twice as long for the same counts double; the better of two tries."""
    assert 0.01 < cost.slowness() < 100
    tries = iter([9.0, 2 * cost._REFERENCE])
    monkeypatch.setattr(cost, "_loop", lambda: next(tries))
    assert cost.slowness() == pytest.approx(2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_time_left_is_seen_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share, time and time left are whole, however long the text behind them."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with progress.Bar("3/12 fig2_center", enabled=True) as bar:
        for k in range(1, 4):
            bar(0.1 * k, "1234 of 12345 cells, 8.09 cells/min, worst error 0.04")
            time.sleep(0.15)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert re.search(r"3/12 fig2_center \S+ +30% 0:00:\d\d left: 0:00:\d\d 1234 of", shown)


def test_claims_are_judged_again_with_the_figures_that_are_there(registered: Path) -> None:
    """`--overwrite` replaces what is named, and nothing else."""
    assert main(COMMAND) == 0
    MADE.clear()
    assert main([*COMMAND[:2], CLAIMS, *COMMAND[2:], "--overwrite"]) == 0
    assert MADE == [CLAIMS]
    assert main([*COMMAND, "--overwrite"]) == 0
    assert MADE == [CLAIMS, "line", "dot", CLAIMS]


def test_interrupted_after_a_figure(
    registered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code, the words, and what is finished."""

    def stopped(scale: Scale, desk: Desk) -> xr.Dataset:
        raise KeyboardInterrupt

    whole = tiny()
    cut = replace(whole, figures=(whole.figures[0], replace(whole.figures[1], make=stopped)))
    monkeypatch.setattr(papers, "find_paper", lambda name: cut)
    assert main(COMMAND) == 130
    assert capsys.readouterr().err == (
        "Interrupted: what is finished is in `results/tiny`; go on by running the same again.\n"
    )
    assert (registered / "line.zarr").exists()
    monkeypatch.setattr(papers, "find_paper", lambda name: whole)
    MADE.clear()
    assert main(COMMAND) == 0
    assert MADE == ["dot", CLAIMS]


def test_notes_are_told_and_kept(
    registered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What methods doubted is told once, when the figure is there, and stays with its dataset."""

    def doubted(scale: Scale, desk: Any) -> xr.Dataset:
        desk.notes.append("the method doubts")
        return make_line(scale, desk)

    whole = tiny()
    figures = (replace(whole.figures[0], make=doubted), whole.figures[1])
    monkeypatch.setattr(papers, "find_paper", lambda name: replace(whole, figures=figures))
    assert main(COMMAND) == 0
    assert capsys.readouterr().err == "Note: the method doubts.\n"
    assert json.loads(od.load(registered / "line.zarr").attrs["notes"]) == ["the method doubts"]
    assert main(COMMAND) == 0
    assert capsys.readouterr().err == ""


def test_claims_follow_figures_that_are_made_anew(
    registered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure made again alone leaves verdicts on another one behind: they are judged anew."""
    assert main(COMMAND) == 0
    judged_by = json.loads(od.load(registered / "claims.zarr").attrs["figures"])
    assert list(judged_by) == ["line"]
    MADE.clear()
    assert main([*COMMAND[:2], "dot", *COMMAND[2:], "--overwrite"]) == 0  # no claim looks at it
    assert main(COMMAND) == 0
    assert MADE == ["dot"]
    assert main([*COMMAND[:2], "line", *COMMAND[2:], "--overwrite"]) == 0
    capsys.readouterr()
    assert main([*COMMAND, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["  claims  about 5 min"]
    MADE.clear()
    assert main(COMMAND) == 0
    assert MADE == [CLAIMS]
    assert main(COMMAND) == 0
    assert MADE == [CLAIMS]
    shutil.rmtree(registered / "line.zarr")
    assert main([*COMMAND[:2], CLAIMS, *COMMAND[2:]]) == 0
    assert MADE == [CLAIMS]  # nothing speaks against the verdicts
    assert main(COMMAND) == 0
    assert MADE == [CLAIMS, "line", CLAIMS]


def test_data_follow_a_dataset_that_was_replaced_before_an_interruption(
    registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the dataset and its copies: the copies of the former one are replaced."""
    assert main(COMMAND) == 0

    def other(scale: Scale, desk: Desk) -> xr.Dataset:
        return make_line(scale, desk) + 1.0

    def stopped(dataset: xr.Dataset, path: Path) -> Path:
        raise KeyboardInterrupt

    whole = tiny()
    figures = (replace(whole.figures[0], make=other), whole.figures[1])
    monkeypatch.setattr(papers, "find_paper", lambda name: replace(whole, figures=figures))
    line = [*COMMAND[:2], "line", *COMMAND[2:]]
    with monkeypatch.context() as patch:
        patch.setattr(making, "write_netcdf", stopped)
        assert main([*line, "--overwrite"]) == 130
    _, rows = table_of(registered / "line.csv")
    assert rows[0]["value"] == repr(1 / 3)
    assert main(line) == 0
    _, rows = table_of(registered / "line.csv")
    assert rows[0]["value"] == repr(1 / 3 + 1.0)
    with xr.open_dataset(registered / "line.nc", engine="h5netcdf") as opened:
        assert float(opened["y"][0]) == 1 / 3 + 1.0
    kept = [(registered / f"line{kind}").stat().st_mtime_ns for kind in (".nc", ".csv")]
    assert main(line) == 0
    again = [(registered / f"line{kind}").stat().st_mtime_ns for kind in (".nc", ".csv")]
    assert again == kept


def test_tables_hold_means_over_realizations(tmp_path: Path) -> None:
    """With standard errors, of members that ended well and are numbers; NetCDF keeps the draws."""
    values = np.array([[[1.0, 5.0], [2.0, 7.0], [6.0, 9.0], [90.0, 90.0]], np.full((4, 2), 3.0)])
    values[0, 1, 1] = np.nan
    status = np.array([[1, 1, 1, 2], [1, 3, 3, 3]], np.int8)
    flags = {"flag_values": [1, 2, 3], "flag_meanings": "ok late bad"}
    dims = ("curve", "realization", "time")
    dataset = xr.Dataset(
        {
            "sx": (dims, values, {"long_name": "spin", "units": "1"}),
            "sx_stderr": (dims, np.full((2, 4, 2), 0.5)),
            "odd": (("realization", "curve"), np.arange(8).reshape(4, 2)),
            "free": ("realization", [1.0, 2.0, 3.0, np.nan]),
            "status": (("curve", "realization"), status, flags),
        },
        {"time": [0.0, 1.0]},
    )
    header, rows = table_of(write_table(dataset, tmp_path / "t.csv", "A title"))
    words = "mean and standard error over realizations with status 1, the draws are in NetCDF"
    assert f"# sx (curve, time): spin; {words}" in header
    found = {
        (row["curve"], row["time"]): (float(row["value"]), float(row["stderr"]))
        for row in rows
        if row["variable"] == "sx"
    }
    # By hand: 1, 2, 6 have the variance 7; 5, 9 have 8; one member has no error.
    assert found["0", "0.0"] == pytest.approx((3.0, np.sqrt(7 / 3)))
    assert found["0", "1.0"] == pytest.approx((7.0, np.sqrt(8 / 2)))
    assert found["1", "0.0"][0] == 3.0
    assert np.isnan(found["1", "0.0"][1])
    odd = [float(row["value"]) for row in rows if row["variable"] == "odd"]
    assert odd == [2.0, 1.0]
    (free,) = (row for row in rows if row["variable"] == "free")
    assert (float(free["value"]), float(free["stderr"])) == pytest.approx((2.0, 1 / np.sqrt(3)))
    assert "# free (): mean and standard error over realizations, the draws are in NetCDF" in header
    assert [row["value"] for row in rows if row["variable"] == "status"] == list("11121333")
    write_netcdf(dataset, tmp_path / "t.nc")
    with xr.open_dataset(tmp_path / "t.nc", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened["sx"], values)
    without, _ = table_of(write_table(dataset[["sx"]], tmp_path / "u.csv", "A title"))
    assert not [line for line in without if line.startswith("# realization")]


def test_a_folder_of_an_odd_name(tmp_path: Path) -> None:
    paper = tiny()
    shop = Workshop(paper, paper.scale("smoke"), tmp_path / "gü t")
    made = {each.name: each for each in shop.make(["line"])}
    assert made["line"].shown.exists()
