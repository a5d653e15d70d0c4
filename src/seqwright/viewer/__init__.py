"""Attention records and the page that shows them."""

from seqwright.viewer.page import AttentionPage, Pass
from seqwright.viewer.record import AttentionRecord, Candidate, Projections, Step

__all__ = ["AttentionPage", "AttentionRecord", "Candidate", "Pass", "Projections", "Step"]
