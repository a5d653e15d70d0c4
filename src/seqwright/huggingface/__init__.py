"""Models of the ``transformers`` library: loading without a network, and the attention they form."""

from seqwright.huggingface.attention import attention
from seqwright.huggingface.generated import generated

__all__ = ["attention", "generated"]
