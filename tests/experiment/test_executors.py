"""Executors of this machine: the same answers whoever gives them, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import executor_work as work
from opendicke.errors import InputError, StoreError
from opendicke.experiment.executors import Failure, InProcess, LocalPool, make_executor
from opendicke.experiment.executors_base import WORTH, Bundles, sentence, solve_some
from opendicke.experiment.executors_worker import thread_settings

JOB = {"factor": 3, "seconds": 0.0}
TESTS = Path(work.__file__).parent


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    """Two workers, which tests that harm none of them share."""
    with LocalPool(2) as made:
        yield made


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Until the condition holds, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def processes(executor: LocalPool) -> list[int]:
    return [worker.process.pid for worker in executor._staff]


def test_in_this_process() -> None:
    groups = work.groups_of(5)
    with InProcess() as executor:
        answers = list(executor.run(JOB, groups, work.squares))
    assert [group for group, _ in answers] == groups
    assert dict(answers) == work.expected(JOB, groups)
    assert (executor.name, executor.workers) == ("this process", 1)


def test_this_process_yields_each_at_once() -> None:
    """A group is solved only when the one before has been taken: an interrupt costs one group."""
    solved = []

    def notes(job: Any, groups: Any) -> list[bytes]:
        solved.append(groups[0])
        return work.squares(job, groups)

    answers = InProcess().run(JOB, work.groups_of(5), notes)
    next(answers)
    next(answers)
    assert solved == work.groups_of(2)


def test_shares_of_a_group_are_reported() -> None:
    said: list[float] = []

    def reports(job: Any, groups: Any, progress: Any) -> list[bytes]:
        progress(0.5)
        return work.squares(job, groups)

    list(InProcess().run(JOB, work.groups_of(3), reports, said.append))
    assert said == [0.5] * 3


def test_interrupts_are_not_answers() -> None:
    def interrupted(job: Any, groups: Any) -> list[bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(InProcess().run(JOB, work.groups_of(2), interrupted))


@pytest.mark.parametrize("workers", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_same_answers_for_any_number_of_workers(workers: int) -> None:
    groups = work.groups_of(300)
    with LocalPool(workers) as executor:
        answers = list(executor.run(JOB, groups, work.squares))
        assert len(processes(executor)) == workers
    assert len(answers) == 300
    assert dict(answers) == work.expected(JOB, groups)


def test_errors_are_answers(pool: LocalPool) -> None:
    """Group 3 holds cell 6; the others do not notice."""
    groups = work.groups_of(40)
    for executor in (InProcess(), pool):
        answers = dict(executor.run(JOB, groups, work.picky_squares))
        assert answers.pop(groups[3]) == Failure("ValueError: six is not welcome")
        rest = [group for group in groups if group != groups[3]]
        assert answers == work.expected(JOB, rest)


def test_workers_work_side_by_side(pool: LocalPool) -> None:
    """Twelve groups of 0.3 s on two workers that are there already."""
    list(pool.run(JOB, work.groups_of(2), work.squares))
    groups = work.groups_of(12)
    start = time.monotonic()
    answers = dict(pool.run({"factor": 2, "seconds": 0.3}, groups, work.slow_squares))
    assert time.monotonic() - start < 0.85 * 12 * 0.3
    assert answers == work.expected({"factor": 2}, groups)


@pytest.mark.slow
def test_workers_go_on_while_the_parent_writes(pool: LocalPool) -> None:
    """They have bundles at hand: writing for as long as they compute costs nothing."""
    list(pool.run(JOB, work.groups_of(2), work.squares))
    start = time.monotonic()
    for _ in pool.run({"factor": 2, "seconds": 0.3}, work.groups_of(16), work.slow_squares):
        time.sleep(0.14)
    assert time.monotonic() - start < 0.8 * (16 * 0.15 + 16 * 0.14)


def test_small_groups_share_messages(pool: LocalPool) -> None:
    """Ten thousand groups that cost next to nothing: much less than 5 ms for each."""
    groups = work.groups_of(10_000, size=1)
    start = time.monotonic()
    answers = dict(pool.run(JOB, groups, work.squares))
    assert (time.monotonic() - start) / len(groups) < 2e-3
    assert answers == work.expected(JOB, groups)


def test_large_answers(pool: LocalPool) -> None:
    """More than a pipe holds, also while nobody listens."""
    groups = work.groups_of(20, size=1)
    answers = {}
    for group, answer in pool.run({"bytes": 3_000_000}, groups, work.large):
        time.sleep(0.01)
        answers[group] = answer
    assert answers == {group: bytes([i]) * 3_000_000 for i, group in enumerate(groups)}


def test_workers_stay_for_the_next_run(pool: LocalPool) -> None:
    """And get its job."""
    groups = work.groups_of(6)
    list(pool.run(JOB, groups, work.squares))
    before = processes(pool)
    for factor in (2, 5):
        job = {"factor": factor}
        assert dict(pool.run(job, groups, work.squares)) == work.expected(job, groups)
    assert processes(pool) == before


def test_no_groups(pool: LocalPool) -> None:
    assert list(pool.run(JOB, [], work.squares)) == []
    assert list(InProcess().run(JOB, [], work.squares)) == []


def test_groups_are_read_when_they_are_handed_out(pool: LocalPool) -> None:
    """In the thread that asks for the answers: what they read from a store is safe."""
    read: list[tuple[int, int]] = []

    class Lazy(list[work.Group]):
        def __getitem__(self, number: Any) -> Any:
            read.append((number, threading.get_ident()))
            return super().__getitem__(number)

    groups = Lazy(work.groups_of(60))
    answers = pool.run({"factor": 1, "seconds": 0.05}, groups, work.slow_squares)
    got = [next(answers)]
    assert len(read) < 40
    got += list(answers)
    assert {thread for _, thread in read} == {threading.get_ident()}
    assert dict(got) == work.expected({"factor": 1}, list(groups))


def test_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opendicke.experiment.executors_local.cores", lambda: 2)
    before = dict(os.environ)
    with LocalPool(2) as executor:
        ((_, answer),) = executor.run(JOB, work.groups_of(1), work.settings)
    assert isinstance(answer, bytes), answer
    assert answer.decode() == repr((["1", "1", "1"], [1], 1))
    assert dict(os.environ) == before


def test_more_workers_than_cores_have_one_core_each() -> None:
    with LocalPool(1000) as executor:
        assert executor._threads == 1
        assert executor._staff == []
    assert set(thread_settings(1).values()) == {"1", "false"}


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """Killed from outside in the middle of its work: nothing is missing, nothing is doubled."""
    job = {"factor": 3, "seconds": 0.03, "notes": str(tmp_path)}
    groups = work.groups_of(100)
    with LocalPool(2) as executor:
        run = executor.run(job, groups, work.noted_squares)
        answers = [next(run) for _ in range(10)]
        first, second = processes(executor)
        os.kill(first, signal.SIGKILL)
        answers += list(run)
        assert first not in processes(executor)
        assert second in processes(executor)
    assert len(answers) == 100
    assert dict(answers) == work.expected(job, groups)
    assert {int(note.name) for note in tmp_path.iterdir()} >= {first, second}


@pytest.mark.slow
def test_many_kills(tmp_path: Path) -> None:
    """A worker dies every tenth of a second or so; each group still gets its answer."""
    job = {"factor": 3, "seconds": 0.02, "notes": str(tmp_path)}
    groups = work.groups_of(300)
    with LocalPool(3) as executor:
        answers, last = [], time.monotonic()
        for answer in executor.run(job, groups, work.noted_squares):
            answers.append(answer)
            if time.monotonic() - last > 0.4:
                os.kill(processes(executor)[0], signal.SIGKILL)
                last = time.monotonic()
    assert len(answers) == 300
    good = {group: answer for group, answer in answers if isinstance(answer, bytes)}
    assert good.items() <= work.expected(job, groups).items()
    assert len(good) >= 298


def test_a_group_that_kills_its_worker_once(tmp_path: Path) -> None:
    job = {"factor": 3, "seconds": 0.001, "notes": str(tmp_path)}
    groups = work.groups_of(30)
    with LocalPool(1) as executor:
        answers = dict(executor.run(job, groups, work.once_deadly_squares))
    assert answers == work.expected(job, groups)
    assert list(tmp_path.iterdir())


def test_a_group_that_always_kills_its_worker(tmp_path: Path) -> None:
    """Three times and no more; its neighbours, in the same message too, are solved."""
    job = {"factor": 3, "seconds": 0.0, "notes": str(tmp_path)}
    groups = work.groups_of(50)
    with LocalPool(2) as executor:
        list(executor.run(job, work.groups_of(3), work.squares))
        answers = dict(executor.run(job, groups, work.deadly_squares))
    assert answers.pop(groups[3]) == Failure("3 worker processes ended on it (signal 9)")
    assert answers == work.expected(job, [g for g in groups if g != groups[3]])
    assert len(list(tmp_path.iterdir())) == 3


def test_an_abandoned_run_ends_its_workers() -> None:
    """At once, although they are busy for half a minute; the next run gets new ones."""
    with LocalPool(2) as executor:
        run = executor.run({"factor": 1, "seconds": 30.0}, work.groups_of(4), work.slow_squares)
        threading.Timer(0.8, signal.raise_signal, (signal.SIGINT,)).start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            next(run)
        assert time.monotonic() - start < 10.0
        assert executor._staff == []
        answers = dict(executor.run(JOB, work.groups_of(4), work.squares))
    assert answers == work.expected(JOB, work.groups_of(4))
    executor.close()  # a second time


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import executor_work as work
from opendicke.experiment.executors import LocalPool

if __name__ == "__main__":
    job = {{"factor": 1, "seconds": 0.2, "notes": {notes!r}}}
    with LocalPool(2) as executor:
        for group, answer in executor.run(job, work.groups_of(1000), work.noted_squares):
            print("answer", flush=True)
"""


