"""Bad files and paths on the command line: exit code 2, one sentence, nothing written or lost."""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import opendicke as od
from opendicke.cli import main
from opendicke.results import store as store_module
from opendicke.results.ensemble_files import told
from opendicke.results.ensemble_store import EnsembleStore

GOOD = """
seed = 1
realizations = 2
observables = ["sx", "sz_spin"]

[model]
couplings = { kind = "binary", strength = 1.0 }
spins = 4
modes = 2
frequencies = 1.0
loss = 1.0
gain = 0.1
field = 0.5

[state]
pattern = 0
flipped = 0.25

[times]
stop = 1.0
points = 3

[method]
kind = "mean-field"
tolerance = 1e-3

[sweep]
"model.frequencies" = [1.0, 2.0]
"""
FIXED = GOOD.replace('kind = "binary", strength = 1.0', 'kind = "fixed", path = "data"').replace(
    "spins = 4\nmodes = 2\n", ""
)
FIXED = FIXED.replace("realizations = 2\n", "")


def with_path(path: str) -> str:
    return FIXED.replace('path = "data"', f'path = "{path}"')


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def shown_warnings() -> Iterator[None]:
    """Warnings are printed, as on the command line; the suite turns them into errors otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


def listing(folder: Path) -> dict[str, str]:
    """Every path below a folder, with a digest of what the files hold."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
    }


def refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], *fragments: str, notes: bool = False
) -> None:
    """Exit code 2, one line of error, nothing on standard output, nothing changed on disk."""
    before = listing(Path.cwd())
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    assert code == 2, err
    lines = [line for line in err.splitlines() if not (notes and line.startswith("Note: "))]
    assert len(lines) == 1, err
    assert lines[0].startswith("Error: ")
    usage = "ption" in lines[0] or "rgument '" in lines[0] or "command '" in lines[0]
    assert lines[0].endswith((".", "?")) or usage
    assert "Traceback" not in err
    for fragment in fragments:
        assert fragment in lines[0], lines[0]
    assert out == ""
    assert listing(Path.cwd()) == before


def numbered(text: str, stop: str) -> str:
    return changed("stop = 1.0", stop, text)


