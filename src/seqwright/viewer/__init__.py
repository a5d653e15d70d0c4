"""Attention to look at: what was recorded, the page that shows it, and which head does what."""

from seqwright.viewer.page import AttentionPage, Pass
from seqwright.viewer.record import AttentionRecord, Candidate, Projections, Step

__all__ = ["AttentionPage", "AttentionRecord", "Candidate", "Pass", "Projections", "Step"]
