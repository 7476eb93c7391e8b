"""Compare methods: of stored results, or on an experiment file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from opendicke.cli.application import DONE, NOT_ALL_WELL, app, interruptible
from opendicke.cli.completing import lists_of_methods, names_of_validities
from opendicke.cli.options import AsJson, Overwrite
from opendicke.cli.output import answer, note, say


@app.command()
def compare(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Two or more results, a saved comparison, or one experiment file."),
    ],
    methods: Annotated[
        str | None,
        typer.Option(
            help="With a file: methods besides its own, with commas, settings after colons: "
            "lindblad,truncated-wigner:trajectories=500",
            autocompletion=lists_of_methods,
        ),
    ] = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="With a file: ask for this (repeatable).")
    ] = None,
    realization: Annotated[
        int | None,
        typer.Option(help="With a file: which draw of random couplings.  [default: 0]"),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="The method that others are compared with.  [default: an exact one]"),
    ] = None,
    validity: Annotated[
        str | None,
        typer.Option(
            help="With a file, where a method does not hold: refuse, warn or ignore.  "
            "[default: warn]",
            autocompletion=names_of_validities,
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Save the comparison, .zarr or .nc.  [default: not]")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Where to save a figure.  [default: NAME_comparison.png]"),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Say how far methods lie apart, with errors: table and figure.

    Of stored results: what they share of times, realizations and values of a sweep. Of an
    experiment file: its model (one draw), state and times, without its sweep, by its own method
    and others.
    """
    from opendicke.errors import InputError
    from opendicke.plots.comparison import plot_comparison
    from opendicke.plots.style import check_figure_path, save_figure
    from opendicke.results.comparison import comparison_table, is_comparison, largest_differences
    from opendicke.results.store import READABLE, check_folder, check_writable, load, save

    stored = all(source.suffix in READABLE for source in sources)
    if not stored and len(sources) > 1:
        raise InputError(
            "SOURCES", "be results (.zarr, .nc, .csv), or one experiment file", "was mixed"
        )
    if store is not None:
        check_writable(store, overwrite=overwrite)
    name = f"{sources[0].stem}_comparison.png"
    figure = figure or (sources[0].with_name(name) if stored else Path("results") / name)
    check_folder(check_figure_path(figure))
    if stored:
        asked = {
            "--methods": methods,
            "--observable": observable or None,
            "--realization": realization,
            "--validity": validity,
        }
        for option, given in asked.items():
            if given is not None:
                raise InputError(option, "come with an experiment file", "came with results")
        datasets = [load(source) for source in sources]
        if len(datasets) == 1 and is_comparison(datasets[0]):
            found = datasets[0]
        else:
            found = _side_by_side(sources, datasets, reference)
    else:
        with interruptible():
            draw, how = realization or 0, validity or "warn"
            found = _asked(sources[0], methods, observable, draw, reference, how)
    say(comparison_table(found))
    if store is not None:
        save(found, store, overwrite=overwrite)
        say(f"comparison saved in {store}")
    save_figure(plot_comparison(found), figure)
    say(f"figure saved in {figure}")
    answer(
        command="compare",
        reference=found.attrs["reference"],
        methods=_methods(found),
        largest_differences=largest_differences(found),
        store=None if store is None else str(store),
        figure=str(figure),
    )
    return DONE if bool((found["status"] == 1).all()) else NOT_ALL_WELL


def _side_by_side(sources: Sequence[Path], datasets: list[Any], reference: str | None) -> Any:
    """Results with the names of their stores as labels, where methods do not tell them apart."""
    from opendicke.errors import InputError
    from opendicke.results.comparison_stored import compare_results, method_name

    if len(datasets) < 2:
        raise InputError("SOURCES", "be two results or more, or a saved comparison", "was one")
    names = [method_name(dataset) for dataset in datasets]
    if len(set(names)) < len(names):
        stems = [source.stem for source in sources]
        names = stems if len(set(stems)) == len(stems) else [str(source) for source in sources]
    if len(set(names)) < len(names):
        raise InputError("SOURCES", "be different", "named one result twice")
    return compare_results(dict(zip(names, datasets, strict=True)), reference)


def _asked(
    file: Path,
    methods: str | None,
    observables: list[str] | None,
    realization: int,
    reference: str | None,
    validity: str,
) -> Any:
    """The comparison of methods on what an experiment file describes."""
    from opendicke.comparing import compare as compare_methods
    from opendicke.errors import InputError
    from opendicke.experiment.experiment import Experiment
    from opendicke.model.disorder import RandomDicke

    experiment = Experiment.from_toml(file)
    if methods is None:
        raise InputError("--methods", "be given with an experiment file", "was missing")
    listed = _listed(methods, experiment.method)
    if experiment.sweep:
        note(f"the sweep of `{file}` is left out: compared is what the other tables say")
    model = experiment.model
    if isinstance(model, RandomDicke):
        limit = experiment.thermodynamic
        model = model.thermodynamic() if limit else model.draw(experiment.seed, realization)
    return compare_methods(
        model,
        experiment.state,
        experiment.times,
        listed,
        observables or _offered(experiment, model, listed),
        experiment.seed,
        reference=reference,
        validity=validity,
    )


def _offered(experiment: Any, model: Any, methods: Sequence[Any]) -> list[str]:
    """Observables of the file that all methods offer; all of them if that leaves none."""
    from opendicke.errors import InputError
    from opendicke.solving import check_question

    kept = []
    for name in experiment.observables:
        with suppress(InputError):
            for method in methods:
                check_question(model, experiment.state, method, [name])
            kept.append(name)
    left = [name for name in experiment.observables if name not in kept]
    if kept and left:
        note(f"not all methods offer {', '.join(left)}: left out")
    return kept or list(experiment.observables)


def _listed(text: str, own: Any) -> list[Any]:
    """The method of the file unless it is to be chosen, and those that are named besides."""
    from opendicke.errors import InputError
    from opendicke.experiment.reading import build_method

    listed = [] if own.kind == "auto" else [own]
    for item in text.split(","):
        name, *settings = item.strip().split(":")
        kind = name.strip().replace("_", "-")
        if kind == "auto" != own.kind:
            raise InputError("--methods", "name methods to compare", 'had "auto"')
        if kind == own.kind and not settings:
            continue
        try:
            listed.append(build_method({"kind": kind} | dict(map(_setting, settings))))
        except InputError as error:
            if error.argument.startswith("--"):
                raise
            of_all = error.argument in ("kind", "file")  # what it is about is clear from the rest
            where = "" if of_all else f"have a setting `{error.argument}` that must "
            raise InputError("--methods", where + error.requirement, error.received) from None
    if len(listed) < 2:
        chosen = own.kind == "auto"
        wanted = "name two methods" if chosen else "name a method besides that of the file"
        raise InputError("--methods", wanted, f"was `{text}`")
    return listed


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE with a value as in experiment files; words need no quotes."""
    from opendicke.errors import InputError

    key, equals, value = text.partition("=")
    if not equals:
        raise InputError("--methods", "have settings of the form KEY=VALUE", f"had `{text}`")
    try:
        return key.strip(), tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _methods(found: Any) -> dict[str, Any]:
    """What is said of each method, for machines."""
    return {
        str(label): {
            "verdict": str(found["verdict"].values[k]) or None,
            "reason": str(found["verdict_reason"].values[k]) or None,
            "status": found["status"].isel(solver=k).values.tolist(),
            "seconds": float(found["seconds"].values[k]),
            "estimated_error": found["estimated_error"].isel(solver=k).values.tolist(),
        }
        for k, label in enumerate(found["solver"].values)
    }
