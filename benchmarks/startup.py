"""How long a user waits before anything happens, against importing NumPy, and an empty process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from table import Row
from timing import Task, paired

REPEATS = 21


def _process(*command: str) -> Task:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def rows() -> Iterator[Row]:
    """Import, and the help of the command line, each as a whole process."""
    numpy = _process(sys.executable, "-c", "import numpy")
    empty = _process(sys.executable, "-c", "pass")
    shown = {
        "import opendicke": _process(sys.executable, "-c", "import opendicke"),
        "opendicke --help": _process(str(Path(sys.executable).with_name("opendicke")), "--help"),
    }
    for name, task in shown.items():
        against = paired(task, numpy, REPEATS)
        yield Row(f"start-up: `{name}`", "process", '`python -c "import numpy"`', against, "numpy")
    for name, task in shown.items():
        yield Row(f"start-up: `{name}`", "process", "empty process", paired(task, empty, REPEATS))
