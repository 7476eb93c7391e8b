"""The machinery of benchmarks: what ratios mean, tables, runs that go on. No clock is judged."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ("timing", "table", "run", "startup")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of benchmarks/, as their commands find them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delenv("OPENDICKE_BENCH_QUICK", raising=False)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    for name in NAMES:
        sys.modules.pop(name, None)


def measured(bench: SimpleNamespace, **changed: Any) -> dict[str, Any]:
    """A part as it is kept, with numbers made up."""
    pair = bench.timing.pair_of([(2.0, 8.0), (2.0, 4.0), (1.0, 8.0)])
    slow = bench.timing.pair_of([(0.03, 0.006)])
    found = [
        bench.table.Row("two spins", "ours", "mesolve", pair, "qutip", 1e-9, 2e-6, "CPU"),
        bench.table.Row("one spin", "ours", "a floor", slow),
        bench.table.Finding("memory", "9 vectors"),
    ]
    told = {"environment": bench.table.environment(), "date": "2026-01-31", "load": 0.0}
    return told | {"seconds": 120.0, "digest": "x"} | bench.table.as_data(found) | changed


def test_a_ratio_is_the_peers_time_over_ours(bench: SimpleNamespace) -> None:
    """Medians of each, and of the ratios pair by pair."""
    pair = bench.timing.pair_of([(2.0, 8.0), (2.0, 4.0), (1.0, 8.0)])
    assert pair == (2.0, 8.0, 4.0, 2.0, 8.0, 3)
    ticks = iter(range(100))
    order: list[str] = []
    made = bench.timing.paired(
        lambda: order.append("ours"), lambda: order.append("peer"), 2, lambda: next(ticks)
    )
    assert order == ["ours", "peer"] * 3  # of which the first are not timed
    assert made == (1.0, 1.0, 1.0, 1.0, 1.0, 2)


def test_numbers_are_written_to_be_read(bench: SimpleNamespace) -> None:
    """Ratios below one as what they cost us, times in handy units."""
    assert [bench.table.quotient(x) for x in (1.0, 3.14159, 0.2, 12345.6)] == [
        *("1", "3.14", "1/5", "12,300"),
    ]
    times = (123.4, 1.0, 0.0123, 4.56e-6, 7.8e-9)
    assert [bench.table.duration(x) for x in times] == [
        *("123 s", "1 s", "12.3 ms", "4.56 µs", "7.8 ns"),
    ]


def test_tables_begin_with_the_ratio_and_name_whom_they_beat(bench: SimpleNamespace) -> None:
    """Peers with their versions apart from floors; errors, clock and machine are told."""
    part = json.loads(json.dumps(measured(bench)))
    versions = part["environment"]["versions"]
    shown = bench.table.tables({"exact": part}, ["startup", "exact"])
    peer = f"QuTiP {versions['qutip']}: mesolve: 8 s (error 2.0e-06)"
    line = f"| 4 (2 – 8) | two spins; CPU time | ours: 2 s (error 1.0e-09) | {peer} |"
    beside, own = shown.split("**Beside a floor")
    assert line in beside.splitlines()
    assert "| 1/5 (once) | one spin | ours: 30 ms | a floor: 6 ms |" in own.splitlines()
    assert "| memory | 9 vectors |" in own.splitlines()
    assert "Not measured: startup." in shown
    told = f"Measured on 2026-01-31: {part['environment']['processor']}"
    assert told in shown
    assert all(f"{n} {v}" in shown for n, v in [("NumPy", versions["numpy"])])


def test_other_work_and_other_machines_are_told(bench: SimpleNamespace) -> None:
    """Nothing measured on a busy machine, or on two, looks as if it were not."""
    busy = measured(bench, load=1.7)
    other = measured(bench, date="2026-02-01")
    shown = bench.table.tables({"exact": busy, "rates": other}, ["exact", "rates"])
    assert "- exact: Measured on 2026-01-31 while the machine had other work" in shown
    assert "- rates: Measured on 2026-02-01:" in shown


def test_unknown_software_is_refused(bench: SimpleNamespace) -> None:
    """A peer without a version would be no peer."""
    with pytest.raises(ValueError, match="mystery"):
        bench.table.Row("a", "b", "c", bench.timing.pair_of([(1.0, 1.0)]), "mystery")


def test_runs_go_on_and_failures_stay_alone(
    bench: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is current is kept, what failed is reported, everything else is measured and kept."""
    run = bench.run
    page = tmp_path / "README.md"
    page.write_text(f"Before.\n{run.BEGIN}old\n{run.END}After.\n")
    monkeypatch.setattr(run.os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(run, "PAGE", page)
    asked: list[str] = []
    failing = {"rates"}

    def measure(part: str, quick: bool = False) -> dict[str, Any] | None:
        asked.append(part)
        return None if part in failing else measured(bench)

    monkeypatch.setattr(run, "measure", measure)
    assert run.main([]) == 1
    assert asked == list(run.PARTS)
    assert "failed: rates" in capsys.readouterr().err
    assert set(run.known()) == set(run.PARTS) - {"rates"}
    assert "Not measured: rates." in page.read_text()
    assert "while the machine had other work" in page.read_text()
    asked.clear()
    failing.clear()
    assert run.main([]) == 0
    assert asked == ["rates"]
    text = page.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "old" not in text
    assert "Not measured" not in text
    asked.clear()
    assert run.main(["exact"]) == 0
    assert asked == ["exact"]
    assert "1 parts, about 2 min" in capsys.readouterr().err
    asked.clear()
    monkeypatch.setattr(run, "digest", lambda part: "other" if part == "wigner" else "same")
    before = run.known()
    run.keep({name: part | {"digest": "same"} for name, part in before.items()})
    assert run.main([]) == 0
    assert asked == ["wigner"]
    with pytest.raises(SystemExit):
        run.main(["nothing"])


def test_every_part_is_a_module_with_rows(bench: SimpleNamespace) -> None:
    """And every module with rows is a part; the page lists all of them."""
    made = {f.stem for f in FOLDER.glob("*.py") if "\ndef rows()" in f.read_text(encoding="utf-8")}
    assert made == set(bench.run.PARTS)
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = page.split("| part |")[1].split(bench.run.BEGIN)[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(bench.run.PARTS)


def test_the_page_shows_what_was_measured(bench: SimpleNamespace) -> None:
    """The tables of README.md are those of results.json."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert page.count(bench.run.BEGIN) == page.count(bench.run.END) == 1
    if not bench.run.RESULTS.exists():
        pytest.skip("nothing was measured yet in this form")
    shown = page.split(bench.run.BEGIN)[1].split(bench.run.END)[0].strip()
    assert shown == bench.table.tables(bench.run.known(), bench.run.PARTS).strip()


def test_a_part_as_a_process() -> None:
    """Start-up, once each: it works, and no numbers are shown as results."""
    command = [sys.executable, str(FOLDER / "run.py"), "--quick", "startup"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"startup: works, 4 lines, \d+ s\n", done.stdout)
