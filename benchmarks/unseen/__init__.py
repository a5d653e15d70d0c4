"""A second exam for the doctor: models with one fault each, and healthy ones that look odd.

Written by someone who had not read the checks, after docs/doctor, and fixed before the first run.
Faults: 206; healthy: 57.
"""

from __future__ import annotations

from patients.case import Case

from . import (
    alibi,
    bahdanau,
    conv,
    cross,
    deep,
    huggingface,
    llama,
    mix,
    nope,
    prefix,
    rnn,
    s2s,
    scalar,
    tagger,
    trained,
    window,
)

MODULES = (
    llama,
    alibi,
    s2s,
    bahdanau,
    prefix,
    window,
    conv,
    mix,
    tagger,
    deep,
    trained,
    scalar,
    nope,
    rnn,
    cross,
    huggingface,
)
CASES: tuple[Case, ...] = tuple(each for module in MODULES for each in module.CASES)

__all__ = ["CASES"]
