"""Attention to look at: what was recorded, the page that shows it, and which head does what."""

from seqwright.viewer.page import Page, Pass
from seqwright.viewer.record import AttentionRecord, Candidate, Projections, Step

__all__ = ["AttentionRecord", "Candidate", "Page", "Pass", "Projections", "Step"]
