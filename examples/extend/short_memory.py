r"""A check of the doctor's: early tokens must make a difference to the last output.

    seqwright --import examples/extend/short_memory.py doctor --list
    seqwright --import examples/extend/short_memory.py doctor RUN

It takes part in every examination. A recurrence without attention (``gru_mixer.py``) gets its warning, a transformer passes.
"""

from collections.abc import Iterator

from seqwright.core.spec import Spec
from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.finding import Finding
from seqwright.doctor.model_input import InputSampler
from seqwright.doctor.model_under_test import ModelUnderTest, counterexample

SHORT_MEMORY = Check(
    "short-memory",
    "The first token makes next to no difference to the last output.",
    "look for masks that are narrower than the sequence, and for a recurrence with nothing but one vector to remember by",
)
LEAST_SHARE = 1e-3
"""A first token whose effect is a smaller share of a late one's counts as forgotten."""


class MemoryChecks(Spec, CheckGroup):
    """``short-memory``."""

    checks = (SHORT_MEMORY,)
    order = 50  # after the package's own

    def examine(self, subject: ModelUnderTest) -> Iterator[Finding]:
        """Replace the first token, then a late one, and compare how much the last output changes."""
        side = "source" if subject.contract.reads_source else "target"
        length, copy = subject.length(32), subject.reinitialised
        if length < 8:
            yield SHORT_MEMORY.not_examined(f"Sequences of {length} tokens need no memory.")
            return
        sampler = InputSampler(subject.contract, 31)
        before, after, effects = sampler.batch(8, length, length), {}, {}
        for position in (0, length - 2):
            ids = before.side(side).clone()
            ids[:, position] = sampler.other_than(ids[:, position], side)
            after[position] = before.with_side(side, ids)
            effects[position] = copy.change(before, after[position])[:, -1].max().item()
        early, late = effects.values()
        if early >= LEAST_SHARE * late:
            yield SHORT_MEMORY.passed(f"The first of {length} tokens changes the last output.", early=early, late=late)
            return
        proof = counterexample(copy, before, after[0], 0, length - 1, "the first token replaced")
        yield SHORT_MEMORY.failed(f"{side} of {length} tokens", {"early": early, "late": late}, proof, only_warn=True)
