"""What the documentation shows is true: blocks run, outputs match, commands work, links lead on."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pytest

import opendicke as od
from opendicke.cli import app, main
from opendicke.experiment.plan import cells

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "howto").glob("*.md")]
)
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
COMMANDS = ("make", "pip", "opendicke")


class Block(NamedTuple):
    """A fenced block: its language, its text and the line on which the text begins."""

    language: str
    text: str
    line: int


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1)
        for found in FENCE.finditer(text)
    ]


def having(*languages: str) -> list[Any]:
    """The documents that hold a block of one of the languages, as test parameters."""
    chosen = [d for d in DOCUMENTS if any(b.language in languages for b in blocks(d))]
    return [pytest.param(d, id=str(d.relative_to(ROOT))) for d in chosen]


def shell_lines(document: Path) -> list[list[str]]:
    lines = [b.text.splitlines() for b in blocks(document) if b.language == "sh"]
    return [shlex.split(line) for some in lines for line in some if line.strip()]


@contextmanager
def as_a_user() -> Iterator[None]:
    """Warnings of validity are part of the show; any other is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", od.ValidityWarning)
        yield


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples, as the working directory."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copytree(ROOT / "docs" / "data", tmp_path / "docs" / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("checkout", "registry")
@pytest.mark.parametrize("document", having("python"))
def test_python_blocks_run_and_print_what_is_shown(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matplotlib.use("agg")
    names: dict[str, Any] = {"__name__": "document"}
    printed = ""
    with as_a_user():
        for block in blocks(document):
            if block.language == "python":
                assert not printed, f"line {block.line}: the block before prints, show its output"
                code = "\n" * (block.line - 1) + block.text
                exec(compile(code, str(document), "exec"), names)
                printed = capsys.readouterr().out
            elif block.language == "output":
                assert printed == block.text, f"line {block.line}"
                printed = ""
    assert not printed, "the last block prints, show its output"


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("document", having("sh"))
def test_opendicke_lines_work(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in shell_lines(document):
        while "=" in words[0]:
            monkeypatch.setenv(*words.pop(0).split("=", 1))
        assert words[0] in COMMANDS, words
        if words[0] == "opendicke":
            with as_a_user():
                assert main(words[1:]) == 0, words


def test_every_command_has_an_example() -> None:
    shown = {words[1] for d in DOCUMENTS for words in shell_lines(d) if "opendicke" in words[:1]}
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert shown == known


@pytest.mark.parametrize("document", having("sh"))
def test_make_lines_name_targets(document: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in shell_lines(document):
        if words[0] == "make":
            assert set(words[1:]) <= set(targets)


@pytest.mark.parametrize("document", [pytest.param(d, id=str(d.name)) for d in DOCUMENTS])
def test_links_lead_somewhere(document: Path) -> None:
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    for target in LINK.findall(prose):
        if not target.startswith(("https://", "http://", "#")):
            assert (document.parent / target.split("#")[0]).exists(), target


METHOD_PAGES = ("mean_field", "truncated_wigner", "strong_coupling", "exact", "quantum_jumps")


@pytest.mark.parametrize("page", METHOD_PAGES)
def test_methods_have_idea_equations_domain_cost_and_traps(page: str) -> None:
    text = FENCE.sub("", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"))
    for word in ("Idea", "Equations", "Domain", "Cost", "Traps"):
        found = re.findall(rf"^## {word}\b.*\n((?:(?!## ).*\n)+)", text, re.MULTILINE)
        assert len(found) == 1, f"{word} in {page}.md"
        assert len(found[0].split()) >= 20, f"{word} in {page}.md says next to nothing"


def test_every_page_is_in_one_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = [
        line
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", index, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line and not line.startswith(":")
    ]
    docs = ROOT / "docs"
    pages = {str(d.relative_to(docs).with_suffix("")) for d in DOCUMENTS if docs in d.parents}
    assert sorted(listed) == sorted(pages - {"index"})


def test_the_api_page_documents_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE))
    assert documented == set(od.__all__) - {"__version__"}
    assert "`od.__version__`" in page


def test_public_names_are_no_modules_whatever_was_imported_before() -> None:
    """A submodule that bears the name of a function must not take its place."""
    program = (
        "import types, opendicke as od, opendicke.cli, opendicke.experiment.run\n"
        "print([n for n in od.__all__ if isinstance(getattr(od, n), types.ModuleType)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def experiments() -> list[Any]:
    """TOML blocks whose first line names a file are complete experiments."""
    return [
        pytest.param(block.text, id=f"{document.name}:{block.line}")
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language == "toml" and re.match(r"# \w+\.toml\n", block.text)
    ]


@pytest.mark.parametrize("text", experiments())
def test_experiments_shown_can_be_read(text: str, checkout: Path) -> None:
    file = checkout / "examples" / "shown.toml"
    file.write_text(text, encoding="utf-8")
    with as_a_user():
        experiment = od.Experiment.from_toml(file)
        members = list(cells(experiment))
    points = prod(len(values) for values in tomllib.loads(text)["sweep"].values())
    assert len(members) == points * experiment.realizations


def test_there_is_an_experiment_in_the_documentation() -> None:
    assert len(experiments()) >= 2