# Each: the text of a file, the argument as the sentence names it, and fragments of the sentence.
TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "typo at the top": (
        changed("seed = 1", "sed = 1"),
        ("`file` must hold only known keys", "was `sed`", "did you mean `seed`?"),
    ),
    "typo in model": (
        changed("loss = 1.0", "los = 1.0"),
        ("`model` must hold only known keys", "did you mean `loss`?"),
    ),
    "typo in couplings": (
        changed("strength", "strenght"),
        ("`model.couplings` must hold only known keys", "did you mean `strength`?"),
    ),
    "typo in state": (
        changed("flipped", "fliped"),
        ("`state` must hold only known keys", "did you mean `flipped`?"),
    ),
    "typo in times": (
        changed("points", "point"),
        ("`times` must hold only known keys", "did you mean `points`?"),
    ),
    "typo in method": (
        changed("tolerance", "tolerence"),
        ("`method` must hold only known keys", "did you mean `tolerance`?"),
    ),
    "typo in sweep": (
        changed("model.frequencies", "model.frequncies"),
        ("`sweep.model.frequncies` must be a parameter", "did you mean `frequencies`?"),
    ),
    "typo in a table": (changed("[times]", "[time]"), ("`file`", "did you mean `times`?")),
    "key that is also a type": (changed("seed = 1", "float = 1"), ("`file`", "was `float`")),
    "no model": (
        GOOD[: GOOD.index("[model]")] + GOOD[GOOD.index("[state]") :],
        ("`model` must be given",),
    ),
    "no state": (changed("[state]\npattern = 0\nflipped = 0.25", ""), ("`state` must be given",)),
    "no times": (changed("[times]\nstop = 1.0\npoints = 3", ""), ("`times` must be given",)),
    "no method": (
        changed('[method]\nkind = "mean-field"\ntolerance = 1e-3', ""),
        ("`method` must be given",),
    ),
    "no observables": (
        changed('observables = ["sx", "sz_spin"]', ""),
        ("`observables` must be given",),
    ),
    "no frequencies": (changed("frequencies = 1.0", ""), ("`model.frequencies` must be given",)),
    "no spins": (changed("spins = 4", ""), ("`model.spins` must be given", "was missing")),
    "no kind of couplings": (
        changed('kind = "binary", ', ""),
        ("`model.couplings.kind` must be given",),
    ),
    "no kind of method": (changed('kind = "mean-field"', ""), ("`method.kind` must be given",)),
    "empty file": ("", ("must be given, but was missing",)),
    "unknown kind": (
        changed('"binary"', '"binery"'),
        ("`model.couplings.kind` must be a known kind", "did you mean `binary`?"),
    ),
    "unknown method": (
        changed("mean-field", "meanfield"),
        ("`method.kind` must be a known method", "did you mean `mean-field`?"),
    ),
    "method of wrong type": (changed('"mean-field"', "3"), ("`method.kind`", "was `3`")),
    "couplings as word": (
        changed('{ kind = "binary", strength = 1.0 }', '"binary"'),
        ("`model.couplings` must be a table", "was 'binary'"),
    ),
    "times as number": (
        changed("[times]\nstop = 1.0\npoints = 3", "").replace("seed = 1", "seed = 1\ntimes = 3"),
        ("`times` must be a table or a list, but was 3",),
    ),
    "times with a word": (
        changed("[times]\nstop = 1.0\npoints = 3", "").replace(
            "seed = 1", 'seed = 1\ntimes = [0, "a"]'
        ),
        ("`times.1` must be a valid number, but was 'a'",),
    ),
    "times falling": (
        changed("[times]\nstop = 1.0\npoints = 3", "").replace(
            "seed = 1", "seed = 1\ntimes = [1, 0]"
        ),
        ("`times` must be strictly increasing", "entry 1 (0) follows 1"),
    ),
    "spins as float": (
        changed("spins = 4", "spins = 4.0"),
        ("`model.spins` must be a valid integer",),
    ),
    "spins as word": (changed("spins = 4", 'spins = "4"'), ("`model.spins`", "was '4'")),
    "frequency as word": (
        changed("frequencies = 1.0", 'frequencies = "a"'),
        ("`model.frequencies` must be a valid number, but was 'a'",),
    ),
    "frequencies with a word": (
        changed("frequencies = 1.0", 'frequencies = [1, "a"]'),
        ("`model.frequencies.1` must be a valid number, but was 'a'",),
    ),
    "frequency as truth": (changed("frequencies = 1.0", "frequencies = true"), ("was True",)),
    "frequency as date": (
        changed("frequencies = 1.0", "frequencies = 2026-01-01"),
        ("valid number",),
    ),
    "frequency nan": (
        changed("frequencies = 1.0", "frequencies = nan"),
        ("`model.frequencies` must be finite, but was nan",),
    ),
    "seed as float": (changed("seed = 1", "seed = 1.0"), ("`seed` must be a valid integer",)),
    "seed negative": (changed("seed = 1", "seed = -1"), ("`seed` must be at least 0, but was -1",)),
    "seed beyond 64 bits": (
        changed("seed = 1", f"seed = {2**63}"),
        ("`seed` must hold integers of at most 64 bits",),
    ),
    "seed of 5000 digits": (changed("seed = 1", "seed = 1" + "0" * 5000), ("valid TOML",)),
    "seed of 6000 hexadecimal digits": (
        changed("seed = 1", "seed = 0x1" + "0" * 6000),
        ("`seed` must hold integers of at most 64 bits",),
    ),
    "truth as number": (
        changed("seed = 1", "thermodynamic = 1"),
        ("`thermodynamic` must be a valid boolean, but was 1",),
    ),
    "observables as word": (
        changed('["sx", "sz_spin"]', '"sx"'),
        ("`observables` must be a valid list, but was 'sx'",),
    ),
    "observables with a number": (
        changed('"sx"', "3"),
        ("`observables.0` must be a valid string",),
    ),
    "observables empty": (changed('["sx", "sz_spin"]', "[]"), ("at least one observable",)),
    "unknown observable": (
        changed('"sz_spin"', '"sz_spn"'),
        ("`observables` must be names of registered observables", "did you mean `sz_spin`?"),
    ),
    "not TOML": ("a = [", ("`file` must be valid TOML", "`bad.toml` was not")),
    "key twice": (changed("seed = 1", "seed = 1\nseed = 2"), ("`file` must be valid TOML",)),
    "two thousand brackets": ("x = " + "[" * 2000 + "]" * 2000, ("`file` must be valid TOML",)),
    "a hundred brackets": ("x = " + "[" * 100 + "]" * 100, ("`x` must be nested at most 16 deep",)),
    "three thousand dots": ("a." * 3000 + "b = 1", ("must be nested at most 16 deep",)),
    "line break in a word": (
        changed('"sx"', '"s\\nx"'),
        ("`observables` must be text of one line",),
    ),
    "NUL in a path": (with_path("a\\u0000b"), ("`model.couplings.path` must be text of one line",)),
    "line break in a key": (
        changed("seed = 1", '"a\\nb" = 1'),
        ("`file` must have keys of one line",),
    ),
    "word of a megabyte": (
        changed("pattern = 0\n", f'spins = "{"x" * 10**6}"\n'),
        ("at most 1000 long",),
    ),
    "points negative": (
        changed("points = 3", "points = -3"),
        ("`times.points` must be between 1 and",),
    ),
    "a billion points": (changed("points = 3", f"points = {10**12}"), ("between 1 and 10000000",)),
    "no end": (
        numbered(GOOD, "stop = inf"),
        ("`times.stop` must be at a finite distance", "was inf"),
    ),
    "end unknown": (numbered(GOOD, "stop = nan"), ("`times.stop` must be larger", "was nan")),
    "end before start": (numbered(GOOD, "stop = -1.0"), ("larger than `start` (0), but was -1",)),
    "overflowing span": (
        numbered(GOOD, "start = -1e308\nstop = 1e308"),
        ("`times.stop` must be at a finite distance from `start` (-1e+308), but was 1e+308",),
    ),
    "times too close": (numbered(GOOD, "stop = 5e-324"), ("`times` must be strictly increasing",)),
    "flipped above one": (
        changed("flipped = 0.25", "flipped = 1.5"),
        ("`state.flipped` must be at most 1",),
    ),
    "pattern out of range": (
        changed("pattern = 0", "pattern = 7"),
        ("`pattern` must be one of 0 … 1",),
    ),
    "two states": (
        changed("pattern = 0", 'pattern = 0\nspins = "+z"'),
        ("`state.spins` must be given alone", "`spins` and `pattern` were"),
    ),
    "state without spins": (changed("pattern = 0\nflipped = 0.25", ""), ("but none was",)),
    "axis without configuration": (
        changed("flipped = 0.25", 'axis = "x"'),
        ("`state.axis` must be given with `configuration` only, but came with `pattern`",),
    ),
    "Bloch vector too long": (
        changed("pattern = 0\nflipped = 0.25", "bloch = [1, 1, 1]"),
        ("`state.bloch` must be at most 1 long",),
    ),
    "configuration of zeros": (
        changed("pattern = 0\nflipped = 0.25", "configuration = [0, 1]"),
        ("`state.configuration` must be a list of +1 and −1",),
    ),
    "configuration too short": (
        changed("pattern = 0\nflipped = 0.25", "configuration = [1, 1]"),
        ("`configuration` must have one entry per spin (4), but had 2",),
    ),
    "unknown direction": (
        changed("pattern = 0\nflipped = 0.25", 'spins = "+w"'),
        ("`state.spins` must be a known word", "was `+w`"),
    ),
    "displacement of triples": (
        changed("flipped = 0.25", "displacement = [[1, 2, 3]]"),
        ("`state.displacement` must hold [real, imaginary] pairs",),
    ),
    "gain above loss": (
        changed("gain = 0.1", "gain = 1.5"),
        ("`model.loss` must exceed `gain`", "mode 0 has loss=1, gain=1.5"),
    ),
    "equal axes": (changed("field = 0.5", 'field_axis = "z"'), ("`model.field_axis` must differ",)),
    "wrong order": (changed("tolerance = 1e-3", "order = 3"), ("`method.order` must be 2 or 4",)),
    "order as list": (
        changed("tolerance = 1e-3", "order = [4]"),
        ("`method.order` must be a valid integer",),
    ),
    "tolerance too large": (changed("1e-3", "2.0"), ("`method.tolerance` must be at most 0.01",)),
    "step zero": (
        changed("tolerance = 1e-3", "step = 0.0"),
        ("`method.step` must be larger than 0",),
    ),
    "sweep of a number": (
        changed("[1.0, 2.0]", "1.0"),
        ("`sweep.model.frequencies` must be a valid list, but was 1.0",),
    ),
    "sweep without quotes": (
        changed('"model.frequencies"', "model.frequencies"),
        ('name parameters in quotes, such as "model.frequencies" = [', "had a table `model`"),
    ),
    "sweep empty": (changed("[1.0, 2.0]", "[]"), ("hold at least one value",)),
    "sweep with repetition": (changed("[1.0, 2.0]", "[1, 1.0]"), ("hold distinct values",)),
    "sweep of times": (changed("model.frequencies", "times.stop"), ("of model, state or method",)),
    "no realization": (changed("realizations = 2", "realizations = 0"), ("at least 1, but was 0",)),
    "realizations of nothing random": (
        changed("realizations = 2", "realizations = 2\nthermodynamic = true"),
        ("`realizations` must be 1 where nothing is random",),
    ),
    "too many spins": (
        changed("spins = 4", f"spins = {10**15}"),
        ("`spins` must ask for no more than the memory", "would need 4.8e+07 GB"),
    ),
    "too many modes": (
        changed("modes = 2", f"modes = {10**15}"),
        ("no more than the memory of this machine", "would need 9.6e+07 GB"),
    ),
    "too many realizations": (
        changed("realizations = 2", f"realizations = {10**12}"),
        ("`experiment` must ask for no more than the memory", "2000000000000 members"),
    ),
    "too many groups": (
        changed("realizations = 2", "thermodynamic = true").replace("modes = 2", "modes = 60"),
        ("`modes` must allow at most 2^27 couplings of groups", "would need 5.53e+11 GB"),
    ),
    "fixed without values": (
        changed(', path = "data"', "", FIXED),
        ("`model.couplings.path` must be given, or `values`", "neither was"),
    ),
    "fixed with both": (
        changed(', path = "data"', ', path = "data", values = [[1]]', FIXED),
        ("`model.couplings.path` must be given, or `values`", "both was"),
    ),
    "ragged values": (
        changed('path = "data"', "values = [[1, 2], [3]]", FIXED),
        ("`model.couplings.values` must be made of real numbers in a regular shape",),
    ),
    "no such path": (FIXED, ("`model.couplings.path` must name an existing file or folder",)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong in an experiment file is said with its place in the file."""
    text, fragments = TEXTS[name]
    Path("bad.toml").write_text(text, encoding="utf-8")
    notes = "configuration too" in name or "pattern out" in name
    refused(capsys, ["run", "bad.toml"], *fragments, notes=notes)


def _file(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


@pytest.mark.parametrize(
    ("path", "prepare", "fragment"),
    [
        ("none.toml", lambda _: None, "No such file"),
        ("folder.toml", lambda f: (f / "folder.toml").mkdir(), "Is a directory"),
        ("file.txt/x.toml", _file("file.txt", b""), "Not a directory"),
        ("bad.toml", _file("bad.toml", b"\xff\xfe\x00\x01"), "must be text in UTF-8"),
        ("bad.toml", _file("bad.toml", np.random.default_rng(0).bytes(4096)), "UTF-8"),
        ("x" * 300 + ".toml", lambda _: None, "File name too long"),
        ("/dev/zero", lambda _: None, "at most 50000000 bytes"),
    ],
    ids=["missing", "folder", "through a file", "not UTF-8", "garbage", "long", "endless"],
)
def test_unreadable_experiments(
    path: str, prepare: Callable[[Path], None], fragment: str, capsys: Any, folder: Path
) -> None:
    """A file that cannot be read is named, with the system's reason."""
    prepare(folder)
    refused(capsys, ["run", path], "`file` must", fragment, path)


def _letters(folder: Path, *sizes: tuple[int, int]) -> None:
    (folder / "data").mkdir()
    for k, size in enumerate(sizes):
        pixels = np.random.default_rng(k).integers(0, 2, size[::-1]) * 255
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "data" / f"{k}_{k}.png")


