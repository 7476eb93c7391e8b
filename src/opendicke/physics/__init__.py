"""Formulas of the papers as pure functions, without a time loop."""
