"""Many models: ensembles and sweeps, described by a file."""
