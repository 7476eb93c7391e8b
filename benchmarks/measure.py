"""One part of the benchmarks in a process of its own: `python measure.py PART FILE`."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from table import Finding, Row, as_data, environment, line, today
from timing import QUICK, wall


def main(part: str, file: str) -> None:
    """Measure, show each line as it comes, and write all of them as data at the end."""
    begin = wall()
    told = environment()
    found: list[Row | Finding] = []
    for each in importlib.import_module(part).rows():
        found.append(each)
        if not QUICK:
            told_line = isinstance(each, Row)
            text = line(each, told["versions"]) if told_line else f"| {each.what} | {each.found} |"
            print(text, flush=True)
    assert found, part
    data = {"environment": told, "date": today(), "seconds": wall() - begin}
    Path(file).write_text(json.dumps(data | as_data(found)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
