"""Which head does what: by rule, by a treebank, by coreference, and how it changes from layer to layer."""

from seqwright.heads.coreference import coreference, questions
from seqwright.heads.relations import relations
from seqwright.heads.roles import roles
from seqwright.heads.treebank import sentences

__all__ = ["coreference", "questions", "relations", "roles", "sentences"]
