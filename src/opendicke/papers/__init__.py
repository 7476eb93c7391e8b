"""The papers behind the library: their figures made again, their claims put to the test."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from opendicke.errors import InputError, nearest

if TYPE_CHECKING:
    from opendicke.papers.catalogue import Paper

_HOME = {
    "carollo2021": "opendicke.papers.carollo2021",
    "fiorelli2020": "opendicke.papers.fiorelli2020",
    "kelly2021": "opendicke.papers.kelly2021",
}


def known_papers() -> tuple[str, ...]:
    """Names of the papers, as the command line takes them."""
    return tuple(_HOME)


def find_paper(name: str) -> Paper:
    """A paper by its name; neither its simulations nor a solver are loaded yet.

    Raises
    ------
    InputError
        If there is no such paper.
    """
    if name not in _HOME:
        raise InputError("name", "be a known paper", nearest(name, _HOME))
    paper: Paper = import_module(_HOME[name]).PAPER
    return paper
