"""To and from other libraries: operators for QuTiP, and what observables are made of there."""
