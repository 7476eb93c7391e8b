"""Phase diagrams over coupling and field, and over coupling and number of patterns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import xarray as xr

from opendicke.errors import ValidityWarning
from opendicke.experiment.phase_diagram import phase_diagram
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import ensemble
from opendicke.papers.catalogue import Progress, Scale
from opendicke.results.dataset import as_json

_SHOWN = ("overlap", "overlap_swing", "motion", "step")


def make_diagram(scale: Scale, progress: Progress) -> xr.Dataset:
    """Where a start along the last pattern ends, in a drawn system with unequal groups.

    The last pattern has the highest threshold. As in Fig. 3, Ω_μ = Ω(μ + 2).
    """
    parameters = scale.parameters["diagram"]
    fields, counts = parameters["fields"], parameters["modes"]
    most = len(parameters["frequencies"])
    own = parameters["field"]
    progress(0.0, "over fields")
    over_fields = {
        "field": {
            "model.field": fields,
            "model.frequencies": [_frequencies(field, most) for field in fields],
        }
    }
    by_field = _diagram(parameters, own, most, over_fields)
    by_modes = []
    for number, count in enumerate(counts):
        progress(0.5 + 0.5 * number / len(counts), f"{count} patterns")
        by_modes.append(_diagram(parameters, own, count, {}))
    modes = xr.Variable(("modes",), counts, {"long_name": "number of patterns"})
    joined = xr.concat([d[list(_SHOWN)] for d in by_modes], modes, join="outer")
    return xr.Dataset(
        {f"field_{name}": by_field[name] for name in _SHOWN}
        | {f"modes_{name}": joined[name] for name in _SHOWN},
        attrs={
            "numerics": as_json([dataset.attrs["numerics"] for dataset in (by_field, *by_modes)]),
            "seed": int(parameters["seed"]),
            "loss": float(parameters["loss"]),
            "own_field": float(own),
            "patterns": most,
            "system": int(parameters["spins"]),
        },
    )


def _frequencies(field: float, count: int) -> list[float]:
    return [field * (mu + 2) for mu in range(1, count + 1)]


def _diagram(
    parameters: Mapping[str, Any], field: float, count: int, axes: Mapping[str, Any]
) -> xr.Dataset:
    """Over the coupling strength and further axes, from a start along the last of `count`."""
    rates = {**parameters, "field": field, "frequencies": _frequencies(field, count)}
    with warnings.catch_warnings():
        # What is said of ends that depend on tiny changes of the start is kept as an attribute.
        warnings.simplefilter("ignore", ValidityWarning)
        return phase_diagram(
            ensemble(rates, 1.0, parameters["spins"]),
            ProductState.pattern(count - 1),
            {**axes, "strength": {"model.couplings.strength": parameters["strengths"]}},
            parameters["duration"],
            tolerance=parameters["tolerance"],
            thermodynamic=False,
            seed=parameters["seed"],
            progress=False,
        )
