"""Ten thousand malformed experiments, stores and arguments: exit code and one sentence, at once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

import command_fuzzing as fuzzing
import opendicke as od
from opendicke.cli import main
from opendicke.experiment import executors_dask

SECONDS = 10
"""In which a call ends."""


class HangError(BaseException):
    """A call that did not end; no handler of errors takes it for one of its own."""


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise, with the place, in what takes longer."""

    def ring(*_: Any) -> None:
        raise HangError(f"not finished after {seconds} s")

    former = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A complete small store, and one of the same experiment that was interrupted."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "small.toml").write_text(tomli_w.dumps(fuzzing.SMALL))
    good, interrupted = folder / "good.zarr", folder / "interrupted.zarr"
    small = od.Experiment.from_toml(folder / "small.toml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        od.run(small, good, validity="ignore")
        with pytest.MonkeyPatch.context() as patch:
            _interrupt_after_first(patch)
            with pytest.raises(KeyboardInterrupt):
                od.run(small, interrupted, validity="ignore")
    assert list((interrupted / "journal").glob("*")), "nothing is in the journal"
    return good, interrupted


def _interrupt_after_first(patch: pytest.MonkeyPatch) -> None:
    """An interruption as soon as the store holds a cell."""
    from opendicke.results.ensemble_store import EnsembleStore

    put = EnsembleStore.put

    def interrupted(self: Any, cells: Any, frames: Any) -> None:
        put(self, cells[:1], frames[:1])
        raise KeyboardInterrupt

    patch.setattr(EnsembleStore, "put", interrupted)


def listing(folder: Path) -> dict[str, str]:
    """Every path below a folder, with a digest of its content, or where it leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.parent.name == "journal" and path.name in ("lock", "writer"):
            continue  # who wants to write says so there
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = ""
    return found


def called(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a call, its streams as strict as those of a terminal."""
    output, error = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors, newline="", write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error), at_most(SECONDS):
        code = main(arguments)
    texts = [stream.buffer.getvalue().decode() for stream in (output, error)]  # type: ignore[attr-defined]
    return code, texts[0], texts[1]


def check(
    case: fuzzing.Case, code: int, output: str, error: str, before: dict[str, str], folder: Path
) -> None:
    """What is promised of every call.

    A store that turns out damaged where it is written is gone on with up to there.
    """
    assert code in (0, 2, 3, 130), code
    if "--json" in case.arguments and not {"--help", "--version"} & set(case.arguments):
        found = json.loads(output) if output.startswith("{") or code else {"exit_code": code}
        assert found["exit_code"] == code
        assert ("error" in found) == (code in (2, 130))
    assert "Traceback" not in error
    after = listing(folder)
    lines = error.split("\n")
    assert lines[-1] == "", "the last line is whole"
    if code == 2:
        assert lines[-2].startswith("Error: "), error
        assert lines[-2].endswith((".", "?")), error
        assert lines[-2].isprintable(), error
        assert all(line.startswith("Note: ") for line in lines[:-2]), error
        if case.damaged is None or "cannot be written" not in lines[-2]:
            assert after == before
        return
    left = [name for name in after.keys() - before.keys() if _is_unfinished(Path(name))]
    assert not left
    for name, digest in before.items():
        if Path(name).parts[0] not in case.outputs:
            assert after.get(name) == digest, name


def _is_unfinished(path: Path) -> bool:
    return any(part.endswith((".partial", ".new", ".old", ".new.zarr")) for part in path.parts)


def check_numbers(path: Path, good: Path) -> None:
    """What a damaged store still gives is what was computed, or nothing."""
    found, right = od.load(path), od.load(good)
    done = found.status.values == 1
    for name in ("sz", "sz_spin"):
        np.testing.assert_array_equal(found[name].values[done], right[name].values[done])


