"""Which methods hold for an experiment file."""

from __future__ import annotations

from typing import Annotated

import typer

from opendicke.cli.application import app
from opendicke.cli.options import AsJson, File
from opendicke.cli.output import answer, say


@app.command()
def advise(
    file: File,
    target_error: Annotated[
        float | None,
        typer.Option(
            help="The deviation from exact that a valid method may have, 0.001 to 0.1.  "
            "[default: 0.05, or that of the file's method]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say of every method whether it holds for an experiment file, why, and what it costs."""
    from opendicke.experiment.choosing import advise_experiment
    from opendicke.experiment.experiment import Experiment

    advice = advise_experiment(Experiment.from_toml(file), target_error)
    say(advice)
    answer(command="advise", file=str(file), **advice.to_dict())
