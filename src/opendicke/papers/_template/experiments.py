"""What the figures show, computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.experiment.experiment import Experiment
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.state import ProductState
from opendicke.papers._template.theory import decay, decay_of_wigner
from opendicke.papers.catalogue import Desk, Scale

START = ProductState.polarized("+x")


def times_of(parameters: Mapping[str, Any]) -> Array:
    """Output times (T,)."""
    return np.linspace(0.0, parameters["duration"], parameters["steps"] + 1)


def model_of(parameters: Mapping[str, Any], loss: float) -> DickeModel:
    """The model at one loss."""
    rows = [[g] for g in parameters["couplings"]]
    return DickeModel(rows, frequencies=parameters["frequency"], loss=loss, field=0.0)


def make_decay(scale: Scale, desk: Desk) -> xr.Dataset:
    """⟨X⟩ of each spin by truncated Wigner, over the loss, beside the closed forms."""
    parameters = scale.parameters["decay"]
    times, losses = times_of(parameters), parameters["losses"]
    found = desk.run(
        "wigner",
        Experiment(
            model_of(parameters, losses[0]),
            START,
            times,
            # Without a field the steps of the flow are exact, however long.
            TruncatedWigner(trajectories=parameters["trajectories"], step=float(times[1])),
            ["sx_spin"],
            sweep={"model.loss": losses},
            seed=parameters["seed"],
        ),
    ).isel(realization=0)
    physics = (np.array(parameters["couplings"]), parameters["frequency"])
    dims = ("loss", "time", "spin")
    return xr.Dataset(
        {
            "coherence": (dims, found["sx_spin"].values, {"long_name": "⟨X⟩, truncated Wigner"}),
            "coherence_stderr": (dims, found["sx_spin_stderr"].values),
            "exact": (
                dims,
                np.stack([decay(times, *physics, loss) for loss in losses]),
                {"long_name": "⟨X⟩, closed form"},
            ),
            "with_own_field": (
                dims,
                np.stack([decay_of_wigner(times, *physics, loss) for loss in losses]),
                {"long_name": "⟨X⟩, closed form with the field of each spin on itself"},
            ),
            "coupling": ("spin", physics[0], {"units": "frequency of the mode"}),
        },
        {
            "time": ("time", times, {"units": "1/frequency of the mode"}),
            "loss": ("loss", losses, {"units": "frequency of the mode"}),
            "spin": np.arange(len(physics[0])),
        },
    )
