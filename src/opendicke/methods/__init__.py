"""How the model is solved, one file for each method."""
