"""Settings of all tests: shapes in signatures are checked, draws repeat, and each process has one thread."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # test processes share the cores; two threads each would wait for one another

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401  # the hook finds the checker in modules that are loaded

install_import_hook("seqwright", "tests.shapes.check")

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _the_same_draws_every_run():
    """Seed torch's own generator, so that tests which draw from it are the same in every run."""
    torch.manual_seed(0)
