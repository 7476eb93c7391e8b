"""All benchmarks: `make bench` measures, keeps the numbers, and writes the tables of README.md.

    python benchmarks/run.py [PART …] [--fresh] [--quick] [--tables]

Parts named are measured; without a name, all that were not yet measured with this code, these
versions and this machine. Each part runs in a process of its own, and its numbers are kept in
results.json as soon as it ends: a run that is interrupted goes on where it was, and a part that
fails leaves the others alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from table import environment, tables

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE / "README.md"
BEGIN, END = "<!-- tables: written by make bench -->\n", "<!-- end of tables -->\n"
FORMAT = 1

PARTS = {
    "startup": 1.0,
    "reduction": 0.5,
    "sweep": 1.5,
    "diagram": 4.0,
    "wigner": 9.0,
    "rates": 2.0,
    "master_equation": 4.0,
    "kinetic_monte_carlo": 3.0,
    "exact": 6.0,
    "ensembles": 7.0,
}
"""In this order, with rough minutes on two cores, where they were not yet measured."""


def digest(part: str) -> str:
    """Of everything that a part's numbers depend on in this repository."""
    made = hashlib.sha256()
    code = sorted((HERE.parent / "src").rglob("*.py"))
    for file in [*code, HERE / f"{part}.py", HERE / "timing.py"]:
        made.update(file.read_bytes())
    return made.hexdigest()[:16]


def known() -> dict[str, Any]:
    """What was measured, by part."""
    if not RESULTS.exists():
        return {}
    data = json.loads(RESULTS.read_text(encoding="utf-8"))
    if data["format"] != FORMAT:
        raise SystemExit(f"{RESULTS} has format {data['format']}, not {FORMAT}: measure again")
    return dict(data["parts"])


def keep(parts: dict[str, Any]) -> None:
    """Write all parts, whole or not at all."""
    ordered = {name: parts[name] for name in PARTS if name in parts}
    text = json.dumps({"format": FORMAT, "parts": ordered}, indent=1, ensure_ascii=False)
    fresh = RESULTS.with_suffix(".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(RESULTS)


def is_current(part: str, parts: dict[str, Any]) -> bool:
    """Whether a part was measured with this code, these versions and this machine."""
    old = parts.get(part)
    return bool(old) and old["digest"] == digest(part) and old["environment"] == environment()


def measure(part: str, quick: bool = False) -> dict[str, Any] | None:
    """Numbers of a part from a process of its own, or None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "part.json"
        command = [sys.executable, str(HERE / "measure.py"), part, str(file)]
        settings = os.environ | {"OPENDICKE_BENCH_QUICK": "1" if quick else "0"}
        done = subprocess.run(command, env=settings, check=False)
        if done.returncode or not file.exists():
            return None
        return dict(json.loads(file.read_text(encoding="utf-8")))


def minutes(parts: list[str], old: dict[str, Any]) -> float:
    """How long they will take, as far as is known."""
    return sum(old[name]["seconds"] / 60 if name in old else PARTS[name] for name in parts)


def write_page(parts: dict[str, Any]) -> None:
    """Put the tables into their place on the page."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    PAGE.write_text(head + BEGIN + "\n" + tables(parts, PARTS) + "\n" + END + tail, "utf-8")


def check(names: list[str]) -> int:
    """Every part as small as it can be: that it works, and no numbers."""
    failed = []
    for name in names:
        start = time.monotonic()
        made = measure(name, quick=True)
        if made is None:
            failed.append(name)
            continue
        lines = len(made["rows"]) + len(made["findings"])
        print(f"{name}: works, {lines} lines, {time.monotonic() - start:.0f} s", flush=True)
    return report(failed)


def report(failed: list[str]) -> int:
    """Say which parts failed, in the exit status as well."""
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py", description="Speed beside other software, as ratios."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--fresh", action="store_true", help="measure again what is known already")
    parser.add_argument("--quick", action="store_true", help="only see that all parts work")
    parser.add_argument("--tables", action="store_true", help="measure nothing, write the tables")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    names = [name for name in PARTS if not asked.parts or name in asked.parts]
    if asked.quick:
        return check(names)
    results, failed = known(), []
    if not asked.tables:
        wanted = names
        if not asked.parts and not asked.fresh:
            wanted = [name for name in names if not is_current(name, results)]
        for name in names:
            if name not in wanted:
                print(f"{name}: known already (--fresh measures it again)", file=sys.stderr)
        # Once, beforehand: later it counts the benchmarks themselves.
        load = os.getloadavg()[0]
        total = minutes(wanted, results)
        print(f"{len(wanted)} parts, about {total:.0f} min on a quiet machine", file=sys.stderr)
        for name in wanted:
            print(f"{name}: about {minutes([name], results):.1f} min", file=sys.stderr, flush=True)
            mark, made = digest(name), measure(name)
            if made is None:
                failed.append(name)
                continue
            results[name] = made | {"digest": mark, "load": load}
            keep(results)
    if results:
        write_page(results)
        print(tables(results, PARTS))
    return report(failed)


if __name__ == "__main__":
    sys.exit(main())
