"""Runs that are killed, interrupted, started twice: real processes, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od

CHAINS = """
seed = 3
realizations = {realizations}
observables = ["sz", "ising_energy", "overlap_variance", "ising_energy_distribution"]
[model]
couplings = {{ kind = "gaussian", sigma = 2.0 }}
spins = 6
modes = 4
frequencies = 4.0
loss = 1.0
field = 0.05
[state]
spins = "+z"
[times]
stop = 200.0
points = 21
[method]
kind = "kinetic-monte-carlo"
trajectories = {trajectories}
[sweep]
"model.frequencies" = [3.0, 4.0, 5.0]
"""

# Loads everything once, then forks a process for every run, to be killed at any moment.
SERVER = """
import os, sys, warnings
warnings.simplefilter("ignore")
import opendicke as od
from opendicke.methods import kinetic_monte_carlo, trajectories
od.run(od.Experiment.from_toml("warm.toml"), validity="ignore")
print("ready", flush=True)
for line in sys.stdin:
    file, store = line.split()
    child = os.fork()
    if not child:
        try:
            od.run(od.Experiment.from_toml(file), store, validity="ignore")
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Verdicts on validity are the business of other tests."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", od.ValidityWarning)
        yield


def written(name: str, realizations: int = 30, trajectories: int = 20) -> od.Experiment:
    text = CHAINS.format(realizations=realizations, trajectories=trajectories)
    Path(name).write_text(text, encoding="utf-8")
    return od.Experiment.from_toml(name)


def assert_same_bits(first: xr.Dataset, second: xr.Dataset) -> None:
    assert set(first.data_vars) == set(second.data_vars)
    for name in first.variables:
        one, other = first[name].values, second[name].values
        assert one.dtype == other.dtype
        if one.dtype.kind in "fiu":
            assert one.tobytes() == other.tobytes(), name
        else:
            assert (one == other).all(), name


class Server:
    """A process that forks runs."""

    def __init__(self) -> None:
        written("warm.toml", 1, 4)
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, file: str, store: str, kill_after: float | None = None) -> int:
        """The exit status, as of `waitpid`, of a run that is killed after a while."""
        assert self._process.stdin is not None
        print(file, store, file=self._process.stdin, flush=True)
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(child, signal.SIGKILL)
        return int(self._line())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_again_and_again(kills: int, server: Server) -> None:
    """After every kill the store opens; in the end its bits are those of an undisturbed run."""
    given = written("chains.toml")
    start = time.monotonic()
    assert server.run("chains.toml", "whole.zarr") == 0
    span = time.monotonic() - start
    whole = od.load("whole.zarr")
    chance = random.Random(kills)
    seen: list[int] = []
    killed = 0
    while killed < kills:
        status = server.run("chains.toml", "killed.zarr", chance.uniform(0.0, 0.4 * span))
        killed += status != 0
        if not Path("killed.zarr").exists():
            continue
        plain = xr.open_zarr("killed.zarr", consolidated=False).load()
        dataset = od.load("killed.zarr")
        assert set(plain.dims) == set(dataset.dims)
        done = dataset.status.values == 1
        for name in ("sz", "sz_stderr", "overlap_variance"):
            np.testing.assert_array_equal(dataset[name].values[done], whole[name].values[done])
        if done.all():
            assert seen, "no kill hit a run"
            od.save(dataset, f"done{killed}.nc")
            assert_same_bits(dataset, whole)
            seen = []
            subprocess.run(["rm", "-r", "killed.zarr"], check=True)
        else:
            assert not seen or done.sum() >= seen[-1], "finished cells were lost"
            seen.append(int(done.sum()))
    assert server.run("chains.toml", "killed.zarr") == 0
    assert_same_bits(od.load("killed.zarr"), whole)
    assert_same_bits(od.run(given, "killed.zarr"), whole)
    left = [p.name for p in Path("killed.zarr").rglob("*") if "partial" in p.name]
    assert not left
    assert not [p for p in Path().iterdir() if p.name.startswith(".")]


def test_killed_while_it_grows(server: Server) -> None:
    """More realizations and more trajectories of what is there: killed at any moment, the same."""
    written("small.toml", 6, 10)
    written("large.toml", 20, 20)
    for store in ("whole.zarr", "killed.zarr"):
        assert server.run("small.toml", store) == 0
    start = time.monotonic()
    assert server.run("large.toml", "whole.zarr") == 0
    span = time.monotonic() - start
    chance = random.Random(5)
    for _ in range(5):
        server.run("large.toml", "killed.zarr", chance.uniform(0.0, 0.3 * span))
        od.load("killed.zarr")
    assert server.run("large.toml", "killed.zarr") == 0
    whole, killed = od.load("whole.zarr"), od.load("killed.zarr")
    assert (whole.trajectories == 20).all()
    assert_same_bits(killed, whole)


