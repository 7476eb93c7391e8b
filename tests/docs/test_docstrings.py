"""Every public name says what it takes, gives and refuses: parameters, shapes, units, sources."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import enum
import functools
import importlib
import inspect
import itertools
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import opendicke as od

NAMES = sorted(set(od.__all__) - {"__version__"})
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
ITEM = re.compile(r"^(\*{0,2}\w[\w*, ]*?)(?: : (.*))?$")
SHAPE = re.compile(r"\((?:[A-Z…T]|n\b|\w+,|\d)[^)]*\)|shape|broadcast|one for each", re.IGNORECASE)
UNIT = re.compile(r"\bunits?\b|1/energy|dimensionless|per spin|\bradians\b", re.IGNORECASE)
SOURCE = re.compile(
    r"(fiorelli2020|kelly2021|carollo2021)|Phys\. Rev|Mod\. Phys|Bell Syst|`docs/\w+\.md`"
)
HERE = ("opendicke", __name__)
"""Modules whose classes are looked into."""
PHYSICAL = {
    "couplings", "frequencies", "frequency", "loss", "gain", "field", "times", "energies",
    "costs", "temperature", "sigma", "duration", "period", "interactions", "factors",
}  # fmt: skip
"""Arguments that have a unit; the docstring says which."""


class Part(types.SimpleNamespace):
    """A parameter, attribute or return value as its section describes it."""

    names: list[str]
    kind: str
    text: str


def sections(doc: str) -> dict[str, str]:
    """The text of every section, and of what stands before them under the empty title."""
    found = list(SECTION.finditer(doc))
    ends = [*(match.start() for match in found), len(doc)]
    parts = {"": doc[: ends[0]]}
    for match, end in zip(found, ends[1:], strict=True):
        parts[match[1]] = doc[match.end() : end].strip("\n")
    return parts


def described(text: str) -> list[Part]:
    """The entries of a section: lines that are not indented, with the lines below them."""
    parts: list[Part] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            match = ITEM.match(line)
            names = [name.strip(" *") for name in match[1].split(",")] if match else []
            kind = (match[2] or "") if match else line
            parts.append(Part(names=names, kind=kind or line, text=line))
        elif parts:
            parts[-1].text += f"\n{line}"
    return parts


def names_in(doc: str, *titles: str) -> set[str]:
    said = sections(doc)
    return {
        name for title in titles for part in described(said.get(title, "")) for name in part.names
    }


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def faults_of_text(where: str, doc: str) -> Iterator[str]:
    """What every docstring must have: a sentence, shapes of arrays, and units."""
    if not doc:
        yield f"{where}: no docstring"
        return
    said = sections(doc)
    summary = doc.split("\n\n")[0]
    if not summary.rstrip().endswith((".", ":", ",", "?", ";")):
        yield f"{where}: the first line is no sentence"
    for title in ("Parameters", "Attributes", "Returns"):
        for part in described(said.get(title, "")):
            known = SHAPE.search(part.text) or "broadcast" in doc
            if re.search(r"\barray\b", part.kind) and not known:
                yield f"{where}: {title}, {part.text.splitlines()[0]!r} has no shape"
    physical = names_in(doc, "Parameters", "Attributes") & PHYSICAL
    if physical and not UNIT.search(doc):
        yield f"{where}: no unit of {', '.join(sorted(physical))}"


def faults_of_function(
    where: str, function: Callable[..., Any], *, raises: bool = True
) -> Iterator[str]:
    doc = inspect.getdoc(function) or ""
    yield from faults_of_text(where, doc)
    if not doc:
        return
    said, taken = sections(doc), parameters(function)
    missing = set(taken) - names_in(doc, "Parameters")
    if missing:
        yield f"{where}: parameters {sorted(missing)} are not described"
    unknown = names_in(doc, "Parameters") - set(taken)
    if unknown:
        yield f"{where}: {sorted(unknown)} are no parameters"
    given = inspect.signature(function).return_annotation
    if given not in (None, "None", inspect.Signature.empty) and "Returns" not in said:
        yield f"{where}: no section Returns"
    if raises and taken and "Raises" not in said:
        yield f"{where}: no section Raises"


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that a class or its bases in this library define."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith(HERE):
            continue
        for name, member in vars(base).items():
            kinds = (types.FunctionType, property, classmethod, staticmethod)
            known = isinstance(member, (*kinds, functools.cached_property))
            if known and not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, member


def below(cls: type) -> set[str]:
    """Names in the body of a class below which a string says what they are, as Sphinx reads it."""
    named: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith(HERE):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for item, after in itertools.pairwise(body.body):
            text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if text and isinstance(item, (ast.AnnAssign, ast.Assign)):
                target = item.target if isinstance(item, ast.AnnAssign) else item.targets[0]
                named.add(ast.unparse(target))
    return named


def fields_of(cls: type) -> set[str]:
    if dataclasses.is_dataclass(cls):
        return {field.name for field in dataclasses.fields(cls) if not field.name.startswith("_")}
    return set(getattr(cls, "_fields", ()))


def faults_of_class(where: str, cls: type) -> Iterator[str]:
    doc = vars(cls).get("__doc__") or ""
    doc = inspect.cleandoc(doc)
    if dataclasses.is_dataclass(cls) and doc.startswith(f"{cls.__name__}("):
        doc = ""
    yield from faults_of_text(where, doc)
    if issubclass(cls, enum.Enum):
        missing = set(cls.__members__) - below(cls) - names_in(doc, "Attributes")
        if missing:
            yield f"{where}: values {sorted(missing)} are not described"
    missing = fields_of(cls) - names_in(doc, "Parameters", "Attributes") - below(cls)
    if missing:
        yield f"{where}: fields {sorted(missing)} are not described"
    if "__post_init__" in vars(cls) and "Raises" not in sections(doc):
        yield f"{where}: no section Raises"
    for name, member in members(cls):
        place = f"{where}.{name}"
        if isinstance(member, (property, functools.cached_property)):
            text = inspect.getdoc(member) or ""
            yield from faults_of_text(place, text)
        else:
            yield from faults_of_function(place, described_by(cls, name), raises=False)


def described_by(cls: type, name: str) -> Callable[..., Any]:
    """A method; where a base of the class has one of the same arguments, that describes it."""
    own: Callable[..., Any] = getattr(cls, name)
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(HERE) and name in vars(base):
            first: Callable[..., Any] = getattr(base, name)
            return first if parameters(first) == parameters(own) else own
    return own


def faults(name: str) -> list[str]:
    public = getattr(od, name)
    if inspect.isclass(public):
        found = list(faults_of_class(name, public))
    elif callable(public):
        found = list(faults_of_function(name, public))
    else:
        return []  # constants: their text stands below them in the source
    doc = inspect.getdoc(public) or ""
    formula = "math:" in doc and public.__module__.startswith("opendicke.physics")
    if formula and not SOURCE.search(doc):
        found.append(f"{name}: a formula without its source")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name: str) -> None:
    assert not faults(name), "\n".join(faults(name))


def test_constants_say_what_they_are() -> None:
    """Below a constant stands a string, which Sphinx shows."""
    for name in NAMES:
        public = getattr(od, name)
        if callable(public) or inspect.isclass(public):
            continue
        home = importlib.import_module(f"opendicke.{od._HOME[name]}")
        body = ast.parse(inspect.getsource(home)).body
        texts = [
            after
            for item, after in itertools.pairwise(body)
            if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == name
        ]
        assert texts, name
        assert isinstance(texts[0], ast.Expr), name


def wrong(part: float, times: Any, *, field: float = 1.0) -> float:
    """Nothing that a reader could use

    Parameters
    ----------
    part : float
    time : array

    Notes
    -----
    :math:`1 + 1`.
    """
    return part


@dataclasses.dataclass
class Bare:
    """A class without a word on its field."""

    field: float

    @property
    def silent(self) -> float:
        return self.field


def test_faults_are_seen() -> None:
    """What the rules above are there for: each of them finds its fault."""
    found = "\n".join(faults_of_function("wrong", wrong))
    for fault in (
        "the first line is no sentence",
        "'time : array' has no shape",
        "parameters ['field', 'times'] are not described",
        "['time'] are no parameters",
        "no section Returns",
        "no section Raises",
    ):
        assert fault in found
    right = (wrong.__doc__ or "").replace("use\n", "use.\n").replace("time : array", "times, field")
    assert "no unit of field, times" in "\n".join(faults_of_text("wrong", inspect.cleandoc(right)))

    assert "fields ['field'] are not described" in "\n".join(faults_of_class("Bare", Bare))
    assert "Bare.silent: no docstring" in "\n".join(faults_of_class("Bare", Bare))


def examples() -> list[doctest.DocTest]:
    """The examples in the docstrings of public names and of their methods."""
    finder, found = doctest.DocTestFinder(exclude_empty=True), []
    for name in NAMES:
        public = getattr(od, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            tests = finder.find(public, name, module=False, globs={})
            found += [test for test in tests if test.examples]
    return found


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("example", [pytest.param(each, id=each.name) for each in examples()])
def test_examples(example: doctest.DocTest) -> None:
    out: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=out.append)
    assert not out, "".join(out)


def test_the_names_used_most_have_examples() -> None:
    shown = {each.name.split(".")[0] for each in examples()}
    assert len(shown) >= 45
    front = {"DickeModel", "ProductState", "RandomDicke", "Experiment", "solve", "stationary"}
    assert front | {"assess", "eliminate", "reduce", "observable", "to_qutip", "flip_rate"} <= shown
