"""Errors leave a worker process as they were raised."""

from __future__ import annotations

import pickle

import pytest

from seqwright.core.errors import SeqwrightError, TooLongError
from seqwright.data.preprocessing import EmptySideError

ERRORS = [
    SeqwrightError("no tab on this line", where="pairs.tsv:3", fix="write source<TAB>target"),
    TooLongError("9 tokens", fix="shorten it"),
    EmptySideError("source", "pairs.tsv:3"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_being_sent_between_processes(error: SeqwrightError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
