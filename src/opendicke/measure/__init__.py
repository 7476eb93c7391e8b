"""What is asked and counted: observables as data, moments, bare answers."""
