"""Make the figures of a paper, and test its claims."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opendicke.cli.application import app, interruptible
from opendicke.cli.completing import names_of_figures, names_of_papers, names_of_scales
from opendicke.cli.options import AsJson, DryRun, Overwrite, Workers
from opendicke.cli.output import answer, note, say


@app.command()
def paper(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The paper.  [default: list all]",
            show_default=False,
            autocompletion=names_of_papers,
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Argument(
            help="One figure, or `claims`.  [default: all figures, then the claims]",
            show_default=False,
            autocompletion=names_of_figures,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="How large: smoke, paper (as published) or beyond.  [default: paper]",
            autocompletion=names_of_scales,
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="The folder where to save.  [default: results/NAME]")
    ] = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make the figures of a paper again and test its claims.

    What is there already is not computed again, and an interrupted run goes on.
    """
    from opendicke.errors import InputError
    from opendicke.papers import find_paper
    from opendicke.papers.catalogue import CLAIMS

    if name is None:
        if overwrite or dry_run or any(option is not None for option in (scale, store, workers)):
            raise InputError("NAME", "be given with options", "was missing")
        _list_papers()
        return
    chosen = find_paper(name)
    size = chosen.scale(scale or "paper")
    if figure is not None and figure != CLAIMS:
        chosen.figure(figure)
    names = [item.name for item in chosen.figures] if figure is None else []

    from opendicke.papers.making import Workshop

    folder = store or Path("results") / name
    workshop = Workshop(chosen, size, folder, overwrite=overwrite, workers=workers)
    names = [*names, CLAIMS] if figure is None else [figure]
    workshop.check(names)
    seconds = workshop.seconds(names)
    cost = workshop.cost(seconds)
    if cost or dry_run:
        say("\n".join(cost or [f"Everything is there in {folder}."]))
    answer(command="paper", paper=name, scale=size.name, folder=str(folder), to_be_made=seconds)
    if dry_run:
        answer(dry_run=True)
        return
    made: list[dict[str, Any]] = []
    answer(made=made)
    with interruptible():
        for item in workshop.make(names):
            verb = "was already complete in" if item.reused else "saved in"
            say(f"{item.name:<12} {verb} {item.store} (.nc, .csv); shown in {item.shown}")
            if item.text:
                say(item.text)
            for text in item.notes:
                note(text)
            made.append(
                {
                    "name": item.name,
                    "store": str(item.store),
                    "shown": str(item.shown),
                    "reused": item.reused,
                }
            )


def _list_papers() -> None:
    from opendicke.papers import find_paper, known_papers
    from opendicke.papers.catalogue import CLAIMS

    listed = []
    for known in known_papers():
        found = find_paper(known)
        say(f"{known}  {found.title}")
        for item in found.figures:
            say(f"  {item.name:<12} {item.title}")
        say(f"  {CLAIMS:<12} What the paper says, put to the test")
        listed.append(
            {
                "name": known,
                "title": found.title,
                "reference": found.reference,
                "scales": list(found.scales),
                "figures": {item.name: item.title for item in found.figures},
            }
        )
    answer(command="paper", papers=listed)
