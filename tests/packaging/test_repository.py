"""House rules that a reader of the repository relies on."""

from __future__ import annotations

import ast
import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "src").rglob("*.py"))


def _locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_lock_holds_plain_exact_versions() -> None:
    """Only `name==version` lines: no hosts, options or markers."""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line), line


def test_lock_covers_what_the_package_asks_for() -> None:
    """Every dependency is pinned, those of extras as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(item for group in extras.values() for item in group)]
    names = {re.match(r"[A-Za-z0-9._-]+", item)[0].lower() for item in wanted}
    assert names <= set(_locked())


@pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_nothing_executes_data(module: Path) -> None:
    """No pickle, no eval, no exec: files and users never bring code."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            banned = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
            assert not {name.split(".")[0] for name in names} & banned
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile"}


def test_rooms_stay_small() -> None:
    """Files above 500 lines are split, or say why at their top."""
    long = [m for m in MODULES if len(m.read_text().splitlines()) > 500]
    assert not long


def test_no_module_imports_itself_through_others() -> None:
    """No cycle of imports, those inside functions and those for type checkers included."""
    graph = grimp.build_graph("opendicke", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) >= len(MODULES)
    assert any(imports.values())
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
