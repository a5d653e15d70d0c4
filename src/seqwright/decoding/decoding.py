"""Every way of decoding."""

from seqwright.decoding.beam import Beam
from seqwright.decoding.greedy import Greedy
from seqwright.decoding.sampling import Sampling

DecodingSpec = Greedy | Sampling | Beam
"""Each has ``decode(model, request)``: the answers of every row, best first."""
