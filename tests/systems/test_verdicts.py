"""What phase diagrams say of motion, over whole grids: nothing is claimed that the data deny."""

from __future__ import annotations

import json

import numpy as np
import pytest

import opendicke as od

FREQUENCIES = 0.5 * np.arange(3.0, 7.0)


def diagram(scale: float = 1.0, loss: float = 1.0, **settings: float) -> object:
    """Strength × field of four patterns, all energies times `scale` and times divided by it."""
    random = od.RandomDicke(
        od.Binary(1.0), 16, 4, frequencies=FREQUENCIES * scale, loss=loss * scale, field=scale
    )
    sweep = {
        "model.couplings.strength": np.array([0.3, 0.7, 0.9, 1.5, 2.2]) * scale,
        "model.field": np.array([0.3, 0.5, 0.9]) * scale,
    }
    times = {"duration": 150.0 / scale} | {name: t / scale for name, t in settings.items()}
    return od.phase_diagram(random, od.ProductState.pattern(0), sweep, **times)


@pytest.mark.parametrize("window", [10.0, 50.0, 140.0, 150.0])
def test_what_settled_was_at_rest_in_the_window(window: float) -> None:
    """SETTLED means that nothing changed by more than the tolerance where averages were taken."""
    ds = diagram(window=window)
    settled = ds.motion.values == od.Motion.SETTLED
    assert (ds.overlap_swing.values[settled] <= 1e-4).all()
    error = json.loads(ds.attrs["numerics"])["estimated_error"]
    assert (error is None) == (not settled.any())


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_verdicts_do_not_depend_on_the_unit(scale: float) -> None:
    """All energies times c, all times over c: the same physics."""
    plain, other = diagram(), diagram(scale)
    np.testing.assert_array_equal(other.motion, plain.motion)
    np.testing.assert_allclose(other.overlap, plain.overlap, atol=1e-9)
    np.testing.assert_allclose(other.step * scale, plain.step, rtol=1e-9)
    np.testing.assert_array_equal(other.hidden_instability, plain.hidden_instability)


def test_hardly_damped_motion_does_not_settle() -> None:
    """With a loss of 1e-6 nothing can die out by t = 150."""
    motion = diagram(loss=1e-6).motion.values
    assert (motion == od.Motion.SETTLING).mean() <= 0.1
    assert not (motion == od.Motion.SETTLED).any()


def test_undamped_modes_of_opposite_sign_hide_no_instability() -> None:
    """Without loss an oscillation grows at a resonance only; the Jacobian decides."""
    random = od.RandomDicke(
        od.Binary(1.0), 16, 2, frequencies=[1.5, -2.9], loss=[1.0, 0.0], field=0.5
    )
    strengths = [0.7, 0.9, 1.1, 1.5]
    sweep = {"model.couplings.strength": strengths}
    with pytest.warns(od.ValidityWarning, match="linearly unstable"):
        ds = od.phase_diagram(random, od.ProductState.pattern(0), sweep, 1000.0)
    for strength, hidden in zip(strengths, ds.hidden_instability.values, strict=True):
        model = od.RandomDicke(
            od.Binary(strength), 16, 2, frequencies=[1.5, -2.9], loss=[1.0, 0.0], field=0.5
        ).thermodynamic()
        assert hidden == (not od.is_stable(model, od.retrieval_state(model, 0)))
