"""The command line: run experiment files, show, draw and compare what came out, make a paper.

Each module registers its commands with the application when it is imported; their order in the
help is that of the imports.
"""

from __future__ import annotations

from opendicke.cli.application import app, main, script

# isort: off
from opendicke.cli import (  # noqa: F401
    starting,
    advising,
    running,
    showing,
    comparing,
    converting,
    papers,
    completing,
)
# isort: on

app.command()(completing.completion)

__all__ = ["app", "main", "script"]
