"""Decoding: the place of greedy decoding, sampling and beam search."""

from __future__ import annotations

from abc import abstractmethod

from seqwright.core.model import Model
from seqwright.core.place import Place
from seqwright.decoding.request import GenerationRequest, Hypothesis


class Decoding(Place):
    """A way of choosing the sequences that a model generates."""

    __slots__ = ()

    @abstractmethod
    def decode(self, model: Model, request: GenerationRequest) -> list[list[Hypothesis]]:
        """Return each row's hypotheses, best first.

        Raises:
            SeqwrightError: the model predicts numbers, which have no probabilities, or a setting does not fit.
        """
