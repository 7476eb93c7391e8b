"""What is handed to users: wheel and source distribution, and what works once it is installed.

The quick tests install the wheel alone into an empty folder or environment and lend it the
dependencies of this one. The slow ones know nothing but a package index.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SMALL = """
observables = ["sz"]

[model]
couplings = { kind = "gaussian", sigma = 1.0 }
spins = 3
modes = 2
frequencies = 1.0
loss = 1.0
field = 0.5

[state]
spins = "+z"

[times]
stop = 1.0
points = 3

[method]
kind = "mean-field"
"""

USER = """\
import opendicke as od

model = od.DickeModel([[1.0]], frequencies=1.0, loss=1.0, field=0.5)
state = od.ProductState.polarized("+z")
ds = od.solve(model, state, [0.0, 1.0], od.MeanField(), ["sz"])
reveal_type(ds)
od.solve(model, state, [0.0, 1.0], "mean field", ["sz"])
"""


def build(folder: Path, *what: str, source: Path = ROOT) -> None:
    command = [sys.executable, "-m", "build", *what, "--no-isolation", "--outdir", folder, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    """The source distribution."""
    (found,) = built.glob("*.tar.gz")
    return found


@pytest.fixture
def empty(tmp_path: Path, wheel: Path) -> Path:
    """The Python of an environment with this wheel, and dependencies lent by the tests' own."""
    venv.create(tmp_path / "environment", with_pip=False)
    python = tmp_path / "environment" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True, capture_output=True)
    (site,) = (tmp_path / "environment" / "lib").glob("python3.*/site-packages")
    # Read when Python starts; the editable installation there, itself a line in a file of this
    # kind, is not followed.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return python


def away(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run in a folder that is no checkout, with nothing of this environment's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> Message:
    (text,) = (data for name, data in contents(wheel).items() if name.endswith("/METADATA"))
    return message_from_string(text.decode())


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """All files of src/, the type marker among them, no tests and no leftovers."""
    source = ROOT / "src"
    files = {
        str(file.relative_to(source))
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    names = {name for name in contents(wheel) if name.startswith("opendicke/")}
    assert names == files
    assert "opendicke/py.typed" in names
    others = {name for name in contents(wheel) if not name.startswith("opendicke/")}
    info = f"opendicke-{PROJECT['version']}.dist-info/"
    assert others == {
        info + name
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }


def test_metadata_say_what_pyproject_says(wheel: Path) -> None:
    """Name, version, licence, Pythons, command, dependencies; the README is the description."""
    told = metadata(wheel)
    assert told["Name"] == PROJECT["name"]
    assert told["Version"] == PROJECT["version"]
    assert told["License-Expression"] == PROJECT["license"]
    assert told["Requires-Python"] == PROJECT["requires-python"]
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    required = [Requirement(text) for text in told.get_all("Requires-Dist") or []]
    assert {str(r) for r in required if not r.marker} == {
        str(Requirement(text)) for text in PROJECT["dependencies"]
    }
    assert set(told.get_all("Provides-Extra") or []) == set(PROJECT["optional-dependencies"])
    (entry,) = (data for name, data in contents(wheel).items() if name.endswith("entry_points.txt"))
    assert entry.decode().split("\n")[:2] == [
        "[console_scripts]",
        f"opendicke = {PROJECT['scripts']['opendicke']}",
    ]


def test_source_distribution_is_a_checkout(sdist: Path) -> None:
    """What make needs, tests, examples and pages are there; results and caches are not."""
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    for name in (
        *("Makefile", "pyproject.toml", "requirements.lock", "README.md", "CHANGELOG.md"),
        *("LICENSE", "CITATION.cff", "examples/retrieval.toml", "docs/index.md", "docs/conf.py"),
        *("benchmarks/run.py", "scripts/licenses.py", ".github/workflows/ci.yml"),
        "tests/packaging/test_wheel.py",
    ):
        assert name in names, name
    unwanted = re.compile(r"(^results/|^dist/|_build/|__pycache__|\.venv|\.zarr|_cache/)")
    assert not [name for name in names if unwanted.search(name)]


def test_both_give_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Built from the source distribution (as `wheel` was) or from the checkout."""
    build(tmp_path, "--wheel")
    (direct,) = tmp_path.glob("*.whl")
    assert direct.name == wheel.name
    assert contents(direct) == contents(wheel)


def test_command_and_module_without_the_source(empty: Path, tmp_path: Path) -> None:
    """An environment of its own: the script is there, the package is the wheel's."""
    script = empty.with_name("opendicke")
    shown = away(script, "--version", folder=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, f"opendicke {PROJECT['version']}\n")
    code = "import opendicke; print(opendicke.__file__, opendicke.__version__)"
    found = away(empty, "-c", code, folder=tmp_path)
    file, number = found.stdout.split()
    assert Path(file).is_relative_to(tmp_path / "environment")
    assert number == PROJECT["version"]


def test_wheel_solves_an_experiment_away_from_the_source(empty: Path, tmp_path: Path) -> None:
    """The command line runs an experiment file, with dataset and figure."""
    (tmp_path / "small.toml").write_text(SMALL)
    done = away(empty.with_name("opendicke"), "run", "small.toml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "small.zarr").is_dir()
    assert (tmp_path / "results" / "small.png").stat().st_size > 10_000


@pytest.mark.slow
def test_type_checkers_see_the_types(empty: Path, tmp_path: Path) -> None:
    """A user's script in strict mode: results have their type, a wrong argument is found."""
    (tmp_path / "user.py").write_text(USER)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", empty]
    done = away(*mypy, "--cache-dir", tmp_path / "cache", "user.py", folder=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == 'user.py:6: note: Revealed type is "xarray.core.dataset.Dataset"', done
    assert lines[1].startswith('user.py:7: error: Argument 4 to "solve" has incompatible type')
    assert lines[2:] == ["Found 1 error in 1 file (checked 1 source file)"]


@pytest.mark.slow
def test_empty_environment(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """Nothing but Python and a package index: the newest of everything that is admitted.

    First the wheel with all that it needs, then, in its place, the source distribution, which pip
    builds by itself.
    """
    probe = [sys.executable, "-m", "pip", "index", "versions", "tomli-w"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached")
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    script = python.with_name("opendicke")
    example = ROOT / "examples" / "relaxation.toml"
    everything = "import opendicke as od; [getattr(od, name) for name in od.__all__]"
    for words in (
        (python, "-m", "pip", "install", "--quiet", wheel),
        (python, "-m", "pip", "check"),
        (script, "run", example),
        (script, "show", "results/relaxation.zarr"),
        (python, "-W", "error", "-c", everything),
        (python, "-m", "pip", "uninstall", "--quiet", "--yes", "opendicke"),
        (python, "-m", "pip", "install", "--quiet", "--no-deps", sdist),
        (script, "show", "results/relaxation.zarr"),
    ):
        done = away(*words, folder=tmp_path)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert "photons" in done.stdout
