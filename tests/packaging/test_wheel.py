"""The wheel carries the whole package and works without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    """All modules of src/, the type marker, and no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    modules = {str(f.relative_to(source)) for f in source.rglob("*.py")}
    assert modules | {"opendicke/py.typed"} <= names
    assert all(name.startswith(("opendicke/", "opendicke-")) for name in names)


def test_wheel_solves_an_experiment_away_from_the_source(wheel: Path, tmp_path: Path) -> None:
    """Installed into an empty folder, the command line runs an example."""
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site]
    subprocess.run([sys.executable, *install, wheel], check=True, capture_output=True)
    code = (
        "import opendicke, sys; from opendicke.cli import main; "
        f"assert opendicke.__file__.startswith({str(site)!r}), opendicke.__file__; "
        f"sys.exit(main(['run', {str(ROOT / 'examples' / 'relaxation.toml')!r}]))"
    )
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "relaxation.zarr").is_dir()
    assert (tmp_path / "results" / "relaxation.png").stat().st_size > 10_000
