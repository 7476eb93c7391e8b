"""What a release states about itself: versions, licences, how to cite it, how it is built."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC"),
    *("LLVM-exception", "MIT", "MIT-CMU", "PSF-2.0", "Zlib"),
}


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    """The script that writes the page of licences."""
    spec = importlib.util.spec_from_file_location("licenses", ROOT / "scripts" / "licenses.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def _as_locked(licences: ModuleType) -> None:
    """Skip where other packages are installed than those of the lock: they need others."""
    try:
        same = all(version(name) == pinned for name, pinned in licences.locked().values())
    except PackageNotFoundError:
        same = False
    if not same:
        pytest.skip("other versions than those of requirements.lock are installed")


@pytest.mark.usefixtures("_as_locked")
def test_the_lock_is_whole(licences: ModuleType) -> None:
    """Nothing is installed that is not pinned, and nothing is pinned that is not needed."""
    needed = {name for names in licences.groups().values() for name in names}
    assert needed == set(licences.locked())


def test_locked_versions_lie_in_the_stated_ranges(licences: ModuleType) -> None:
    """What is tested is something that the package admits."""
    extras = [item for group in PROJECT["optional-dependencies"].values() for item in group]
    for text in [*PROJECT["dependencies"], *extras]:
        asked = Requirement(text)
        pinned = licences.locked()[canonicalize_name(asked.name)][1]
        assert asked.specifier.contains(pinned), text


@pytest.mark.usefixtures("_as_locked")
def test_the_page_of_licences_is_what_is_installed(licences: ModuleType) -> None:
    """As `make licenses` writes it."""
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "run `make licenses`"


@pytest.mark.usefixtures("_as_locked")
def test_everything_needed_to_run_is_permissive(licences: ModuleType) -> None:
    """No copyleft licence among what a user must install beside this package."""
    needed = licences.groups()["run"]
    direct = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert direct <= set(needed)
    for name in needed:
        words = re.findall(r"[A-Za-z0-9][\w.+-]*", licences.licence(distribution(name)))
        unknown = set(words) - PERMISSIVE - {"AND", "OR", "WITH"}
        assert words, name
        assert not unknown, (name, unknown)


def test_licence_words_are_read_in_order(licences: ModuleType) -> None:
    """An SPDX expression counts first, then a short line, then classifiers."""

    class Package:
        def __init__(self, **told: Any) -> None:
            self.told = told

        @property
        def metadata(self) -> Package:
            return self

        def get(self, name: str) -> Any:
            return self.told.get(name.replace("-", "_"))

        def get_all(self, name: str) -> Any:
            return self.told.get(name)

    gpl = ["License :: OSI Approved :: GNU General Public License (GPL)"]
    assert licences.licence(Package(License_Expression="MIT", License="x", Classifier=gpl)) == "MIT"
    assert licences.licence(Package(License="Apache License", Classifier=gpl)) == "Apache-2.0"
    assert licences.licence(Package(License="Copyright …\nand so on", Classifier=gpl)) == "GPL"
    assert licences.licence(Package(License="My own\nterms")) == "My own"
    assert licences.licence(Package()) == "not declared"


def test_pythons_are_those_that_are_said_and_tested() -> None:
    """Classifiers, the least version and the matrix of continuous integration agree."""
    prefix = "Programming Language :: Python :: "
    said = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix + "3.")]
    assert said == ["3.11", "3.12", "3.13"]
    admitted = SpecifierSet(PROJECT["requires-python"])
    assert all(admitted.contains(each) for each in said)
    assert not admitted.contains("3.10")
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in said or sys.version_info >= (3, 14)
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == said


def test_continuous_integration_calls_the_targets_of_make() -> None:
    """One way to build and test, here and there; actions are pinned."""
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    made = {word for line in lines for word in re.findall(r"\bmake\s+([a-z-]+)", line)}
    assert {"check", "test", "docs", "run", "wheels"} <= made <= targets
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+(\.\d+\.\d+)?", action) for action in used), used


CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PAPERS = {
    "arXiv:1904.13181": ("10.1103/PhysRevResearch.2.013198", 2020, "Fiorelli", "2", "013198"),
    "arXiv:2012.04660": ("10.1103/PhysRevLett.126.133603", 2021, "Kelly", "126", "133603"),
    "arXiv:2009.13932": ("10.1103/PhysRevLett.126.230601", 2021, "Carollo", "126", "230601"),
}


def test_citation_is_of_this_version() -> None:
    """The keys that the format 1.2.0 requires, and what pyproject.toml says as well."""
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["message"]
    assert CITATION["type"] == "software"
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["authors"] == PROJECT["authors"]
    assert set(CITATION) <= {
        "cff-version", "message", "title", "abstract", "type", "authors", "version", "license",
        "keywords", "references", "date-released", "doi", "url", "repository-code",
    }  # fmt: skip


def test_citation_names_the_three_papers() -> None:
    """As references, with their identifiers."""
    found = {}
    for paper in CITATION["references"]:
        (arxiv,) = (item["value"] for item in paper["identifiers"])
        first = paper["authors"][0]["family-names"]
        place = str(paper["volume"]), paper["start"]
        found[arxiv] = (paper["doi"], paper["year"], first, *place)
        assert paper["type"] == "article"
        assert re.fullmatch(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+", paper["doi"])
    assert found == PAPERS
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"[{arxiv}](https://arxiv.org/abs/" in readme for arxiv in PAPERS)


def test_versions_agree() -> None:
    """The changelog opens with the version of the package."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    assert newest
    assert newest[1] in {PROJECT["version"], "Unreleased"}
    assert version("opendicke") == PROJECT["version"]
