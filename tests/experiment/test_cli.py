"""The command line: run, show, plot, and how they end."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import opendicke as od
from opendicke.cli import main
from opendicke.methods.stepping import segment_program

TEXT = """
observables = ["sx", "sz", "photons"]

[model]
couplings = { kind = "gaussian", sigma = 1.0 }
spins = 4
modes = 2
frequencies = 1.0
loss = 1.0
field = 0.5

[state]
pattern = 0
flipped = 0.25

[times]
stop = 2.0
points = 9

[method]
kind = "mean-field"
tolerance = 1e-3

[sweep]
"model.frequencies" = [1.0, 2.0]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with an experiment file; warnings are shown as they are to users."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(TEXT)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield tmp_path


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "opendicke.cli", *arguments], capture_output=True, text=True
    )


def is_a_picture(path: Path) -> bool:
    """A PNG with curves on it: many shades, more than a few dark or coloured pixels."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    saturation = pixels.max(axis=2) - pixels.min(axis=2)
    return bool(pixels.std() > 5 and (saturation > 60).sum() > 500)


def test_run_makes_a_dataset_and_a_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options both lie in `results`, under the name of the file."""
    assert main(["run", "small.toml"]) == 0
    out, err = capsys.readouterr()
    assert sorted(path.name for path in (folder / "results").iterdir()) == [
        "small.png",
        "small.zarr",
    ]
    assert is_a_picture(folder / "results/small.png")
    assert "dataset  saved in results/small.zarr  (2 of 2 members ended well)" in out
    assert "figure   saved in results/small.png" in out
    assert "Traceback" not in err
    dataset = od.load("results/small.zarr")
    assert dict(dataset["sx"].sizes) == {"frequencies": 2, "realization": 1, "time": 9}


