"""Lists the rules of `check`, and applies them to a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xavier_cli.findings.health import (
    data_rules,
    layer_rules,
    network_rules,
    run_rules,
    signal_rules,
    unit_rules,
)
from xavier_cli.findings.health.diagnosis import Diagnosis, fold
from xavier_cli.findings.health.finding import Finding, Rule
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary import lookup

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        *data_rules.RULES,
        *unit_rules.RULES,
        *network_rules.RULES,
        *signal_rules.RULES,
        *layer_rules.RULES,
        *run_rules.RULES,
    )
}


def find_rules(wanted: Iterable[str]) -> tuple[Rule, ...]:
    """The rules with the `wanted` names; raises `UnknownNameError` that suggests the nearest."""
    found = []
    for name in dict.fromkeys(wanted):
        if name not in RULES:
            raise lookup.UnknownNameError(lookup.unknown_message("rule", name, RULES))
        found.append(RULES[name])
    return tuple(found)


def diagnose(run: Run, rules: Sequence[Rule] = ()) -> Diagnosis:
    """What `rules`, by default all, find in `run`.

    Rules that need datasets which the run lacks are named, other than those of a search.
    """
    applied = tuple(rules) or tuple(RULES.values())
    lacking = {rule.name: [path for path in rule.needs if path not in run] for rule in applied}
    findings = [Finding(rule, seen) for rule in applied if not lacking[rule.name] for seen in rule.look(run)]
    unasked = [name for name, paths in lacking.items() if any(not p.startswith("search/") for p in paths)]
    return fold(findings, unasked)


def check(run: Run, rules: Sequence[Rule] = ()) -> tuple[Finding, ...]:
    """The findings of `rules` in `run`, the worst first, each with what it explains."""
    return diagnose(run, rules).findings
