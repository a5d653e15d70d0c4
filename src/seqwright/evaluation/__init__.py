"""Evaluation: measures of a model and names for its behaviour, shared by studies and the doctor."""