def start_script(folder: Path, text: str = SCRIPT) -> subprocess.Popen[str]:
    """A run of its own, in a session of its own, as a terminal would have it."""
    notes = folder / "notes"
    notes.mkdir()
    script = folder / "script.py"
    script.write_text(text.format(tests=str(TESTS), notes=str(notes)))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_no_orphans(tmp_path: Path) -> None:
    """The parent is killed without a chance to clean up: its workers end by themselves."""
    parent = start_script(tmp_path)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "answer\n"
    wait_for(lambda: len(list((tmp_path / "notes").iterdir())) == 2)
    workers = [int(note.name) for note in (tmp_path / "notes").iterdir()]
    assert all(alive(worker) for worker in workers)
    parent.kill()
    parent.communicate()
    wait_for(lambda: not any(alive(worker) for worker in workers), 10.0)


def test_interrupts_reach_the_parent_alone(tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal: one traceback, from the parent."""
    parent = start_script(tmp_path)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "answer\n"
    wait_for(lambda: len(list((tmp_path / "notes").iterdir())) == 2)
    workers = [int(note.name) for note in (tmp_path / "notes").iterdir()]
    start = time.monotonic()
    os.killpg(parent.pid, signal.SIGINT)
    _, said = parent.communicate(timeout=10)
    assert time.monotonic() - start < 10.0
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not any(alive(worker) for worker in workers)


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    """Workers import the script; one that then asks for workers itself is told how to do better."""
    parent = start_script(tmp_path, SCRIPT.replace('if __name__ == "__main__":', "if True:"))
    _, said = parent.communicate(timeout=30)
    assert parent.returncode == 1
    assert said.rstrip().endswith(
        "StoreError: Worker processes end before they begin (exit code 1); in a script, ask for "
        'workers below `if __name__ == "__main__":`, since they import the script.'
    )


def test_a_job_that_cannot_be_sent(pool: LocalPool) -> None:
    with pytest.raises(InputError, match="must be made of parts that can be sent to other proc"):
        pool.run({"factor": lambda: 3}, work.groups_of(2), work.squares)


def test_a_job_that_cannot_be_read(pool: LocalPool) -> None:
    with pytest.raises(InputError, match=r"loaded in other processes.*\(RuntimeError: no reading"):
        list(pool.run(work.Loadless(), work.groups_of(2), work.squares))
    groups = work.groups_of(3)
    assert dict(pool.run(JOB, groups, work.squares)) == work.expected(JOB, groups)


def test_the_executor_that_was_asked_for() -> None:
    assert isinstance(make_executor(), InProcess)
    with make_executor(workers=3) as executor:
        assert isinstance(executor, LocalPool)
        assert (executor.workers, executor.name) == (3, "3 worker processes")
    assert make_executor(workers=1).name == "1 worker process"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"workers": 0}, "Argument `workers` must be at least 1, but was 0."),
        ({"workers": 2.0}, "Argument `workers` must be an integer, but was 2.0."),
        ({"workers": 10**9}, "Argument `workers` must be at most 1024, but was 1000000000."),
        (
            {"workers": 2, "scheduler": "tcp://10.0.0.1:8786"},
            "Argument `workers` must be the only one of its kind, "
            "but `scheduler` was given as well.",
        ),
    ],
)
def test_wishes_that_cannot_be_met(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        make_executor(**wish)
    assert str(caught.value) == said


def test_clusters_need_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StoreError, match=r'install it with: pip install "opendicke\[cluster\]"\.$'):
        make_executor(scheduler="tcp://127.0.0.1:8786")


def test_executors_load_no_solver() -> None:
    program = (
        "import sys, opendicke.experiment.executors\n"
        "print({'jax', 'numba', 'distributed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_bundles_are_worth_a_message() -> None:
    """One by one until the time is known, then a fifth of a second, fewer at the end."""
    bundles = Bundles(1000)
    assert bundles.take(2) == [0]
    bundles.learn(WORTH / 50, 1)
    assert bundles.take(2) == list(range(1, 51))
    bundles.learn(10 * 50 * WORTH, 50)
    assert bundles.take(2) == [51]
    cheap = Bundles(100)
    cheap.learn(1e-9, 1)
    sizes = []
    while cheap:
        sizes.append(len(cheap.take(2)))
    assert sizes[:4] == [25, 19, 14, 11]
    assert sizes[-3:] == [1, 1, 1]
    assert sum(sizes) == 100


def test_what_comes_back_is_handed_out_first() -> None:
    bundles = Bundles(10)
    bundles.learn(1e-9, 1)
    assert bundles.take(1) == [0, 1, 2, 3, 4]
    bundles.put_back([3, 4])
    bundles.put_back([1, 2], alone=True)
    assert len(bundles) == 9
    assert [bundles.take(1), bundles.take(1), bundles.take(1)] == [[1], [2], [3, 4, 5, 6]]


def test_a_bundle_that_takes_long_is_cut() -> None:
    """Groups grow with a swept size: what seemed cheap is not sat through."""
    groups = work.groups_of(100)
    answers, seconds = solve_some({"factor": 1, "seconds": 0.2}, groups, work.slow_squares)
    assert len(answers) == 3
    assert seconds == pytest.approx(0.6, abs=0.3)
    answers, _ = solve_some({"bytes": 20_000_000}, groups, work.large)
    assert len(answers) == 2


def test_errors_in_one_line() -> None:
    assert sentence(ValueError("one\n  two")) == "ValueError: one two"
    assert sentence(MemoryError()) == "MemoryError"
    assert len(sentence(ValueError("x" * 5000))) < 320
