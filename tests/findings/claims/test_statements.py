"""The table of claims: plain sentences, each of which leads to the one function that judges it."""

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import xavier_cli.findings.claims
from xavier_cli.vocabulary.lookup import CLAIMS, find, load


def judges():
    """Every function in the rooms that takes the material alone and returns a finding."""
    for room in pkgutil.iter_modules(xavier_cli.findings.claims.__path__):
        module = import_module(f"xavier_cli.findings.claims.{room.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            signature = inspect.signature(function)
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and (signature.return_annotation, *signature.parameters) == ("Judgement", "material"):
                yield f"{module.__name__}:{name}"


def test_every_claim_has_a_judge_and_every_judge_a_claim():
    assert sorted(judges()) == sorted(claim.function for claim in CLAIMS.values())


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_is_judged_by_the_function_of_its_name_which_says_by_what_rule(name):
    function = load(CLAIMS[name].function)

    assert function.__name__ == name.replace("-", "_")
    assert function.__doc__.strip().splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", CLAIMS)
def test_a_statement_is_one_plain_sentence(name):
    claim = CLAIMS[name]

    assert claim.name == name
    assert claim.statement[0].isupper()
    assert claim.statement.endswith(".")
    assert ". " not in claim.statement
    assert 40 <= len(claim.statement) <= 140
    assert not set(claim.statement) & set("=<>|_`*()")
    assert claim.source.startswith(("section ", "Figure ", "Table "))
    assert "\n" not in claim.statement + claim.source


def test_no_alias_means_two_claims():
    aliases = [alias for claim in CLAIMS.values() for alias in (claim.name, *claim.aliases)]

    assert len(aliases) == len(set(aliases))
    assert all(find("claim", alias, CLAIMS) in CLAIMS.values() for alias in aliases)


def test_the_table_loads_nothing_heavy():
    code = (
        "import sys; from xavier_cli.vocabulary.lookup import CLAIMS; "
        "print(sorted({'numpy', 'jax'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