def _grey(folder: Path) -> None:
    _letters(folder, (4, 4))
    Image.fromarray(np.full((4, 4), 128, np.uint8)).save(folder / "data" / "9_grey.png")


def _truncated(folder: Path) -> None:
    _letters(folder, (64, 64))
    image = folder / "data" / "0_0.png"
    image.write_bytes(image.read_bytes()[:-200])


def _broken(folder: Path) -> None:
    _letters(folder, (4, 4))
    (folder / "data" / "1_x.png").write_bytes(b"this is no image")


def _huge_image(folder: Path) -> None:
    """A PNG that claims 100000 × 100000 pixels."""
    _letters(folder, (4, 4))
    image = folder / "data" / "0_0.png"
    content = bytearray(image.read_bytes())
    content[16:24] = struct.pack(">II", 10**5, 10**5)
    image.write_bytes(bytes(content))


class _Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def _pickled(folder: Path) -> None:
    np.save(folder / "data.npy", np.array([_Bomb()], dtype=object), allow_pickle=True)


def _pickle_file(folder: Path) -> None:
    (folder / "data.npy").write_bytes(pickle.dumps(_Bomb()))


def _npy(folder: Path, array: Any, keep: int | None = None) -> None:
    np.save(folder / "data.npy", array)
    content = (folder / "data.npy").read_bytes()
    (folder / "data.npy").write_bytes(content[:keep])


