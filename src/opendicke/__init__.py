"""Open, disordered, multimode Dicke (spin-boson) models: one model object, every method."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opendicke.errors import InputError, StoreError, ValidityError, ValidityWarning
    from opendicke.experiment.experiment import Experiment
    from opendicke.experiment.run import run
    from opendicke.measure.moments import Moments
    from opendicke.measure.observables import (
        InteractionTerm,
        IsingTerm,
        PhotonTerm,
        QuadratureTerm,
        SpinTerm,
        find_observables,
        known_observables,
        observable,
    )
    from opendicke.methods.mean_field import MeanField
    from opendicke.model.couplings import Binary, Discrete, Fixed, Gaussian, Uniform
    from opendicke.model.dicke import DickeModel
    from opendicke.model.disorder import RandomDicke
    from opendicke.model.reduce import Problem, reduce
    from opendicke.model.state import ProductState
    from opendicke.physics.retrieval import critical_coupling, retrieval_overlap
    from opendicke.results.store import load, save
    from opendicke.solving import assess, solve

__version__ = _version("opendicke")

# Names are imported when first used, so that `import opendicke` is quick and loads neither JAX
# nor QuTiP.
_HOME = {
    "Binary": "model.couplings",
    "DickeModel": "model.dicke",
    "Discrete": "model.couplings",
    "Experiment": "experiment.experiment",
    "Fixed": "model.couplings",
    "Gaussian": "model.couplings",
    "InputError": "errors",
    "InteractionTerm": "measure.observables",
    "IsingTerm": "measure.observables",
    "MeanField": "methods.mean_field",
    "Moments": "measure.moments",
    "PhotonTerm": "measure.observables",
    "Problem": "model.reduce",
    "ProductState": "model.state",
    "QuadratureTerm": "measure.observables",
    "RandomDicke": "model.disorder",
    "SpinTerm": "measure.observables",
    "StoreError": "errors",
    "Uniform": "model.couplings",
    "ValidityError": "errors",
    "ValidityWarning": "errors",
    "assess": "solving",
    "critical_coupling": "physics.retrieval",
    "known_observables": "measure.observables",
    "find_observables": "measure.observables",
    "load": "results.store",
    "observable": "measure.observables",
    "reduce": "model.reduce",
    "retrieval_overlap": "physics.retrieval",
    "run": "experiment.run",
    "save": "results.store",
    "solve": "solving",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'opendicke' has no attribute {name!r}")
    value = getattr(import_module(f"opendicke.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
