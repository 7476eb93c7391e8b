"""The application: its options, its errors, how it ends."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from opendicke.cli import output
from opendicke.cli.completing import VARIABLE
from opendicke.cli.output import say

DONE = 0
BAD_INPUT = 2
NOT_ALL_WELL = 3
INTERRUPTED = 130

_EPILOG = """\b
Exit codes:
  0    done
  1    an error of the program itself, with a traceback: please report it
  2    bad input; a store, file or workers that cannot be used; a method that refuses
  3    done, but some members or methods did not end well
  130  interrupted; what is finished is kept

\b
Start with:
  opendicke new first.toml
  opendicke run first.toml

With --json a command answers with one JSON object. Results go to standard output, errors and
progress to standard error. NO_COLOR=1 turns colours off."""

_FIRST_SCREEN = """\
opendicke: open, disordered, multimode Dicke (spin-boson) models

  opendicke new first.toml               write a commented experiment file to start from
  opendicke run first.toml               run it: a dataset and a figure in results/
  opendicke advise first.toml            which methods hold for its parameters, and what they cost
  opendicke show results/first.zarr      what came out, and where it comes from

opendicke --help lists all commands; opendicke COMMAND --help explains one."""

app = typer.Typer(
    name="opendicke",
    help="Simulate open, disordered, multimode Dicke (spin-boson) models.",
    epilog=_EPILOG,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: readable on any background, and fast
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"opendicke {version('opendicke')}")
        raise typer.Exit


@app.callback()
def _main(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command; without one, where to start."""
    output.called(ctx.invoked_subcommand)
    if ctx.invoked_subcommand is None:
        say(_FIRST_SCREEN)


class InterruptedRunError(Exception):
    """An interruption that says how to go on; typer would swallow the words."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Keep the words of an interruption of what is done inside."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise InterruptedRunError(str(interruption)) from None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code.

    0: done; 2: bad input, or a store or workers that cannot be used; 3: done, but some members or
    methods did not end well; 130: interrupted.
    """
    from opendicke.errors import InputError, StoreError, ValidityError

    words = sys.argv[1:] if arguments is None else arguments
    output.begin(machine="--json" in words)
    if VARIABLE in os.environ:
        from opendicke.cli.completing import ready

        ready()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = output.note
            outcome = app(
                args=arguments,
                prog_name="opendicke",
                complete_var=VARIABLE,
                standalone_mode=False,
            )
    except (InputError, StoreError, ValidityError) as error:
        return _refused(str(error), **_parts_of(error))
    except InterruptedRunError as interruption:
        return _interrupted(str(interruption))
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted("")
    except Exception as error:
        shown = getattr(error, "format_message", None)  # a usage error of the command line
        if shown is None:
            raise
        return _refused(shown(), code=int(getattr(error, "exit_code", 2)), kind="UsageError")
    if outcome == INTERRUPTED:  # also how typer reports it
        return _interrupted("")
    return output.finish(outcome if isinstance(outcome, int) else DONE)


def _parts_of(error: Exception) -> dict[str, Any]:
    """The kind of an error, and the parts of its sentence where it has some."""
    names = ("argument", "requirement", "received")
    parts = {name: getattr(error, name) for name in names if hasattr(error, name)}
    return {"kind": type(error).__name__} | parts


def _refused(text: str, *, code: int = BAD_INPUT, **parts: Any) -> int:
    output.complain(text)
    return output.finish(code, {"message": output.sentence(text)} | parts)


def _interrupted(text: str) -> int:
    told = f"Interrupted{': ' if text else ''}{text}"
    output.complain(told, word="")
    message = output.sentence(told)
    return output.finish(INTERRUPTED, {"message": message, "kind": "KeyboardInterrupt"})


def script() -> None:
    """The `opendicke` command."""
    # A stream that the shell has closed takes what is said all the same.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has had enough, as in `opendicke show … | head`
        _drop_output()
        code = 1
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _drop_output()
        sys.stderr.write(f"Error: the answer could not be written: {error.strerror}.\n")
        code = BAD_INPUT
    sys.exit(code)


def _drop_output() -> None:
    """What waits to be written goes nowhere, so that the end of the process is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG)
"""Errors of writing to standard output."""
