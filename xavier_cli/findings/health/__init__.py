"""Diagnoses training problems in runs by named rules, with thresholds, evidence and advice."""

from xavier_cli.findings.health.finding import Finding, Rule, Severity
from xavier_cli.findings.health.rules import RULES, check, find_rules

__all__ = ["RULES", "Finding", "Rule", "Severity", "check", "find_rules"]