def _npy_header(folder: Path, header: bytes) -> None:
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    (folder / "data.npy").write_bytes(start + header)


HUGE = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 10), }\n"
DATA: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "images of two sizes": ("data", lambda f: _letters(f, (4, 4), (4, 5)), "`1_1.png` has 4×5"),
    "grey image": ("data", _grey, "9_grey.png` has grey pixels"),
    "truncated image": ("data", _truncated, "0_0.png` was not one"),
    "no image at all": ("data", _broken, "1_x.png` was not one"),
    "image too large": ("data", _huge_image, "0_0.png` was not one"),
    "empty folder": ("data", lambda f: (f / "data").mkdir(), "hold at least one image"),
    "folder without images": (
        "data",
        lambda f: ((f / "data").mkdir(), (f / "data" / "a.txt").write_text("x")),
        "hold at least one image",
    ),
    "pickled objects": ("data.npy", _pickled, "be a NumPy file of plain numbers"),
    "a pickle": ("data.npy", _pickle_file, "be a NumPy file of plain numbers"),
    "truncated npy": ("data.npy", lambda f: _npy(f, np.ones((50, 2)), 300), "NumPy file"),
    "npy without data": ("data.npy", lambda f: _npy(f, np.ones((4, 2)), 60), "NumPy file"),
    "empty npy": ("data.npy", _file("data.npy", b""), "be a NumPy file of plain numbers"),
    "npy that is a zip": ("data.npy", _file("data.npy", b"PK\x03\x04junk"), "NumPy file"),
    "npy header of junk": ("data.npy", lambda f: _npy_header(f, b"{'descr': (\n"), "NumPy file"),
    "npy header that lies": ("data.npy", lambda f: _npy_header(f, HUGE), "NumPy file"),
    "npy of words": ("data.npy", lambda f: _npy(f, np.array([["a"]])), "hold real numbers"),
    "npy of complex numbers": ("data.npy", lambda f: _npy(f, np.ones((2, 2)) * 1j), "real numbers"),
    "npy of three dimensions": (
        "data.npy",
        lambda f: _npy(f, np.ones((2, 2, 2))),
        "had shape (2, 2, 2)",
    ),
    "npy with infinity": (
        "data.npy",
        lambda f: _npy(f, np.array([[1, np.inf]])),
        "`model.couplings.path` must hold finite numbers, but entry (0, 1) of `",
    ),
    "ragged csv": ("data.csv", _file("data.csv", b"1,2\n3\n"), "line 2 of"),
    "csv with words": ("data.csv", _file("data.csv", b"1,2\n3,four\n"), "was '3,four'"),
    "csv with nan": (
        "data.csv",
        _file("data.csv", b"1,2\n3,nan\n"),
        "`model.couplings.path` must hold finite numbers, but entry (1, 1) of `",
    ),
    "csv with semicolons": ("data.csv", _file("data.csv", b"1;2\n"), "comma-separated numbers"),
    "empty csv": ("data.csv", _file("data.csv", b"# nothing\n"), "hold a table of (spin, mode)"),
    "csv of bytes": ("data.csv", _file("data.csv", b"\xff\x00"), "be a text file in UTF-8"),
    "long line": ("data.csv", _file("data.csv", b"x" * 10**6), "was 'xxx"),
    "unknown suffix": ("data.mat", _file("data.mat", b"1"), "end in .npy, .csv or .nc"),
    "through a file": ("data.txt/a.npy", _file("data.txt", b""), "name an existing file"),
}