def run_cases(numbers: range, folder: Path, stores: tuple[Path, Path]) -> Counter[str]:
    """Call the command line with the cases of these numbers; count how they end."""
    counts: Counter[str] = Counter()
    failures = []
    for number in numbers:
        rng, place = random.Random(number), folder / f"{number}"
        place.mkdir()
        with contextlib.chdir(place), warnings.catch_warnings():
            warnings.simplefilter("default")
            case = made(rng, number, place, stores)
            before, start = listing(place), time.perf_counter()
            try:
                code, output, error = called(case.arguments)
                check(case, code, output, error, before, place)
                if case.damaged and code in (0, 3):
                    if "resume" in case.arguments:
                        assert (od.load(case.damaged).status == 1).all()
                    check_numbers(place / case.damaged, stores[0])
            except (Exception, HangError) as failure:
                failures.append((number, case.arguments, f"{type(failure).__name__}: {failure}"))
                _keep(place, failure)
                continue
            counts[f"{kind_of(number)} {code}"] += 1
            took = time.perf_counter() - start
            counts[f"{kind_of(number)} seconds"] += round(1000 * took)
        shutil.rmtree(place)
    assert not failures, "\n".join(
        f"{number}: {args}\n  {text[:1500]}" for number, args, text in failures
    )
    return counts


def kind_of(number: int) -> str:
    """Of ten cases, five are files, four arguments and one is a store."""
    return (*("file", "arguments") * 4, "file", "store")[number % 10]


def made(rng: random.Random, number: int, place: Path, stores: tuple[Path, Path]) -> fuzzing.Case:
    """The case of a number."""
    match kind_of(number):
        case "file":
            return fuzzing.file_case(rng, place)
        case "arguments":
            return fuzzing.argument_case(rng, place)
        case _:
            return fuzzing.store_case(rng, place, *stores)


def _keep(place: Path, failure: BaseException) -> None:
    import traceback

    with contextlib.suppress(OSError):
        (place / "FAILURE").write_text("".join(traceback.format_exception(failure)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses where nothing answers are given up at once."""
    monkeypatch.setattr(executors_dask, "_PATIENCE", 0.2)


@pytest.mark.parametrize("part", range(2))
def test_malformed_input(part: int, tmp_path: Path, stores: tuple[Path, Path]) -> None:
    """No traceback, no hang, nothing written where it is refused, nothing damaged."""
    counts = run_cases(range(500 * part, 500 * (part + 1)), tmp_path, stores)
    assert sum(n for name, n in counts.items() if name.endswith(" 2")) > 300
    assert sum(n for name, n in counts.items() if name.endswith(" 0")) > 10


@pytest.mark.slow
@pytest.mark.parametrize("part", range(18))
def test_more_malformed_input(part: int, tmp_path: Path, stores: tuple[Path, Path]) -> None:
    """The rest of ten thousand."""
    counts = run_cases(range(1000 + 500 * part, 1500 + 500 * part), tmp_path, stores)
    print(dict(counts))


def real(number: int, folder: Path, stores: tuple[Path, Path]) -> None:
    """One case as a process of its own."""
    rng, place = random.Random(number), folder / f"{number}"
    place.mkdir()
    with contextlib.chdir(place):
        case = made(rng, number, place, stores)
    arguments = [word for word in case.arguments if "\x00" not in word]  # no process takes these
    before = listing(place)
    done = subprocess.run(
        [sys.executable, "-m", "opendicke.cli", *map(os.fsencode, arguments)],
        capture_output=True,
        cwd=place,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    error = done.stderr.decode("utf-8")
    try:
        check(case, done.returncode, done.stdout.decode("utf-8"), error, before, place)
    except AssertionError as failure:
        raise AssertionError(f"{number}: {arguments}: {failure}\n{error[-2000:]}") from None


@pytest.mark.parametrize("number", range(20_000, 20_010))
def test_as_processes(number: int, tmp_path: Path, stores: tuple[Path, Path]) -> None:
    """The same of the command itself."""
    real(number, tmp_path, stores)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20_010, 20_100))
def test_more_processes(number: int, tmp_path: Path, stores: tuple[Path, Path]) -> None:
    """The rest of a hundred."""
    real(number, tmp_path, stores)
