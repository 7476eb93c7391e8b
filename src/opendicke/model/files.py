"""Couplings and patterns from files: `.npy`, `.csv`, or a folder of black-and-white images."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opendicke.errors import InputError, shown
from opendicke.model.checks import Array

IMAGES = (".png", ".bmp", ".gif", ".tif", ".tiff", ".pbm", ".pgm")
_MOST_PIXELS = 10**8
_ORDER = re.compile(r"^\d+[-_ ](?=.)")


@dataclass(frozen=True)
class Matrix:
    """Numbers (spin, mode) read from a file, and what the file says of their layout."""

    values: Array
    lattice: tuple[int, int] | None = None
    names: tuple[str, ...] | None = None


def read_matrix(path: str | Path) -> Matrix:
    """Read (spin, mode) numbers from `.npy`, `.csv` (one row per spin) or a folder of images.

    In a folder every image is one pattern, in the order of the file names: dark pixels are +1,
    light ones −1, rows of pixels one after the other. The file name is the pattern's name; a number
    before it, as in `0_S.png`, only orders the files.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_images(path)
        if not path.exists():
            raise InputError("path", "name an existing file or folder", f"was `{path}`")
        readers = {".npy": _read_npy, ".csv": _read_csv}
        reader = readers.get(path.suffix.lower())
        if reader is None:
            raise InputError(
                "path", "end in .npy or .csv, or be a folder of images", f"was `{path}`"
            )
        return Matrix(_two_dimensional(path, reader(path)))
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
    return values


def _read_npy(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except OSError:
        raise
    except Exception:  # NumPy raises whatever its parser of headers raises
        raise InputError("path", "be a NumPy file of plain numbers", f"`{path}` was not") from None
    if values.dtype.kind not in "biuf":
        raise InputError("path", "hold real numbers", f"`{path}` did not")
    return values.astype(float)


def _read_csv(path: Path) -> Array:
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets begin a file with a mark
    except UnicodeDecodeError:
        raise InputError("path", "be a text file in UTF-8", f"`{path}` was not") from None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            rows.append([float(field) for field in line.split(",")])
        except ValueError:
            raise InputError(
                "path",
                "hold comma-separated numbers",
                f"line {number} of `{path}` was {shown(line)}",
            ) from None
        if len(rows[-1]) != len(rows[0]):
            raise InputError(
                "path",
                f"have {len(rows[0])} numbers in every row",
                f"line {number} of `{path}` has {len(rows[-1])}",
            )
    return np.array(rows, dtype=float)


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