@pytest.mark.parametrize("name", DATA)
def test_couplings_from_files(name: str, capsys: Any, folder: Path) -> None:
    """Files of couplings are refused with their name; nothing in them is ever executed."""
    path, prepare, fragment = DATA[name]
    prepare(folder)
    Path("bad.toml").write_text(with_path(path))
    refused(capsys, ["run", "bad.toml"], "`model.couplings.path` must ", fragment)


def test_csv_with_byte_order_mark(folder: Path) -> None:
    """Spreadsheets write one; it is no part of the first number."""
    (folder / "data.csv").write_bytes(b"\xef\xbb\xbf1,2\n3,4\n")
    np.testing.assert_array_equal(od.Fixed("data.csv").array, [[1, 2], [3, 4]])


@pytest.fixture
def good(folder: Path) -> Path:
    """A valid experiment file."""
    (folder / "good.toml").write_text(GOOD)
    return Path("good.toml")


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["--store", "file.txt/x.zarr"], "`file.txt/x.zarr` cannot be written"),
        (["--store", "file.txt/deep/x.nc"], "is not a folder"),
        (["--store", "x.h5"], "`store` must end in .zarr or .nc, but was `x.h5`"),
        (["--store", "x"], "`store` must end in .zarr or .nc"),
        (["--store", "x" * 300 + ".zarr"], "File name too long"),
        (["--figure", "x.jpg"], "`figure` must end in .png, .pdf, .svg, but was `x.jpg`"),
        (["--figure", "x"], "`figure` must end in"),
        (["--figure", "file.txt/x.png"], "`file.txt/x.png` cannot be written"),
        (["--figure", "folder.png"], "`figure` must be a file, but `folder.png` was a folder"),
        (["--validity", "maybe"], "`validity` must be a known word, but was `maybe`"),
        (["--figure", "x" * 300 + ".png"], "File name too long"),
        (["--wrong"], "No such option: --wrong"),
        (["--store"], "requires an argument"),
    ],
)
def test_paths_that_cannot_be_written(
    good: Path, options: list[str], fragment: str, capsys: Any, folder: Path
) -> None:
    """A path is refused before anything is computed."""
    (folder / "file.txt").write_text("precious")
    (folder / "folder.png").mkdir()
    refused(capsys, ["run", str(good), *options], fragment)


