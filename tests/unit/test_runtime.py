"""JAX as a guest: light imports, untouched settings, one compilation per shape, a disk cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opendicke as od
from opendicke.methods.runtime import Program, double_precision
from opendicke.methods.stepping import segment_program

TIMES = np.linspace(0.0, 1.0, 4)
SOLVE = """
import json, os, sys
import numpy as np
import jax
import opendicke as od
model = od.DickeModel(np.full((2, 1), 0.4), 1.0, loss=0.5, field=0.3)
state = od.ProductState.polarized("+z")
ds = od.solve(model, state, [0.0, 1.0], od.MeanField(step=0.1), ["sz"], validity="ignore")
folder = os.environ["WATCHED"]
files = [name for _, _, names in os.walk(folder) for name in names]
print(json.dumps({
    "sz": float(ds.sz[-1]),
    "files": len(files),
    "cache_dir": jax.config.jax_compilation_cache_dir,
    "x64": jax.config.jax_enable_x64,
}))
"""


def python(code: str, **environment: str) -> Any:
    """Run code in a fresh interpreter and return the JSON it prints."""
    env = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def settings() -> dict[str, Any]:
    """All of JAX's settings."""
    return dict(jax.config.values)


def test_import_is_light() -> None:
    """`import opendicke` loads no solver; names are found when they are first used."""
    code = (
        "import json, sys, opendicke as od; before = sorted(sys.modules); od.DickeModel;"
        "print(json.dumps([before, sorted(sys.modules), dir(od)]))"
    )
    before, after, names = python(code)
    heavy = {"jax", "qutip", "xarray", "zarr", "scipy", "matplotlib", "numpy", "pydantic"}
    assert not heavy & set(before)
    assert not {"jax", "qutip", "xarray"} & set(after)
    assert {"DickeModel", "MeanField", "solve", "load"} <= set(names)


def test_every_public_name_exists() -> None:
    """`__all__` promises nothing that is not there; other names are AttributeErrors."""
    for name in od.__all__:
        assert getattr(od, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = od.no_such_thing


def test_jax_settings_are_left_alone(make_model: Callable[..., od.DickeModel]) -> None:
    """The user's JAX stays in single precision, all of its settings as they were."""
    before = settings()
    assert jnp.ones(3).dtype == jnp.float32
    model, state = make_model(1), od.ProductState.polarized("+z")
    ds = od.solve(model, state, TIMES, od.MeanField(), ["sz"], validity="ignore")
    assert ds.sz.dtype == np.float64
    assert float(ds.estimated_error) < 1e-6  # unreachable in single precision
    assert settings() == before
    assert (jnp.ones(3) / 3).dtype == jnp.float32
    assert jax.jit(lambda x: x * 2)(np.ones(3)).dtype == jnp.float32


def test_settings_survive_an_error() -> None:
    """A program that fails to compile leaves no trace either."""
    before = settings()

    def fails(x: Any) -> Any:
        raise RuntimeError("while tracing")

    with pytest.raises(RuntimeError, match="while tracing"), double_precision():
        Program(fails)(jnp.ones(2))
    assert settings() == before
    assert jnp.ones(3).dtype == jnp.float32


def test_another_draw_compiles_nothing() -> None:
    """Draws, parameters, steps and times of one shape share a program; a new size does not."""
    state = od.ProductState.pattern(0)

    def solve(realization: int, spins: int = 40, **method: Any) -> int:
        random = od.RandomDicke(
            od.Binary(1.1), spins, 4, frequencies=[1.0, 2.0, 3.0, 4.0 + realization], field=0.5
        )
        model = random.draw(0, realization)
        times = TIMES * (1 + realization)
        od.solve(model, state, times, od.MeanField(**method), ["overlap"], validity="ignore")
        return segment_program.compilations

    first = solve(0)
    assert solve(1) == solve(2, tolerance=1e-8) == solve(3, step=0.01) == first
    assert solve(0, order=2) == first + 1
    assert solve(1, spins=48) == first + 1  # still eight groups
    assert solve(1, spins=3) > first + 1


def test_program_counts_shapes_and_types() -> None:
    """One compilation for each set of shapes, types and static settings."""
    program = Program(lambda x, power: x**power, static=("power",))
    with double_precision():
        np.testing.assert_array_equal(program(np.arange(3.0), power=2), [0, 1, 4])
        program(np.ones(3), power=2)
        assert program.compilations == 1
        program(np.ones(3), power=3)
        program(np.ones(4), power=2)
        program(np.ones(3, np.float32), power=2)
        assert program.compilations == 4
    assert program.compile_seconds > 0


def test_disk_cache(tmp_path: Path) -> None:
    """Programs are kept in the folder that OPENDICKE_CACHE names, JAX's own setting is not set."""
    folder = tmp_path / "programs"
    first = python(SOLVE, OPENDICKE_CACHE=str(folder), WATCHED=str(folder))
    assert first["files"] > 0
    assert first["cache_dir"] is None
    assert first["x64"] is False
    second = python(SOLVE, OPENDICKE_CACHE=str(folder), WATCHED=str(folder))
    assert second["sz"] == first["sz"]
    assert second["files"] <= first["files"] + 1  # nothing compiled again (times of use aside)


def test_disk_cache_can_be_switched_off(tmp_path: Path) -> None:
    """OPENDICKE_CACHE=off writes nothing; a folder that cannot be made is no error."""
    home = {"WATCHED": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    off = python(SOLVE, OPENDICKE_CACHE="off", **home)
    assert (off["files"], off["cache_dir"]) == (0, None)
    (tmp_path / "file").write_text("")
    unusable = python(SOLVE, OPENDICKE_CACHE=str(tmp_path / "file" / "deep"), **home)
    assert (unusable["files"], unusable["sz"]) == (1, off["sz"])


def test_the_users_own_cache_is_used(tmp_path: Path) -> None:
    """Where the user has set a cache of JAX's, that one serves and stays set."""
    mine, ours = tmp_path / "mine", tmp_path / "ours"
    code = SOLVE.replace(
        "import jax\n",
        f"import jax\njax.config.update('jax_compilation_cache_dir', {str(mine)!r})\n",
    )
    found = python(code, OPENDICKE_CACHE=str(ours), WATCHED=str(ours))
    assert found["cache_dir"] == str(mine)
    assert found["files"] == 0


def test_other_settings_of_jax_do_not_reach_in() -> None:
    """Strict promotion, forbidden ranks and a disabled jit are the user's, not the library's."""
    model = od.DickeModel([[0.4], [0.2]], frequencies=1.0, loss=0.5, field=0.3)
    question = (model, od.ProductState.polarized("+z"), [0.0, 1.0], od.MeanField())
    expected = od.solve(*question, ["sz", "photons_mode"], validity="ignore")
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.disable_jit(),
    ):
        found = od.solve(*question, ["sz", "photons_mode"], validity="ignore")
    np.testing.assert_array_equal(found["sz"], expected["sz"])
    np.testing.assert_array_equal(found["photons_mode"], expected["photons_mode"])
