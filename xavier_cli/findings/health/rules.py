"""Lists the rules of `check`, and applies them to a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xavier_cli.findings.health import data_rules, layer_rules, run_rules
from xavier_cli.findings.health.finding import Finding, Rule
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary import lookup

RULES: dict[str, Rule] = {
    rule.name: rule for rule in (*data_rules.RULES, *layer_rules.RULES, *run_rules.RULES)
}
_ORDER = ("error", "warning", "note")


def find_rules(wanted: Iterable[str]) -> tuple[Rule, ...]:
    """The rules with the `wanted` names; raises `UnknownNameError` that suggests the nearest."""
    found = []
    for name in dict.fromkeys(wanted):
        if name not in RULES:
            raise lookup.UnknownNameError(lookup.unknown_message("rule", name, RULES))
        found.append(RULES[name])
    return tuple(found)


def check(run: Run, rules: Sequence[Rule] = ()) -> tuple[Finding, ...]:
    """The findings of `rules`, by default all, in `run`: errors first, then in the order of the rules."""
    findings = [
        Finding(rule, seen)
        for rule in rules or RULES.values()
        if all(path in run for path in rule.needs)
        for seen in rule.look(run)
    ]
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity)))


def unasked(run: Run, rules: Sequence[Rule] = ()) -> tuple[str, ...]:
    """The rules that cannot be applied since `run` lacks datasets, other than those of a search."""
    return tuple(
        rule.name
        for rule in rules or RULES.values()
        if any(path not in run for path in rule.needs if not path.startswith("search/"))
    )
