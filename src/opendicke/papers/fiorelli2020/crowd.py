"""Beyond the paper: how cooling fares with many spins."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.analysis.ensemble import ensemble_statistics
from opendicke.experiment.experiment import Experiment
from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
from opendicke.model.dicke import DickeModel
from opendicke.model.ground_states import ground_states
from opendicke.papers.catalogue import Desk, Scale
from opendicke.papers.fiorelli2020.drawn import averaged, stationary_of
from opendicke.papers.fiorelli2020.standards import SLOW, is_strong
from opendicke.papers.fiorelli2020.two_spins import START, random_model
from opendicke.physics.coherence_times import coherence_times

_EXACT = 10
"""Spins up to which the stationary state is found besides."""


def make_crowd(scale: Scale, desk: Desk) -> xr.Dataset:
    """Energy over that of the ground states, in time, for sizes N with g₀ = 3/√(N/10).

    This keeps the sum of g², and with it the spread of the force on the mode. Ground states of
    one mode are known for any size.
    """
    parameters = scale.parameters["crowd"]
    sizes, draws = parameters["sizes"], parameters["draws"]
    made = []
    for place, spins in enumerate(sizes):
        share = place / len(sizes), (place + 1) / len(sizes)
        strength = parameters["strength"] / (spins / 10) ** 0.5
        model = random_model({**parameters, "strength": strength}, spins)
        experiment = Experiment(
            model,
            START,
            parameters["times"],
            KineticMonteCarlo(trajectories=parameters["trajectories"]),
            ["ising_energy", "spin_correlation"],
            realizations=draws,
            seed=parameters["seed"],
        )
        ensemble = desk.run(f"crowd_{spins}", experiment, share)
        drawn = [model.draw(parameters["seed"], number) for number in range(draws)]
        lowest = np.array([ground_states(one).energy for one in drawn])
        # Energies of each draw relative to its own ground states.
        relative = ensemble[["ising_energy", "ising_energy_stderr", "status"]].assign(
            {
                name: ensemble[name] / (-lowest)[:, None]
                for name in ("ising_energy", "ising_energy_stderr")
            }
        )
        relative = relative.assign_attrs(ensemble.attrs)
        for name in ("ising_energy", "ising_energy_stderr"):
            relative[name].attrs = ensemble[name].attrs
        statistics = ensemble_statistics(relative)
        one = xr.Dataset(
            {
                "share": statistics["ising_energy"],
                "share_stderr": statistics["ising_energy_stderr"],
                "share_stderr_trajectories": statistics["ising_energy_stderr_trajectories"],
                "share_quantile": statistics["ising_energy_quantile"],
                "gap_energy": ((), lowest.mean(), {"long_name": "mean lowest H_I"}),
            }
        )
        if spins <= _EXACT:
            ends = [stationary_of(model) for model in drawn]
            exact = averaged(np.array([end.mean_energy / -end.lowest for end in ends]))
        else:
            exact = (np.array(np.nan), np.array(np.nan))
        one = one.assign(stationary=((), exact[0]), stationary_stderr=((), exact[1]))
        made.append(one.assign(_judged(drawn)))
    return xr.concat(made, "size", combine_attrs="drop").assign_coords(size=sizes)


def _judged(drawn: list[DickeModel]) -> dict[str, Any]:
    """How strongly the spins of all draws couple, and how soon they lose their coherence.

    At fixed sum of g² single spins couple the more weakly the more of them there are.
    """
    couplings = np.concatenate([model.couplings[:, 0] for model in drawn])
    drives = np.concatenate(
        [
            np.abs(model.field)
            * coherence_times(model.couplings, model.frequencies, model.loss, model.gain)
            for model in drawn
        ]
    )
    return {
        "drive": ((), float(np.median(drives)), {"long_name": "median of field × coherence time"}),
        "slow": (
            (),
            float((drives > SLOW).mean()),
            {"long_name": f"share of spins above {SLOW:g}"},
        ),
        "strong": ((), float(is_strong(couplings).mean()), {"long_name": "share with 8πg² ≥ 20"}),
    }
