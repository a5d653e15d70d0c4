"""Families of models, one model specification each."""
