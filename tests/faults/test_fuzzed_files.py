"""A search for experiment files that bring anything but an experiment or one sentence."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import opendicke as od
from opendicke.cli import main
from opendicke.experiment.plan import check_memory

MEMORY_LIMIT = 2 * 10**9
"""Bytes that reading a file may take, far below what the numbers in it ask for."""

GOOD: dict[str, Any] = {
    "seed": 1,
    "realizations": 2,
    "observables": ["sx", "sz_spin", "photons"],
    "model": {
        "couplings": {"kind": "binary", "strength": 1.0},
        "spins": 4,
        "modes": 2,
        "frequencies": [1.0, 2.0],
        "loss": 1.0,
        "gain": 0.1,
        "field": 0.5,
        "coupling_axis": "z",
        "field_axis": "x",
    },
    "state": {"pattern": 0, "flipped": 0.25, "seed": 3, "bosons": "vacuum", "displacement": 0.5},
    "times": {"start": 0.0, "stop": 1.0, "points": 3},
    "method": {"kind": "mean-field", "tolerance": 1e-3, "order": 4},
    "sweep": {"model.loss": [1.0, 2.0], "state.flipped": [0.0, 0.1]},
}
COUPLINGS: list[dict[str, Any]] = [
    {"kind": "gaussian", "sigma": 1.0},
    {"kind": "uniform", "strength": 1.0},
    {"kind": "discrete", "values": [0.0, 1.0], "probabilities": [0.5, 0.5]},
    {"kind": "fixed", "values": [[1.0, -1.0], [1.0, 1.0]], "strength": 0.5},
    {"kind": "fixed", "path": "."},
]
STATES: list[dict[str, Any]] = [
    {"spins": "+x"},
    {"bloch": [0.5, 0.0, 0.5]},
    {"bloch": [[0.5, 0.0, 0.5]] * 4},
    {"configuration": [1, -1, 1, -1], "axis": "x"},
]

KEYS = sorted(
    {
        key
        for table in [GOOD, *GOOD.values(), *COUPLINGS, *STATES]
        if isinstance(table, dict)
        for key in table
    }
)
NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2, 64, 10**7, 10**9, 10**12, 10**15, 2**63 - 1, 2**63, -(10**30)]),
    st.sampled_from([10**400, 0.0, -0.0, 0.5, 1e-320, 1e154, 1e308, -1e308]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.integers(-5, 5),
    st.floats(-3, 3),
)
LEAVES = st.one_of(
    NUMBERS,
    st.booleans(),
    st.text(max_size=12),
    st.sampled_from(["", ".", "\n", "\x00", "../..", "+z", "x", "sx", "fixed", "path", "ä" * 2000]),
    st.sampled_from(KEYS),
    st.dates(),
    st.times(),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=6)), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A valid experiment with one to four things wrong with it."""
    document = copy.deepcopy(GOOD)
    if draw(st.booleans()):
        document["model"]["couplings"] = copy.deepcopy(draw(st.sampled_from(COUPLINGS)))
    if draw(st.booleans()):
        document["state"] = copy.deepcopy(draw(st.sampled_from(STATES)))
    for _ in range(draw(st.integers(1, 4))):
        table: Any = document
        while True:
            inner = [v for v in table.values() if isinstance(v, dict) and v]
            if not inner or draw(st.integers(0, 3)) == 0:
                break
            table = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(sorted(table))) if table else "x"
        match draw(st.sampled_from(["junk", "number", "delete", "rename", "add", "list", "swap"])):
            case "junk":
                table[key] = draw(JUNK)
            case "number":
                table[key] = draw(NUMBERS)
            case "delete":
                table.pop(key, None)
            case "rename":
                name = draw(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)))
                table[name] = table.pop(key, 1)
            case "add":
                table[draw(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)))] = draw(JUNK)
            case "list":
                table[key] = [table.get(key, 1)] * draw(st.integers(0, 3))
            case "swap":
                other = draw(st.sampled_from(sorted(document))) if document else "x"
                table[key] = copy.deepcopy(document.get(other, 0))
    return document


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A file: a document as TOML, or its bytes mangled."""
    document = draw(documents())
    try:
        content = tomli_w.dumps(document).encode()
    except (TypeError, ValueError, RecursionError):
        content = tomli_w.dumps(GOOD).encode()
    match draw(st.sampled_from(["whole", "whole", "whole", "cut", "insert", "repeat", "replace"])):
        case "cut":
            content = content[: draw(st.integers(0, len(content)))]
        case "insert":
            place = draw(st.integers(0, len(content)))
            content = content[:place] + draw(st.binary(max_size=8)) + content[place:]
        case "repeat":
            start = draw(st.integers(0, len(content)))
            piece = content[start : start + draw(st.integers(0, 60))]
            content = content[:start] + piece * draw(st.integers(2, 50)) + content[start:]
        case "replace":
            old = draw(st.sampled_from([b"=", b'"', b"[", b"]", b"\n", b"1", b".", b"{"]))
            new = draw(
                st.sampled_from([b"", b"[", b"'", b'"""', b"=", b"{", b"999999999", b"\xff"])
            )
            content = content.replace(old, new, draw(st.integers(1, 5)))
    return content


