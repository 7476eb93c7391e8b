"""What waits for what: packages that take long to load come when they are needed, not before.

How long start-up takes is measured in benchmarks/startup.py; here no clock is judged.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("jax", "jaxlib", "qutip", "xarray", "zarr", "h5netcdf", "h5py", "pandas", "matplotlib"),
    *("numpy", "scipy", "numba", "llvmlite", "PIL", "pydantic", "dask", "distributed", "diffrax"),
)


def loaded(code: str) -> set[str]:
    """Heavy packages that a process has loaded in the end."""
    told = (
        f"{code}\nimport sys; sys.stderr.write(' '.join(set({HEAVY!r}) & set(sys.modules)) + '\\n')"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def test_what_is_heavy_is_seen() -> None:
    """The test itself can fail."""
    assert loaded("import numpy") == {"numpy"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Not even NumPy: names are imported when they are first used."""
    assert loaded("import opendicke; dir(opendicke); opendicke.__version__") == set()


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], [], ["run", "--help"], ["plot", "--help"], ["paper", "--help"]],
    ids=lambda words: " ".join(words) or "alone",
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Whoever asks what there is gets an answer at once; pydantic is loaded by Typer itself."""
    assert loaded(f"from opendicke.cli import main; main({words!r})") <= {"pydantic"}


def test_models_need_no_solver() -> None:
    """A model can be written down without JAX, QuTiP or anything that stores or draws."""
    code = "import opendicke as od; od.DickeModel([[1.0]], 1.0, field=0.5); od.MeanField()"
    assert "numpy" in loaded(code)
    model = "import opendicke as od; od.DickeModel([[1.0]], 1.0, field=0.5)"
    assert not loaded(model) & {"jax", "jaxlib", "qutip", "xarray", "zarr", "matplotlib", "numba"}
