"""Sequences with known answers: the paper's, and algorithmic tasks that draw any number of rows."""
