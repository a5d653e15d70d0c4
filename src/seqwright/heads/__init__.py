"""Functions of attention heads: patterns, grammatical relations, coreference."""

from seqwright.heads.coreference import coreference, pronoun_cases
from seqwright.heads.relations import relations
from seqwright.heads.roles import roles
from seqwright.heads.treebank import sentences

__all__ = ["coreference", "pronoun_cases", "relations", "roles", "sentences"]
