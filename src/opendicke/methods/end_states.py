"""Where mean field ends, and states that go on from there.

Mean field's answer at one time is a product state: Bloch vectors, displaced thermal modes. Dark
parts of degenerate modes and thermal occupations follow their closed laws, as in `readout`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from opendicke.errors import InputError
from opendicke.methods.flow import State
from opendicke.methods.readout import frame_of
from opendicke.model.checks import Array, frozen
from opendicke.model.dicke import DickeModel
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import Problem
from opendicke.model.state import ProductState

MOST_NUMBERS = 100_000
"""Numbers of a state, up to which it is kept."""


def keeps_end(problem: Problem) -> bool:
    """Whether the state at the last time is kept: of finite models with modes, not too large."""
    model = problem.model
    if not isinstance(model, DickeModel) or model.thermodynamic:
        return False
    return 3 * (model.spins + model.modes) <= MOST_NUMBERS


def end_state(problem: Problem, state: State, elapsed: float) -> dict[str, Array]:
    """The state of every spin and mode after a time, from that of the flow.

    Returns
    -------
    dict of arrays
        "bloch" (N, 3) in laboratory components, "displacement" (M, 2), real and imaginary part,
        and "occupation" (M,). Empty where a number is not finite.
    """
    model, spins, modes = problem.model, problem.spin_lift, problem.mode_lift
    assert isinstance(model, DickeModel)
    vectors = np.stack([each.reshape(len(each), -1) for each in state[1:]])  # (3, V, K)
    own = (spins.components.T * vectors[:, :, spins.group]).sum(axis=1)  # (3, N)
    own[1:] *= spins.sign
    damping = model.loss - model.gain
    amplitude = np.asarray(state.amplitude)
    if modes.rotation is None:
        displacement = amplitude[: model.modes]
    else:
        decay = np.exp(-(damping / 2 + 1j * model.frequencies) * elapsed)
        displacement = modes.rotation @ amplitude + modes.dark * decay
    settled = model.stationary_occupation
    occupation = settled + (problem.initial.occupation - settled) * np.exp(-damping * elapsed)
    made = {
        "bloch": own.T @ frame_of(model),
        "displacement": np.stack([displacement.real, displacement.imag], axis=1),
        "occupation": np.maximum(occupation, 0.0),
    }
    return made if all(np.isfinite(each).all() for each in made.values()) else {}


def state_at(model: DickeModel | IsingModel, end: Mapping[str, Array]) -> ProductState:
    """The product state that an answer ended in.

    Raises
    ------
    InputError
        If the end is not one of mean field, or not of such a model.
    """
    shapes = {
        "bloch": (model.spins, 3),
        "displacement": (model.modes, 2),
        "occupation": (model.modes,),
    }
    for name, shape in shapes.items():
        found = np.shape(end[name]) if name in end else None
        if found != shape:
            raise InputError(
                "end",
                f"hold `{name}` in the shape {shape}",
                "held none" if found is None else f"held the shape {found}",
            )
    bloch, displacement = np.array(end["bloch"], float), np.asarray(end["displacement"], float)
    # Round-off of many rotations may have made a vector longer than 1.
    bloch /= np.maximum(1.0, np.linalg.norm(bloch, axis=1))[:, None]
    return ProductState.bloch(
        frozen(bloch),
        displacement=displacement[:, 0] + 1j * displacement[:, 1],
        occupation=np.asarray(end["occupation"], float),
    )