def outcome(content: bytes) -> od.Experiment | od.InputError:
    """An experiment, or the one complaint about the file; anything else is raised."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder, "fuzzed.toml")
        path.write_bytes(content)
        try:
            return od.Experiment.from_toml(path)
        except od.InputError as error:
            return error


def is_one_sentence(text: str) -> bool:
    return (
        text.startswith("Argument `")
        and text.endswith((".", "?"))
        and len(text.splitlines()) == 1
        and len(text) < 3000
    )


SETTINGS = settings(
    max_examples=1000,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SETTINGS
@given(texts())
def test_an_experiment_or_one_sentence(content: bytes) -> None:
    """Reading ends in an experiment that describes itself, or in an InputError of one line."""
    found = outcome(content)
    if isinstance(found, od.InputError):
        assert is_one_sentence(str(found)), found
        assert "Traceback" not in str(found)
        return
    with contextlib.suppress(od.InputError):  # planning it is cheap, or refused in the same way
        check_memory(found)
    table = found.to_table()
    assert table["seed"] == found.seed


@settings(SETTINGS, max_examples=100)
@given(texts())
def test_the_command_line_agrees(content: bytes) -> None:
    """What Python refuses, `opendicke run` refuses with the same sentence, and writes nothing."""
    found = outcome(content)
    if not isinstance(found, od.InputError):
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("fuzzed.toml").write_bytes(content)
        error, output = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(error), contextlib.redirect_stdout(output):
            code = main(["run", "fuzzed.toml"])
        assert code == 2
        assert output.getvalue() == ""
        assert error.getvalue().startswith("Error: Argument `")
        assert len(error.getvalue().splitlines()) == 1
        assert [path.name for path in Path.cwd().iterdir()] == ["fuzzed.toml"]


@settings(SETTINGS, max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    """Garbage of any kind is one sentence."""
    found = outcome(content)
    assert isinstance(found, od.InputError)
    assert is_one_sentence(str(found))


@pytest.mark.parametrize(
    ("place", "value", "unit"),
    [
        (("model", "spins"), 10**15, "spins and 2 modes would need 4.8e+07 GB"),
        (("model", "modes"), 10**15, "modes would need 9.6e+07 GB"),
        (("realizations",), 10**12, "members would need 4e+07 GB"),
        (("sweep", "model.spins"), [4, 10**14], "100000000000000 spins and 2 modes would need"),
        (("sweep", "state.seed"), list(range(3000)), "members would need"),
        (("times", "points"), 10**7, "10000000 times would need"),
    ],
)
def test_large_numbers_are_refused_before_anything_is_allocated(
    place: tuple[str, ...], value: Any, unit: str, tmp_path: Path
) -> None:
    """The sentence says how much memory it would take; reading the file takes next to none."""
    import tracemalloc

    document = copy.deepcopy(GOOD)
    document["model"]["frequencies"] = 1.0
    if place[-1] == "state.seed":
        document["realizations"] = 10**9
    if place[-1] == "points":
        document["model"]["spins"] = 10**5
    *parents, key = place
    table = document
    for parent in parents:
        table = table[parent]
    table[key] = value
    path = tmp_path / "large.toml"
    path.write_text(tomli_w.dumps(document))
    tracemalloc.start()
    try:
        with pytest.raises(od.InputError, match="memory of this machine") as caught:
            od.run(od.Experiment.from_toml(path), tmp_path / "never.zarr")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert unit in str(caught.value)
    assert peak < MEMORY_LIMIT
    assert list(tmp_path.iterdir()) == [path]