def test_warnings_are_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """What the user should know stands on standard error, a line each, and stops nothing."""
    assert main(["run", "small.toml"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line]
    assert any(line.startswith("Note: MeanField is doubtful here: ") for line in notes)
    assert any("corrects no error" in line for line in notes)
    assert all(line.startswith("Note: ") for line in notes)
    assert len(notes) == 2


def test_refusal_of_a_method_is_an_error(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a method says that it does not hold, the exit code is 2, unless it is asked anyway."""
    from opendicke.methods.base import Assessment, Verdict

    verdict = Assessment(Verdict.INVALID, "this is a test", 0.0, 0.0, 0.0)
    monkeypatch.setattr(od.MeanField, "assess", lambda *_: verdict)
    assert main(["run", "small.toml"]) == 2
    assert capsys.readouterr().err.startswith("Error: MeanField is not valid here: this is a test")
    assert not (folder / "results").exists()
    assert main(["run", "small.toml", "--validity", "warn"]) == 0
    assert "Note: MeanField is invalid here" in capsys.readouterr().err
    assert main(["run", "small.toml", "--validity", "ignore", "--overwrite"]) == 0
    assert capsys.readouterr().err == ""


def test_second_run_reuses_the_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complete results are not computed again; the figure is drawn again."""
    assert main(["run", "small.toml"]) == 0
    Path("results/small.png").unlink()
    capsys.readouterr()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("was run again")

    monkeypatch.setattr(od.MeanField, "run_many", never)
    assert main(["run", "small.toml"]) == 0
    assert "was already complete in results/small.zarr" in capsys.readouterr().out
    assert is_a_picture(Path("results/small.png"))


def test_overwrite_computes_again() -> None:
    """`--overwrite` replaces what is there by another experiment's results."""
    assert main(["run", "small.toml", "--store", "a.nc"]) == 0
    Path("other.toml").write_text("seed = 9\n" + TEXT)
    assert main(["run", "other.toml", "--store", "a.nc"]) == 2
    assert od.load("a.nc").attrs["seed"] == 0
    assert main(["run", "other.toml", "--store", "a.nc", "--overwrite"]) == 0
    assert od.load("a.nc").attrs["seed"] == 9


@pytest.mark.parametrize(("store", "figure"), [("deep/a.nc", "b.svg"), ("a.zarr", "deep/b.pdf")])
def test_run_with_options(store: str, figure: str, folder: Path) -> None:
    """Results go where they are sent, in the format that the ending names."""
    assert main(["run", "small.toml", "--store", store, "--figure", figure]) == 0
    assert od.load(store)["sx"].size == 18
    start = (folder / figure).read_bytes()[:500]
    assert (b"<svg" in start) if figure.endswith("svg") else start.startswith(b"%PDF")
    assert not (folder / "results").exists()


def test_the_command_line_finds_what_python_finds(folder: Path) -> None:
    """The dataset of the command line is that of `od.run`."""
    assert main(["run", "small.toml"]) == 0
    stored = od.load("results/small.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        returned = od.run(od.Experiment.from_toml("small.toml"))
    for name in ("sx", "sz", "photons"):
        np.testing.assert_array_equal(stored[name], returned[name])


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    """What is in a store, and where it comes from."""
    assert main(["run", "small.toml", "--store", "a.nc"]) == 0
    capsys.readouterr()
    assert main(["show", "a.nc"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "a.nc" in out.splitlines()[0]
    assert "frequencies: 2, realization: 1, time: 9" in out
    assert "mean σx of the spins  (frequencies, realization, time)" in out
    for text in (version("opendicke"), '"kind": "gaussian", "sigma": 1.0', '"mean-field"', "cpu"):
        assert text in out


def test_plot_redraws(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A figure from a store, beside it or elsewhere, of everything or of what is chosen."""
    assert main(["run", "small.toml", "--store", "a.zarr"]) == 0
    (folder / "a.png").unlink()
    compiled = segment_program.compilations
    assert main(["plot", "a.zarr"]) == 0
    assert is_a_picture(folder / "a.png")
    capsys.readouterr()
    only = ["plot", "a.zarr", "--observable", "sx", "--figure", "one.png"]
    assert main(only) == 0
    assert capsys.readouterr().out == "figure saved in one.png\n"
    assert is_a_picture(folder / "one.png")
    assert main([*only, "--observable", "photons"]) == 0
    with Image.open("a.png") as everything, Image.open("one.png") as two:
        assert two.size[0] < everything.size[0]
    assert segment_program.compilations == compiled


def test_plot_loads_no_solver(folder: Path) -> None:
    """Figures are for machines without JAX, too."""
    assert main(["run", "small.toml", "--store", "a.zarr"]) == 0
    (folder / "a.png").unlink()
    script = (
        "import sys\n"
        "from opendicke.cli import main\n"
        "assert main(['plot', 'a.zarr']) == 0\n"
        "assert main(['show', 'a.zarr']) == 0\n"
        "names = [n for n in sys.modules if n.split('.')[0] in ('jax', 'jaxlib', 'qutip')]\n"
        "names += [n for n in sys.modules if n.startswith(('opendicke.methods', "
        "'opendicke.experiment', 'opendicke.solv'))]\n"
        "assert not names, names\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert is_a_picture(folder / "a.png")


def test_help_and_version_as_processes() -> None:
    """Every command explains itself, in a process of its own."""
    done = command("--help")
    assert done.returncode == 0
    for word in ("run", "show", "plot", "--version", "opendicke run first.toml"):
        assert word in done.stdout
    assert command("run", "--help").returncode == 0
    shown = command("--version")
    assert (shown.returncode, shown.stdout) == (0, f"opendicke {version('opendicke')}\n")


def test_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    """Bare `opendicke` names four commands to begin with, each of which there is."""
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    commands = re.findall(r"^  opendicke (\w+)", out, re.MULTILINE)
    assert commands == ["new", "run", "advise", "show"]
    for name in commands:
        assert main([name, "--help"]) == 0


def test_unknown_command_as_a_process() -> None:
    """A command that does not exist is a usage error."""
    done = command("simulate")
    assert done.returncode == 2
    assert done.stderr == "Error: No such command 'simulate'.\n"


def test_a_run_as_a_process(folder: Path) -> None:
    """The whole of it, as a user types it."""
    done = command("run", "small.toml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("saved in") == 2
    # Besides notes only progress, on a slow machine.
    assert all(line.startswith(("Note: ", "MeanField: ")) for line in done.stderr.splitlines())
    assert is_a_picture(folder / "results/small.png")


def test_interruption(capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: Any) -> None:
    """Ctrl-C ends with 130 and without a trace of the run."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(od.MeanField, "run_many", interrupted)
    assert main(["run", "small.toml"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted."
    assert [path.name for path in folder.iterdir()] == ["small.toml"]


def test_the_users_warnings_are_left_alone() -> None:
    """Calling `main` from Python changes no global setting."""
    shown, filters = warnings.showwarning, list(warnings.filters)
    assert main(["show", "none.zarr"]) == 2
    assert warnings.showwarning is shown
    assert list(warnings.filters) == filters