@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_store_of_another_experiment_is_kept(good: Path, suffix: str, capsys: Any) -> None:
    """Results of something else are neither replaced nor taken for the answer."""
    assert main(["run", str(good), "--store", f"a.{suffix}"]) == 0
    Path("other.toml").write_text(changed("seed = 1", "seed = 2"))
    refused(
        capsys,
        ["run", "other.toml", "--store", f"a.{suffix}"],
        f"`a.{suffix}` holds the results of another experiment",
    )
    assert od.load(f"a.{suffix}").attrs["seed"] == 1


def _damage_zarr(folder: Path) -> None:
    main(["run", "good.toml", "--store", "bad.zarr"])
    (folder / "bad.zarr" / "sx" / "zarr.json").write_text("{")


def _damage_nc(folder: Path) -> None:
    main(["run", "good.toml", "--store", "bad.nc"])
    content = (folder / "bad.nc").read_bytes()
    (folder / "bad.nc").write_bytes(content[: len(content) // 2])


def _foreign(folder: Path) -> None:
    xr.Dataset({"a": ("t", [1.0, 2.0])}).to_netcdf(folder / "bad.nc", engine="h5netcdf")


def _described(**attributes: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        dataset = xr.Dataset({"a": ("t", [1.0, 2.0])}, attrs=attributes)
        dataset.to_netcdf(folder / "bad.nc", engine="h5netcdf")

    return write


STORES: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "nothing there": ("bad.zarr", lambda _: None, "`bad.zarr` does not exist"),
    "damaged zarr": ("bad.zarr", _damage_zarr, "is damaged"),
    "damaged nc": ("bad.nc", _damage_nc, "cannot be read as a dataset"),
    "empty folder": ("bad.zarr", lambda f: (f / "bad.zarr").mkdir(), "it holds no Zarr store"),
    "a file": ("bad.zarr", _file("bad.zarr", b"x"), "it is no folder"),
    "a folder": ("bad.nc", lambda f: (f / "bad.nc").mkdir(), "cannot be read as a dataset"),
    "empty file": ("bad.nc", _file("bad.nc", b""), "cannot be read as a dataset"),
    "words": ("bad.nc", _file("bad.nc", b"hello\nworld\n" * 100), "cannot be read as a dataset"),
    "somebody else's": ("bad.nc", _foreign, "was not written by opendicke"),
    "format without experiment": ("bad.nc", _described(format=1), "was not written by opendicke"),
    "format of words": (
        "bad.nc",
        _described(format="one", experiment="{}"),
        "was not written by opendicke",
    ),
    "experiment of junk": (
        "bad.nc",
        _described(format=1, experiment="{junk"),
        "was not written by opendicke",
    ),
    "experiment of a list": (
        "bad.nc",
        _described(format=1, experiment="[]"),
        "was not written by opendicke",
    ),
    "later format": ("bad.nc", _described(format=99, experiment="{}"), "has format 99"),
}


@pytest.mark.parametrize("command", ["run", "show", "plot"])
@pytest.mark.parametrize("name", STORES)
def test_damaged_stores(name: str, command: str, good: Path, capsys: Any, folder: Path) -> None:
    """A store that cannot be read is named, and left as it is."""
    path, prepare, fragment = STORES[name]
    prepare(folder)
    if command == "run" and name == "nothing there":
        assert main(["run", str(good), "--store", path]) == 0
        return
    arguments = {"run": ["run", str(good), "--store", path]}.get(command, [command, path])
    refused(capsys, arguments, f"`{path}", fragment)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["plot", "x.zarr", "--figure", "x.gif"], "`figure` must end in .png, .pdf, .svg"),
        (["plot", "good.zarr", "--figure", "file.txt/x.png"], "`file.txt/x.png` cannot be written"),
        (["plot", "good.zarr", "--figure", "folder.png"], "was a folder"),
        (["plot", "good.zarr", "--observable", "sxx"], "`observable` must be in the dataset"),
        (["plot", "good.zarr", "--observable", "sxx"], "did you mean `sx`?"),
        (["show", "x.txt"], "`store` must end in .zarr, .nc or .csv"),
        (["plot"], "Missing argument"),
        (["draw"], "No such command 'draw'"),
    ],
)
def test_show_and_plot(arguments: list[str], fragment: str, good: Path, capsys: Any) -> None:
    """What the other commands are given is checked the same way."""
    main(["run", str(good), "--store", "good.zarr"])
    Path("file.txt").write_text("precious")
    Path("folder.png").mkdir()
    refused(capsys, arguments, fragment)


