"""What docs/policy.md promises of files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import xarray as xr

import opendicke as od
from opendicke.results.dataset import FORMAT

POLICY = Path(__file__).parents[2] / "docs" / "policy.md"


def written(path: Path, number: int) -> Path:
    """A dataset as an earlier version or a later one would leave it."""
    dataset = xr.Dataset(
        {"sz": ("time", [1.0, 0.5], {"units": "1"})},
        {"time": [0.0, 1.0]},
        {"format": number, "experiment": "{}"},
    )
    if path.suffix == ".nc":
        dataset.to_netcdf(path, engine="h5netcdf")
    else:
        dataset.to_zarr(path, zarr_format=3, consolidated=False)
    return path


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_every_earlier_format_is_read(name: str, number: int, tmp_path: Path) -> None:
    """With all that it holds."""
    found = od.load(written(tmp_path / name, number))
    assert found.attrs["format"] == number
    assert list(found.sz.values) == [1.0, 0.5]


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
def test_a_later_format_is_refused(name: str, tmp_path: Path) -> None:
    """With a sentence that says what to do."""
    path = written(tmp_path / name, FORMAT + 1)
    sentence = f"has format {FORMAT + 1}; this version reads up to {FORMAT}: please update."
    with pytest.raises(od.StoreError, match=re.escape(sentence)):
        od.load(path)


def test_the_policy_names_the_format_of_today() -> None:
    """And no other."""
    text = POLICY.read_text(encoding="utf-8")
    assert re.findall(r"number of their format, now (\d+)", text) == [str(FORMAT)]
