r"""A mask: each token attends to the tokens at most ``width`` positions away, as local attention does (Beltagy et al. 2020).

    seqwright --import examples/extend/band_mask.py train examples/data/icelandic-train.tsv --split-target-on ' ' \
        --out banded --set 'model.encoder.blocks.mixer.mask={"type":"BandMask","width":2}'
    seqwright --import examples/extend/band_mask.py attention banded --source reykjavík -o banded.html

The page shows the encoder's weights in a band beside the diagonal, and nothing outside it.
"""

from torch import Tensor

from seqwright.core.spec import Count, Spec
from seqwright.nn.mask import Mask


class BandMask(Spec, Mask):
    """The keys at most ``width`` positions away, before and after the query."""

    width: Count = 2

    @property
    def causal(self) -> bool:
        return False  # a query attends to later keys, so this mask is for encoders

    def allows(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        return (query_at - key_at).abs() <= self.width  # the two shapes broadcast
