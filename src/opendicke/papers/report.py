"""The table of claims: as a dataset, as a page, and in short for the terminal."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from opendicke.display import plural
from opendicke.papers import find_paper
from opendicke.papers.catalogue import Claim, Outcome, Paper, Scale, Verdict
from opendicke.papers.data import write_whole
from opendicke.results.dataset import words

_NUMBERS = ("value", "expected", "error")


def outcomes_dataset(claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> xr.Dataset:
    """Claims and what became of them, along the dimension `claim`."""

    def numbers(name: str) -> xr.Variable:
        values = [getattr(outcome, name) for outcome in outcomes]
        return xr.Variable(("claim",), np.array([math.nan if v is None else v for v in values]))

    return xr.Dataset(
        {
            "sentence": words("claim", [claim.sentence for claim in claims]),
            "where": words("claim", [claim.where for claim in claims]),
            "verdict": words("claim", [str(outcome.verdict) for outcome in outcomes]),
            "evidence": words("claim", [outcome.evidence for outcome in outcomes]),
            **{name: numbers(name) for name in _NUMBERS},
        },
        {"claim": words("claim", [claim.name for claim in claims])},
    )


def tally(dataset: xr.Dataset) -> str:
    """How many claims met each verdict."""
    return _tally(dataset["verdict"].values)


def _tally(verdicts: Iterable[object]) -> str:
    counts = Counter(map(str, verdicts))
    return ", ".join(f"{counts[v]} {_many(v, counts[v])}" for v in Verdict if counts[v])


def _many(verdict: Verdict, count: int) -> str:
    """What one claim does, or several do."""
    word = verdict.value
    return word if count == 1 else word.replace("holds", "hold", 1).replace("fails", "fail", 1)


def short_table(dataset: xr.Dataset) -> str:
    """One line for each claim, and the tally."""
    width = max(len(verdict.value) for verdict in Verdict)
    lines = [
        f"  {dataset['verdict'].values[i]!s:<{width}}  {name}: {dataset['sentence'].values[i]}"
        for i, name in enumerate(dataset["claim"].values)
    ]
    return "\n".join([*lines, f"  {plural(len(lines), 'claim')}: {tally(dataset)}"])


def write_report(dataset: xr.Dataset, paper: Paper, scale: Scale, path: Path) -> Path:
    """Write the table of claims as a Markdown page."""
    title = [
        f"# Claims of {paper.name}",
        "",
        f"{paper.reference}. Scale: {scale.name} ({scale.title}); "
        f"opendicke {dataset.attrs['opendicke_version']}, {dataset.attrs['created']}.",
        "",
        f"{plural(dataset.sizes['claim'], 'claim')}: {tally(dataset)}.",
        "",
        "| claim | what the paper says | where | verdict | value | expected | error | evidence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = []
    for i, name in enumerate(dataset["claim"].values):
        said, where, verdict, evidence = (
            str(dataset[key].values[i]) for key in ("sentence", "where", "verdict", "evidence")
        )
        found = [_number(float(dataset[key].values[i])) for key in _NUMBERS]
        cells = [str(name), said, where, f"**{verdict}**", *found, evidence]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return write_text([*title, *rows], path)


def write_claims_page(datasets: Iterable[xr.Dataset], path: Path) -> Path:
    """Write what all papers claim and what was found, as `claims_page` says it."""
    return write_text(claims_page(datasets), path)


def claims_page(datasets: Iterable[xr.Dataset]) -> list[str]:
    """What all papers claim and what was found, one paragraph for each claim.

    Parameters
    ----------
    datasets
        The tables of claims, one for each paper, as `Workshop` made them.

    Returns
    -------
    list of str
        The lines of the page, in Markdown.
    """
    tables = list(datasets)
    count = sum(table.sizes["claim"] for table in tables)
    lines = [
        "# What the papers claim and what we find",
        "",
        f"{count} statements, each tested by `opendicke paper NAME claims`: "
        f"{_tally(verdict for table in tables for verdict in table['verdict'].values)}.",
        "A claim *holds in the method only* if the paper's method shows it, but a better one does",
        "not, or the method itself does not hold there. A verdict is about what was computed,",
        "which the evidence names; it proves nothing.",
    ]
    for table in tables:
        made = json.loads(table.attrs["paper"])
        paper = find_paper(made["paper"])
        scale = paper.scale(made["scale"])
        lines += [
            "",
            f"## {paper.name}",
            "",
            f"{paper.reference}.",
            "",
            f"{plural(table.sizes['claim'], 'claim')}: {tally(table)}. "
            f"Scale: {scale.name} ({scale.title}); opendicke {table.attrs['opendicke_version']}.",
        ]
        for i in range(table.sizes["claim"]):
            lines += ["", *_paragraph(table.isel(claim=i))]
    return lines


def _paragraph(claim: xr.Dataset) -> list[str]:
    """Verdict, sentence and place of a claim, and below them the evidence and its numbers."""
    said, where, verdict, evidence = (
        _plain(str(claim[key].values)) for key in ("sentence", "where", "verdict", "evidence")
    )
    numbers = {name: _number(float(claim[name])) for name in _NUMBERS}
    found = "; ".join(f"{name} {number}" for name, number in numbers.items() if number)
    evidence = evidence if evidence.endswith((".", "?", "!")) else f"{evidence}."
    return [
        f"- **{verdict}**: {said} (`{claim['claim'].values}`; {where})",
        "",
        f"  {evidence}" + (f" *{found[0].upper()}{found[1:]}.*" if found else ""),
    ]


def _plain(text: str) -> str:
    """Words of Markdown that mean themselves, but for what stands in backticks."""
    parts = " ".join(text.split()).split("`")
    parts[::2] = [re.sub(r"([\\*<\[$])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def write_text(lines: Iterable[str], path: Path) -> Path:
    """Write a page of text, whole or not at all.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    return write_whole("\n".join(lines) + "\n", path)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}" if abs(value) >= 1e-3 else f"{value:.2g}"
