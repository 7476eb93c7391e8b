"""Dask clusters: real schedulers and workers, some of which are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

import executor_work as work
from opendicke.errors import InputError, StoreError
from opendicke.experiment import executors_dask
from opendicke.experiment.executors import DaskCluster, Failure, connect, make_executor

JOB = {"factor": 3, "seconds": 0.0}
TESTS = Path(work.__file__).parent


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Of a cluster on this machine with two worker processes."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as made,
    ):
        yield made


@pytest.fixture
def executor(client: Client) -> DaskCluster:
    return DaskCluster(client)


class ByHand:
    """A scheduler and workers, each a process of its own, started as a user would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._file)
        )
        end = time.monotonic() + 20
        while not self._file.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        self.address: str = json.loads(self._file.read_text())["address"]

    def worker(self) -> subprocess.Popen[bytes]:
        file = str(self._file)
        return self._start("worker", "--scheduler-file", file, "--nthreads", "1", "--no-nanny")

    def _start(self, kind: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
        with (self._folder / f"{kind}.log").open("ab") as log:
            started = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(TESTS)},
            )
        self.processes.append(started)
        return started

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[ByHand]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = ByHand(folder)
    yield made
    made.end()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByHand]:
    """A cluster with one worker that nobody harms."""
    made = ByHand(tmp_path_factory.mktemp("standing"))
    made.worker()
    yield made
    made.end()


def with_workers(cluster: DaskCluster, count: int) -> DaskCluster:
    """The cluster, when so many workers are there."""
    cluster._client.wait_for_workers(count, timeout=20)
    return cluster


def test_same_answers(executor: DaskCluster) -> None:
    groups = work.groups_of(300)
    answers = list(executor.run(JOB, groups, work.squares))
    assert len(answers) == 300
    assert dict(answers) == work.expected(JOB, groups)
    assert executor.workers == 2
    assert executor.name.startswith("Dask cluster at tcp://127.0.0.1:")


def test_both_workers_work(executor: DaskCluster) -> None:
    """Twelve groups of 0.3 s."""
    groups = work.groups_of(12)
    job = {"factor": 3, "seconds": 0.3}
    start = time.monotonic()
    answers = dict(executor.run(job, groups, work.slow_squares))
    assert time.monotonic() - start < 0.85 * 12 * 0.3
    assert answers == work.expected(job, groups)
    made = executor.run({"seconds": 0.1}, work.groups_of(8), work.identities)
    assert len({answer for _, answer in made}) == 2


def test_small_groups_share_messages(executor: DaskCluster) -> None:
    """Less than 5 ms for each of three thousand."""
    groups = work.groups_of(3000, size=1)
    start = time.monotonic()
    answers = dict(executor.run(JOB, groups, work.squares))
    assert (time.monotonic() - start) / len(groups) < 5e-3
    assert answers == work.expected(JOB, groups)


def test_errors_are_answers(executor: DaskCluster) -> None:
    groups = work.groups_of(20)
    answers = dict(executor.run(JOB, groups, work.picky_squares))
    assert answers.pop(groups[3]) == Failure("ValueError: six is not welcome")
    assert answers == work.expected(JOB, [group for group in groups if group != groups[3]])


def test_no_groups(executor: DaskCluster) -> None:
    assert list(executor.run(JOB, [], work.squares)) == []


def test_few_groups_are_under_way_and_none_in_the_end(
    client: Client, executor: DaskCluster
) -> None:
    """Groups are read when they are handed out, and answers are not kept."""
    read: list[tuple[int, int]] = []

    class Lazy(list[work.Group]):
        def __getitem__(self, number: Any) -> Any:
            read.append((number, threading.get_ident()))
            return super().__getitem__(number)

    groups = Lazy(work.groups_of(60))
    job = {"factor": 2, "seconds": 0.05}
    answers = executor.run(job, groups, work.slow_squares)
    got = [next(answers)]
    assert len(read) < 40
    got += list(answers)
    assert dict(got) == work.expected(job, list(groups))
    assert {thread for _, thread in read} == {threading.get_ident()}
    assert not client.futures


def test_an_abandoned_run_is_cancelled(client: Client, executor: DaskCluster) -> None:
    answers = executor.run({"factor": 1, "seconds": 0.3}, work.groups_of(50), work.slow_squares)
    next(answers)
    answers.close()
    assert not client.futures
    start = time.monotonic()
    groups = work.groups_of(4)
    assert dict(executor.run(JOB, groups, work.squares)) == work.expected(JOB, groups)
    assert time.monotonic() - start < 5.0


def test_threads_of_a_worker_share_its_cores() -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        make_executor(client=client) as executor,
    ):
        ((_, answer),) = executor.run(JOB, work.groups_of(1), work.settings)
        assert isinstance(answer, bytes), answer
        assert answer.endswith(b", 1)")
        assert executor.workers == 2
    assert client.status == "closed"


def test_a_client_of_the_user_stays_open(client: Client) -> None:
    with make_executor(client=client):
        pass
    assert client.status == "running"


@pytest.mark.slow
def test_a_group_that_kills_its_workers(tmp_path: Path) -> None:
    """Its neighbours, also on the same worker, are solved."""
    job = {"factor": 3, "seconds": 0.01, "notes": str(tmp_path)}
    groups = work.groups_of(30)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=60,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        answers = dict(DaskCluster(client).run(job, groups, work.deadly_squares))
    assert answers.pop(groups[3]) == Failure(
        "Dask workers died while solving it, one after the other"
    )
    assert answers == work.expected(job, [group for group in groups if group != groups[3]])