def command(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "opendicke.cli", *arguments]
    return subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def until(condition: Any, process: subprocess.Popen[str], limit: float = 60.0) -> None:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, "waited too long"
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def begun(store: str) -> bool:
    """Whether some cells are there."""
    return Path(store).exists() and bool((od.load(store).status > 0).any())


def test_interrupted_and_resumed() -> None:
    """Ctrl-C leaves a store and the words how to go on, and these words work."""
    given = written("chains.toml", 40, 300)
    process = command("run", "chains.toml", "--store", "s.zarr", "--validity", "ignore")
    until(lambda: begun("s.zarr"), process)
    shown = command("show", "s.zarr").communicate()
    assert "of 120 cells" in shown[0]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("Interrupted: ")
    assert err.rstrip().endswith("go on with: opendicke resume s.zarr.")
    assert "Traceback" not in err + out
    done = int((od.load("s.zarr").status > 0).sum())
    assert 0 < done < 120
    process = command("resume", "s.zarr", "--validity", "ignore", "--workers", "2")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "120 of 120 members ended well" in out
    dataset = od.run(replace(given, realizations=3))
    assert_same_bits(od.load("s.zarr").isel(realization=slice(3)), dataset)


def test_two_writers() -> None:
    """The second run refuses while the first goes on, and harms nothing."""
    written("chains.toml", 200, 200)
    first = command("run", "chains.toml", "--store", "s.zarr", "--validity", "ignore")
    until(lambda: begun("s.zarr"), first)
    second = command("resume", "s.zarr", "--validity", "ignore")
    _, err = second.communicate(timeout=30)
    assert second.returncode == 2
    assert err.splitlines()[-1].startswith("Error: `s.zarr` is being written by another process")
    assert "Traceback" not in err
    first.kill()
    first.communicate()
    small = written("few.toml", 2, 200)
    assert (od.run(small, "s.zarr").status == 1).all()  # the lock of the dead does not hold


@pytest.mark.slow
def test_a_worker_of_this_machine_is_killed() -> None:
    """Its cells are computed by another; the numbers are the same."""
    given = written("chains.toml", 40, 400)
    process = command(
        *("run", "chains.toml", "--store", "s.zarr", "--validity", "ignore", "--workers", "2")
    )
    until(lambda: begun("s.zarr"), process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert len(workers) >= 2
    os.kill(workers[-1], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    dataset, expected = od.load("s.zarr"), od.run(given)
    assert (dataset.status == 1).all()
    assert_close(dataset, expected)


def assert_close(first: xr.Dataset, second: xr.Dataset) -> None:
    """Equal to round-off: workers have other numbers of threads."""
    for name in first.data_vars:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-12, atol=1e-12)


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and workers, each a process started by hand; the scheduler is the first."""
    processes = []

    def start(kind: str, *options: str) -> None:
        program = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
        with Path(f"{kind}.log").open("ab") as log:
            processes.append(subprocess.Popen(program, stdout=log, stderr=log))

    file = Path("scheduler.json")
    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        for _ in range(workers):
            start("worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny")
        yield json.loads(file.read_text())["address"], processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_dask_worker_and_then_the_scheduler_are_killed() -> None:
    """Cells of a dead worker are computed by the other; without a scheduler the store is whole."""
    given = written("chains.toml", 40, 400)
    with cluster(2) as (address, processes):
        run = ("run", "chains.toml", "--store", "s.zarr", "--validity", "ignore")
        process = command(*run, "--scheduler", address)
        until(lambda: begun("s.zarr"), process)
        processes[2].kill()
        done = int((od.load("s.zarr").status == 1).sum())
        until(lambda: int((od.load("s.zarr").status == 1).sum()) > done + 4, process)
        processes[0].kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert err.splitlines()[-1].startswith("Error: ")
        assert "scheduler" in err.splitlines()[-1]
        assert "Traceback" not in err
    part, expected = od.load("s.zarr"), od.run(given)
    there = part.status.values == 1
    assert 4 < there.sum() < there.size
    np.testing.assert_allclose(part.sz.values[there], expected.sz.values[there], rtol=1e-12)
    assert_close(od.resume("s.zarr"), expected)
