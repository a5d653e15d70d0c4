"""Decoding: generating sequences with a model."""
