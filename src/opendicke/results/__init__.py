"""Labelled datasets, and their way to disk and back."""