def _no_space(self: EnsembleStore, *_: Any) -> None:
    with told(self.path):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("suffix", ["zarr", "nc"])
def test_a_failure_while_saving_keeps_what_was_there(
    good: Path, suffix: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disk full in the middle of `--overwrite`: the former result stays, no partial file does."""
    store = f"a.{suffix}"
    assert main(["run", str(good), "--store", store]) == 0

    def fail(self: xr.Dataset, path: Any, **_: Any) -> None:
        Path(path).mkdir()
        (Path(path) / "half").write_text("written")
        raise OSError(28, "No space left on device")

    if suffix == "zarr":
        monkeypatch.setattr(EnsembleStore, "put", _no_space)
    else:
        monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    Path("other.toml").write_text(changed("seed = 1", "seed = 2"))
    refused(
        capsys,
        ["run", "other.toml", "--store", store, "--overwrite"],
        f".{suffix}` cannot be written: No space left on device",
        notes=True,
    )
    assert od.load(store).attrs["seed"] == 1


def test_a_failure_while_replacing_brings_back_what_was_there(
    good: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former result is moved away only to be moved back when the new one cannot come."""
    assert main(["run", str(good), "--store", "a.zarr"]) == 0
    rename = Path.rename

    def fail(self: Path, target: Any) -> Any:
        if self.name == "a.new.zarr":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(store_module.Path, "rename", fail)
    capsys.readouterr()
    Path("other.toml").write_text(changed("seed = 1", "seed = 2"))
    assert main(["run", "other.toml", "--store", "a.zarr", "--overwrite"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Error: `a.zarr` cannot be written: Input/output error")
    assert last.endswith("what was to replace it is in `a.new.zarr`.")
    assert od.load("a.zarr").attrs["seed"] == 1
    assert od.load("a.new.zarr").attrs["seed"] == 2


def test_a_failure_while_drawing_keeps_the_figure(
    good: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure is replaced by a complete one only."""
    from matplotlib.figure import Figure

    assert main(["run", str(good), "--store", "a.zarr"]) == 0

    def fail(self: Figure, path: Any, **_: Any) -> None:
        Path(path).write_text("half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    refused(capsys, ["plot", "a.zarr"], "`a.png` cannot be written: No space left on device")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "typo.toml"], "did you mean `seed`?"),
        (["run", "none.toml"], "No such file"),
        (["run", "good.toml", "--store", "good.toml/x.zarr"], "cannot be written"),
        (["show", "none.zarr"], "`none.zarr` does not exist"),
        (["plot", "typo.toml"], "`store` must end in"),
    ],
)
def test_as_processes(arguments: list[str], fragment: str, good: Path, folder: Path) -> None:
    """The same from a real command line."""
    Path("typo.toml").write_text(changed("seed = 1", "sed = 1"))
    before = listing(folder)
    done = subprocess.run(
        [sys.executable, "-m", "opendicke.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert fragment in done.stderr
    assert listing(folder) == before
