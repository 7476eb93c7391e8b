"""Couplings and patterns from files: `.npy`, `.csv`, `.nc`, or a folder of images."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from opendicke.errors import InputError, nearest, shown
from opendicke.model.checks import Array

IMAGES = (".png", ".bmp", ".gif", ".tif", ".tiff", ".pbm", ".pgm")
_MOST_PIXELS = 10**8
_ORDER = re.compile(r"^\d+[-_ ](?=.)")
_UNITS = re.compile(r"#\s*units?\s*[:=]\s*(\S.*)", re.IGNORECASE)
_SPINS, _MODES = ("spin", "spins"), ("mode", "modes", "pattern", "patterns")
_COUPLINGS = "couplings"


@dataclass(frozen=True)
class Matrix:
    """Numbers (spin, mode) read from a file, and what the file says of them."""

    values: Array
    lattice: tuple[int, int] | None = None
    names: tuple[str, ...] | None = None
    """Of the modes, or patterns."""
    units: str | None = None
    """As the file has it; nothing is converted."""


def read_matrix(path: str | Path, variable: str | None = None) -> Matrix:
    """Read (spin, mode) numbers from `.npy`, `.csv`, `.nc` or a folder of images.

    A `.csv` has one row per spin and may begin with a row of names of the modes. In a `.nc` the
    numbers are the `variable`, by default the one called `couplings` or else the only one of two
    dimensions; dimensions called `spin` and `mode` may stand in either order. In a folder every
    image is one pattern, in the order of the file names: dark pixels are +1, light ones −1, rows of
    pixels one after the other. The file name is the pattern's name; a number before it, as in
    `0_S.png`, only orders the files.

    Raises
    ------
    InputError
        If there is no such file, or it holds anything else.
    """
    path = Path(path)
    if variable is not None and path.suffix.lower() != ".nc":
        raise InputError("variable", "come with a .nc file", f"came with `{path}`")
    try:
        if path.is_dir():
            return _read_images(path)
        if not path.exists():
            raise InputError("path", "name an existing file or folder", f"was `{path}`")
        match path.suffix.lower():
            case ".npy":
                made = Matrix(_read_npy(path))
            case ".csv":
                made = _read_csv(path)
            case ".nc":
                made = _read_netcdf(path, variable)
            case _:
                raise InputError(
                    "path", "end in .npy, .csv or .nc, or be a folder of images", f"was `{path}`"
                )
        return replace(made, values=_two_dimensional(path, made.values))
    except OSError as error:
        raise InputError(
            "path", "be readable", f"`{path}` was not: {error.strerror or error}"
        ) from None


def _two_dimensional(path: Path, values: Array) -> Array:
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(
            "path", "hold a table of (spin, mode)", f"`{path}` had shape {values.shape}"
        )
    if not (finite := np.isfinite(values)).all():
        spin, mode = (int(i) for i in np.argwhere(~finite)[0])
        received = f"entry ({spin}, {mode}) of `{path}` was {values[spin, mode]}"
        raise InputError("path", "hold finite numbers", received)
    return values


def oriented(value: Any) -> Any:
    """A table whose dimensions have names, with spins first; anything else as it is.

    Such a table is an `xarray.DataArray`.
    """
    dims = getattr(value, "dims", None)
    if isinstance(dims, tuple) and len(dims) == 2 and dims[0] in _MODES and dims[1] in _SPINS:
        return value.transpose(dims[1], dims[0])
    return value


def _read_npy(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception:  # NumPy raises whatever its parser of headers raises
        raise InputError(
            "path", "be a NumPy file of plain numbers, not of pickled objects", f"`{path}` was not"
        ) from None
    if values.dtype.kind not in "biuf":
        raise InputError("path", "hold real numbers", f"`{path}` did not")
    return values.astype(float)


def _read_csv(path: Path) -> Matrix:
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets begin a file with a mark
    except UnicodeDecodeError:
        raise InputError("path", "be a text file in UTF-8", f"`{path}` was not") from None
    rows: list[list[float]] = []
    head: tuple[int, str] | None = None
    units = None
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _UNITS.match(line.strip()):
            units = found[1]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            rows.append([float(field) for field in line.split(",")])
        except ValueError:
            if rows or head is not None or not _is_head(line):
                raise _not_numbers(path, number, line) from None
            head = number, line
            continue
        if len(rows[-1]) != len(rows[0]):
            raise InputError(
                "path",
                f"have {len(rows[0])} numbers in every row",
                f"line {number} of `{path}` has {len(rows[-1])}",
            )
    names = None
    if head is not None:
        if not rows:
            raise _not_numbers(path, *head)
        names = tuple(field.strip().strip('"') for field in head[1].split(","))
        if len(names) != len(rows[0]):
            raise InputError(
                "path",
                f"name each of its {len(rows[0])} columns",
                f"line {head[0]} of `{path}` has {len(names)} names",
            )
    return Matrix(np.array(rows, dtype=float), names=names, units=units)


def _is_head(line: str) -> bool:
    """Whether a line names columns: words, none of which begins like a number."""
    words = [field.strip().strip('"') for field in line.split(",")]
    return all(word[:1].isalpha() and ";" not in word and "\t" not in word for word in words)


def _not_numbers(path: Path, number: int, line: str) -> InputError:
    wanted = "hold comma-separated numbers, one row per spin"
    if line.lstrip().startswith((",", '"",')):
        wanted += ", without numbers or names of the rows"
    return InputError("path", wanted, f"line {number} of `{path}` was {shown(line)}")


def _read_netcdf(path: Path, variable: str | None) -> Matrix:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as opened:
            dataset = opened.load()
    except Exception:  # readers raise whatever their libraries raise on damaged files
        raise InputError("path", "be a NetCDF 4 file", f"`{path}` was not") from None
    real = {str(k): data for k, data in dataset.data_vars.items() if data.dtype.kind in "biuf"}
    tables = [name for name, data in real.items() if data.ndim == 2]
    if variable is None:
        variable = _COUPLINGS if _COUPLINGS in real else tables[0] if len(tables) == 1 else None
    if variable is None:
        listing = ", ".join(f"`{name}`" for name in tables) or "none"
        raise InputError(
            "variable",
            f"be given where `{path.name}` has neither one called `{_COUPLINGS}` nor just one of "
            "two dimensions",
            f"was missing (real numbers of two dimensions: {listing})",
        )
    if variable not in real:
        raise InputError("variable", "name real numbers in the file", nearest(variable, real))
    data = oriented(real[variable])
    labels = [c for c in data.coords.values() if c.dims == data.dims[1:] and c.dtype.kind in "TUO"]
    names = tuple(map(str, labels[0].values)) if labels and data.ndim == 2 else None
    units = data.attrs.get("units")
    said = units if isinstance(units, str) and units not in ("", "1") else None
    return Matrix(np.asarray(data.values, dtype=float), names=names, units=said)


def _read_images(folder: Path) -> Matrix:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)
    if not files:
        raise InputError(
            "path", f"hold at least one image ({', '.join(IMAGES)})", f"`{folder}` held none"
        )
    patterns = [_read_image(file) for file in files]
    lattice = patterns[0].shape
    for file, pattern in zip(files, patterns, strict=True):
        if pattern.shape != lattice:
            raise InputError(
                "path",
                f"hold images of one size ({lattice[1]}×{lattice[0]} like `{files[0].name}`)",
                f"`{file.name}` has {pattern.shape[1]}×{pattern.shape[0]}",
            )
    values = np.stack([pattern.ravel() for pattern in patterns], axis=1)
    return Matrix(
        values, (lattice[0], lattice[1]), tuple(_ORDER.sub("", file.stem) for file in files)
    )


def _read_image(file: Path) -> Array:
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            if math.prod(image.size) > _MOST_PIXELS:
                raise InputError(
                    "path",
                    f"hold images of at most {_MOST_PIXELS} pixels",
                    f"`{file}` has {math.prod(image.size)}",
                )
            gray = np.asarray(image.convert("L"))
    except InputError:
        raise
    except Exception:  # the readers of image formats raise whatever damaged files provoke
        raise InputError("path", "hold readable images", f"`{file}` was not one") from None
    if ((gray > 64) & (gray < 191)).any():
        raise InputError("path", "hold black-and-white images", f"`{file}` has grey pixels")
    return np.where(gray < 128, 1.0, -1.0)
