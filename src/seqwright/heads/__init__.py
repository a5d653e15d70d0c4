"""Which head does what: by rule, by a treebank, by coreference, and how it changes from layer to layer."""

from seqwright.heads.coreference import coreference
from seqwright.heads.relations import relations
from seqwright.heads.roles import roles

__all__ = ["coreference", "relations", "roles"]
