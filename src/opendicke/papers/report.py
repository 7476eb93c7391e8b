"""The table of claims: as a dataset, as a page, and in short for the terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from opendicke.errors import StoreError
from opendicke.papers.catalogue import Claim, Outcome, Paper, Scale, Verdict
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
    counts = Counter(str(verdict) for verdict in dataset["verdict"].values)
    return ", ".join(f"{counts[v]} {v.value}" for v in Verdict if counts[v])


def short_table(dataset: xr.Dataset) -> str:
    """One line for each claim, and the tally."""
    width = max(len(verdict.value) for verdict in Verdict)
    lines = [
        f"  {dataset['verdict'].values[i]!s:<{width}}  {name}: {dataset['sentence'].values[i]}"
        for i, name in enumerate(dataset["claim"].values)
    ]
    return "\n".join([*lines, f"  {len(lines)} claims: {tally(dataset)}"])


def write_report(dataset: xr.Dataset, paper: Paper, scale: Scale, path: Path) -> Path:
    """Write the table of claims as a Markdown page."""
    title = [
        f"# Claims of {paper.name}",
        "",
        f"{paper.reference}. Scale: {scale.name} ({scale.title}); "
        f"opendicke {dataset.attrs['opendicke_version']}, {dataset.attrs['created']}.",
        "",
        f"{dataset.sizes['claim']} claims: {tally(dataset)}.",
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*title, *rows]) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"`{path}` cannot be written: {error.strerror or error}.") from None
    return path


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}" if abs(value) >= 1e-3 else f"{value:.2g}"
