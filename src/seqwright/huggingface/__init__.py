"""Models of the ``transformers`` library: loading them without a network, and what they attend to."""

from seqwright.huggingface.attention import attention
from seqwright.huggingface.generated import generated

__all__ = ["attention", "generated"]
