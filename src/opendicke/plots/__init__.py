"""From a dataset to a figure."""
