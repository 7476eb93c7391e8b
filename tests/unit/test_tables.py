"""Datasets as one long table: what other programs read in it, and what comes back."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import opendicke as od
from opendicke.results import table
from opendicke.results.table import read_csv, write_csv


def dataset() -> xr.Dataset:
    """Every kind of variable and label: 2 × 3 numbers by hand."""
    values = np.array([[0.1, -2.0, np.nan], [1 / 3, 1e-300, np.inf]])
    time = {"long_name": "time", "units": "1/energy"}
    return xr.Dataset(
        {
            "sz": (("strength", "time"), values, {"long_name": "mean σz", "units": "1"}),
            "sz_stderr": (("strength", "time"), values / 100, {"long_name": "error"}),
            "energy": ("time", [1.0, 2.0, 4.0], {"long_name": "energy", "units": "energy"}),
            "status": ("strength", np.array([1, 2], np.int8), {"flag_values": [1, 2]}),
            "settled": ("strength", [True, False]),
            "verdict": ("strength", np.array(["good, or so", "#bad"], np.dtypes.StringDType())),
            "amplitude": ("mode", [1 + 2j, -0.5j]),
            "total": ((), 7.25),
        },
        {
            "strength": ("strength", [0.1, 1e22], {"long_name": "g"}),
            "time": ("time", [0.0, 0.1, 0.30000000000000004], time),
            "name": ("mode", np.array(["a", "b,c"], np.dtypes.StringDType())),
        },
        {"format": 2, "experiment": '{"a": 1}', "lattice": [2, 2], "scale": 0.5},
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    write_csv(dataset(), path)
    return path


def test_round_trip(written: Path) -> None:
    """Values to the last bit, types, labels, units and attributes."""
    back = read_csv(written)
    xr.testing.assert_identical(back, dataset())
    for name, variable in dataset().variables.items():
        assert back[name].dtype == variable.dtype, name


def test_the_line_of_metadata_is_strict_json(tmp_path: Path) -> None:
    """Other programs know no NaN; attributes that hold one come back."""
    given = dataset().assign_attrs(scale=np.inf, missing=[np.nan, 1.0])
    given["energy"].attrs["valid_min"] = -np.inf
    given["strength"].attrs["fill"] = np.float32("nan")
    write_csv(given, tmp_path / "a.csv")
    (line,) = [
        text.removeprefix("# metadata ")
        for text in (tmp_path / "a.csv").read_text().splitlines()
        if text.startswith("# metadata ")
    ]

    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads(line, parse_constant=refuse)
    xr.testing.assert_identical(read_csv(tmp_path / "a.csv"), given)


def test_what_pandas_reads(written: Path) -> None:
    """A row for each number, with its place and its error; comments hold names and units."""
    frame = pd.read_csv(written, comment="#")
    assert list(frame.columns) == ["variable", "strength", "time", "mode", "value", "stderr"]
    assert len(frame) == 6 + 3 + 2 + 2 + 2 + 2 + 1
    row = frame[(frame.variable == "sz") & (frame.strength == 1e22) & (frame.time == 0.0)]
    assert float(row.value.iloc[0]) == 1 / 3
    assert row.stderr.iloc[0] == pytest.approx(1 / 300, rel=1e-15)
    assert frame[frame.variable == "energy"].strength.isna().all()
    lines = written.read_text().splitlines()
    assert "# energy (time): energy [energy]" in lines
    assert "# time: time [1/energy]" in lines
    assert not any(line.startswith("# sz_stderr") for line in lines)


def test_rows_in_any_order(written: Path) -> None:
    """Sorted by another program, with numbers written otherwise, it is the same dataset."""
    lines = written.read_text().splitlines(keepends=True)
    start = next(k for k, line in enumerate(lines) if not line.startswith("#")) + 1
    body = lines[start:]
    random.Random(0).shuffle(body)
    body = [line.replace("sz,0.1,0.1,", "sz,1.0e-1,.10,") for line in body]
    written.write_text("".join([*lines[:start], *body]))
    xr.testing.assert_identical(read_csv(written), dataset())


def test_missing_rows(written: Path) -> None:
    """Missing numbers are NaN; what cannot be NaN is missed."""
    lines = written.read_text().splitlines(keepends=True)
    written.write_text("".join(line for line in lines if not line.startswith("energy,,0.1,")))
    np.testing.assert_array_equal(read_csv(written).energy, [1.0, np.nan, 4.0])
    written.write_text("".join(line for line in lines if not line.startswith("status,0.1")))
    with pytest.raises(od.StoreError, match="lacks 1 values of status"):
        read_csv(written)


DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "its first line"),
    "another csv": (lambda _: "a,b\n1,2\n", "its first line"),
    "no metadata": (lambda t: t.replace("# metadata {", "# {"), "line of metadata is missing"),
    "comments only": (lambda _: "# opendicke table 1\n# x\n", "ends before its numbers"),
    "metadata cut": (lambda t: t.replace('"sizes"', '"size'), "line of metadata is damaged"),
    "huge": (lambda t: t.replace('"mode": 2', '"mode": 9e18'), "metadata is damaged"),
    "type": (lambda t: t.replace('"float64"', '"object"'), "metadata is damaged"),
    "header": (lambda t: t.replace("variable,strength", "variable,g"), "its header is"),
    "word": (lambda t: t.replace("energy,,0.1,,2.0", "energy,,0.1,,two"), "'two'"),
    "place": (lambda t: t.replace("energy,,0.1,", "energy,,0.2,"), "'0.2'"),
    "unknown": (lambda t: t.replace("\nenergy,,0.1,", "\npower,,0.1,"), "'power'"),
    "short": (lambda t: t.replace("energy,,0.1,,2.0,", "energy,,0.1"), r"\['energy', '', '0.1'\]"),
    "twice": (lambda t: t.replace("energy,,0.1,", "energy,,0.0,"), "energy twice at"),
    "error of none": (lambda t: t.replace("energy,,0.1,,2.0,", "energy,,0.1,,2.0,1"), "'energy'"),
    "truth": (lambda t: t.replace(",True,", ",yes,"), "'yes'"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_tables(name: str, written: Path) -> None:
    """One sentence says what is wrong, and in which file."""
    change, sentence = DAMAGE[name]
    before = written.read_text()
    written.write_text(change(before))
    assert written.read_text() != before
    with pytest.raises(od.StoreError, match=sentence) as raised:
        od.load(written)
    assert str(raised.value).startswith(f"`{written}` cannot be read as a table: ")


def test_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(od.StoreError, match="cannot be read as a table"):
        od.load(tmp_path / "a.csv")


def test_too_large_for_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is written."""
    monkeypatch.setattr(table, "MOST_NUMBERS", 23)
    with pytest.raises(od.InputError, match=r"at most 23 numbers .* but held 24"):
        od.save(dataset(), tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_fields_are_quoted(written: Path) -> None:
    with written.open(newline="") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    assert ["verdict", "0.1", "", "", "good, or so", ""] in rows
    assert {len(row) for row in rows} == {6}
