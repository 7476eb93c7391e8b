"""Completion of names in shells, and the script that turns it on."""

from __future__ import annotations

from typing import Annotated

import typer

METHODS = (
    "mean-field",
    "truncated-wigner",
    "rate-equation",
    "kinetic-monte-carlo",
    "lindblad",
    "quantum-jumps",
    "auto",
)
"""Names of methods in experiment files, known without loading any of them."""
SCALES = ("smoke", "paper", "beyond")
"""Of every paper."""
SHELLS = ("bash", "zsh", "fish", "powershell")
VARIABLE = "_OPENDICKE_COMPLETE"
"""The environment variable through which a shell asks."""


def names_of_validities() -> list[str]:
    """What can be done where a method does not hold."""
    return ["refuse", "warn", "ignore"]


def names_of_methods(incomplete: str) -> list[str]:
    """Names of methods."""
    return [name for name in METHODS if name.startswith(incomplete)]


def lists_of_methods(incomplete: str) -> list[str]:
    """Names of methods, the last one of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    left = [name for name in METHODS if name not in (*before.split(","), "auto")]
    return [f"{before}{comma}{name}" for name in left if name.startswith(last)]


def names_of_papers(incomplete: str) -> list[str]:
    """Names of papers."""
    from opendicke.papers import known_papers

    return [name for name in known_papers() if name.startswith(incomplete)]


def names_of_figures(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the figures of the paper that stands before."""
    from opendicke.errors import InputError
    from opendicke.papers import find_paper
    from opendicke.papers.catalogue import CLAIMS

    try:
        figures = find_paper(str(ctx.params.get("name"))).figures
    except InputError:
        return []
    names = [*(figure.name for figure in figures), CLAIMS]
    return [name for name in names if name.startswith(incomplete)]


def names_of_scales(incomplete: str) -> list[str]:
    """Names of the scales of papers."""
    return [name for name in SCALES if name.startswith(incomplete)]


def names_of_shells(incomplete: str) -> list[str]:
    """Names of shells."""
    return [name for name in SHELLS if name.startswith(incomplete)]


def ready() -> None:
    """Let the answers to a shell be in the form that the scripts below expect."""
    from typer._completion_classes import completion_init

    completion_init()


def completion(
    shell: Annotated[
        str,
        typer.Argument(help="bash, zsh, fish or powershell.", autocompletion=names_of_shells),
    ],
) -> None:
    """Print the script that completes words in a shell.

    In bash or zsh: eval "$(opendicke completion bash)", in the file that the shell reads at its
    start. In fish: opendicke completion fish > ~/.config/fish/completions/opendicke.fish
    """
    from typer._completion_shared import get_completion_script

    from opendicke.cli.output import say
    from opendicke.errors import InputError, nearest

    if shell not in SHELLS:
        raise InputError("SHELL", "be a known shell", nearest(shell, SHELLS))
    say(get_completion_script(prog_name="opendicke", complete_var=VARIABLE, shell=shell))
