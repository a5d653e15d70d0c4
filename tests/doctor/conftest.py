"""An examination asks a model hundreds of times: shapes in signatures, checked everywhere else, are not checked here."""

import jaxtyping
import pytest


@pytest.fixture(autouse=True)
def _unchecked_shapes():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
