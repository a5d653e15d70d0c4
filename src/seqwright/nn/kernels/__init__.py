"""Computations whose speed depends on how activations lie in memory, and functions that pass through ``vmap``."""