def test_a_killed_worker(standing: ByHand, tmp_path: Path) -> None:
    """One of two workers is killed in the middle of its work: the other does all."""
    job = {"factor": 3, "seconds": 0.03, "notes": str(tmp_path)}
    groups = work.groups_of(80)
    second, first = standing.processes[1], standing.worker()
    with with_workers(connect(standing.address), 2) as executor:
        answers = []
        for answer in executor.run(job, groups, work.noted_squares):
            answers.append(answer)
            if len(answers) == 15:
                first.kill()
    assert len(answers) == 80
    assert dict(answers) == work.expected(job, groups)
    pids = {int(note.name) for note in tmp_path.iterdir() if note.name.isdigit()}
    assert pids == {first.pid, second.pid}


@pytest.mark.parametrize(
    ("end", "seconds"),
    [("kill", 10.0), pytest.param("stop", 15.0, marks=pytest.mark.slow)],
)
def test_a_lost_scheduler(
    by_hand: ByHand, end: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead or silent: one sentence, soon."""
    monkeypatch.setattr(executors_dask, "_SILENCE", 3.0)
    by_hand.worker()
    job = {"factor": 3, "seconds": 0.05}
    with with_workers(connect(by_hand.address), 1) as executor:
        answers = executor.run(job, work.groups_of(1000), work.slow_squares)
        next(answers)
        by_hand.scheduler.send_signal(signal.SIGKILL if end == "kill" else signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(StoreError) as caught:
            list(answers)
        assert time.monotonic() - start < seconds
    assert time.monotonic() - start < seconds + 5
    assert str(caught.value) == (
        f"The Dask scheduler at `{by_hand.address}` was lost; what had arrived is kept where there "
        "is a store, so the run can be resumed."
    )


@pytest.mark.slow
def test_workers_that_come_late(by_hand: ByHand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may wait for them, and says so."""
    monkeypatch.setattr(executors_dask, "_PATIENCE", 1.0)
    monkeypatch.setattr(executors_dask, "_CENSUS", 0.2)
    groups = work.groups_of(5)
    threading.Timer(1.8, by_hand.worker).start()
    with (
        connect(by_hand.address) as executor,
        pytest.warns(RuntimeWarning, match="has no workers; waiting for them") as said,
    ):
        answers = dict(executor.run(JOB, groups, work.squares))
    assert answers == work.expected(JOB, groups)
    assert len(said) == 1


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import executor_work as work
from opendicke.experiment.executors import connect

with connect({address!r}) as executor:
    job = {{"factor": 1, "seconds": 0.05}}
    for group, answer in executor.run(job, work.groups_of({count}), work.slow_squares):
        print("answer", flush=True)
"""


@pytest.mark.parametrize("interrupted", [False, True])
def test_quiet(standing: ByHand, interrupted: bool) -> None:
    """Nothing but what was asked for, and the interrupt."""
    count = 1000 if interrupted else 10
    text = SCRIPT.format(tests=str(TESTS), address=standing.address, count=count)
    user = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "answer\n"
    start = time.monotonic()
    if interrupted:
        user.send_signal(signal.SIGINT)
    out, said = user.communicate(timeout=20)
    if interrupted:
        assert time.monotonic() - start < 10.0
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert "distributed -" not in said
    else:
        assert (out.count("answer"), said) == (9, "")


def test_a_closed_client() -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        client = Client(cluster, set_as_default=False)
        executor = DaskCluster(client)
        job = {"factor": 1, "seconds": 0.05}
        answers = executor.run(job, work.groups_of(100), work.slow_squares)
        next(answers)
        client.close()
        with pytest.raises(StoreError, match="was lost; what had arrived is kept"):
            list(answers)
        with pytest.raises(StoreError, match="was lost"):
            DaskCluster(client)


def test_workers_of_another_version(executor: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors_dask, "__version__", "99.0")
    with pytest.raises(StoreError, match=r"\(RuntimeError: it has opendicke .*, but 99.0 asks\)"):
        list(executor.run(JOB, work.groups_of(3), work.squares))


def test_work_that_the_workers_cannot_import(
    executor: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def squares(job, groups):\n    return [b'']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here  # type: ignore[import-not-found]

    with pytest.raises(StoreError, match=r"cannot do the work .* need the same packages"):
        list(executor.run(JOB, work.groups_of(3), only_here.squares))


def test_a_job_that_cannot_be_sent(executor: DaskCluster) -> None:
    with pytest.raises(InputError, match="must be made of parts that can be sent to other proc"):
        list(executor.run({"lock": threading.Lock()}, work.groups_of(2), work.squares))


@pytest.mark.parametrize("address", ["", "nowhere", "::::", "tcp://", "foo://x:1", 5, "a" * 9999])
def test_bad_addresses(address: Any) -> None:
    with pytest.raises(InputError) as caught:
        connect(address)
    assert str(caught.value).startswith(
        'Argument `scheduler` must be an address such as "tcp://10.0.0.1:8786", but was '
    )
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("address", ["127.0.0.1:1", "tcp://no.such.host.invalid:8786"])
def test_nobody_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors_dask, "_PATIENCE", 0.5)
    start = time.monotonic()
    with pytest.raises(StoreError, match=r"^No Dask scheduler answers at '") as caught:
        connect(address)
    assert time.monotonic() - start < 10.0
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("client", ["tcp://127.0.0.1:1", 3, object])
def test_bad_clients(client: Any) -> None:
    with pytest.raises(InputError, match=r"^Argument `client` must be a distributed\.Client, but"):
        make_executor(client=client)
