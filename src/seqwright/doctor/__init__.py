"""Examine a sequence model without training it, and report faults with the inputs that prove them."""

from seqwright.doctor.check import Check, CheckGroup
from seqwright.doctor.contract import Contract
from seqwright.doctor.examine import assert_healthy, examine
from seqwright.doctor.finding import Counterexample, Finding, Remedy
from seqwright.doctor.model_under_test import ModelUnderTest
from seqwright.doctor.report import Report
from seqwright.doctor.visibility import Bidirectional, Causal, Prefix, Visibility, Window

__all__ = [
    "Bidirectional",
    "Causal",
    "Check",
    "CheckGroup",
    "Contract",
    "Counterexample",
    "Finding",
    "ModelUnderTest",
    "Prefix",
    "Remedy",
    "Report",
    "Visibility",
    "Window",
    "assert_healthy",
    "examine",
]
