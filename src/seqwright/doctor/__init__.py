"""Why does a sequence model fail? It is examined without being trained, and faults come with the inputs that prove them."""

from seqwright.doctor.contract import Contract, Prefix, Window
from seqwright.doctor.examine import assert_healthy, examine
from seqwright.doctor.finding import Check, Counterexample, Finding, Remedy
from seqwright.doctor.report import Report

__all__ = [
    "Check",
    "Contract",
    "Counterexample",
    "Finding",
    "Prefix",
    "Remedy",
    "Report",
    "Window",
    "assert_healthy",
    "examine",
]
