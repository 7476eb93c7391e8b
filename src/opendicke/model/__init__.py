"""What is simulated: frozen objects over NumPy arrays, and their exact reductions."""
