"""Runs: models trained on your own sequences, each in a folder from which it continues, answers and is evaluated."""
