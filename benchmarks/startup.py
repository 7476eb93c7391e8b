"""How long a user waits before anything happens, against an empty Python process."""

from __future__ import annotations

import subprocess
import sys

from timing import Task, paired


def _process(*arguments: str) -> Task:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def rows() -> list[str]:
    """Start of the command line and of the import."""
    empty = _process("-c", "pass")
    shown = {
        "opendicke --help": _process("-m", "opendicke.cli", "--help"),
        "import opendicke": _process("-c", "import opendicke"),
    }
    return [
        paired(task, empty).row(name, "process", "empty process") for name, task in shown.items()
    ]
