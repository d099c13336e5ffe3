"""Diagnoses training problems in runs by named rules, with thresholds, evidence and advice."""

from xavier_cli.findings.health.diagnosis import STATES, Diagnosis, State
from xavier_cli.findings.health.finding import Finding, Rule, Severity
from xavier_cli.findings.health.rules import RULES, check, diagnose, find_rules

__all__ = [
    "RULES",
    "STATES",
    "Diagnosis",
    "Finding",
    "Rule",
    "Severity",
    "State",
    "check",
    "diagnose",
    "find_rules",
]
