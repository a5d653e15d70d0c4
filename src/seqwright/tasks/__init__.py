"""Sequences with known targets: the paper's, and algorithmic tasks that draw any number of rows."""
