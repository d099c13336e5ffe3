"""Builds the rows that the views of all names share: parameters, and names in other frameworks."""

from __future__ import annotations

from xavier_cli.vocabulary.entry import ActivationEntry, InitializerEntry
from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.lookup import Spellings


def parameters(word: ActivationEntry | InitializerEntry) -> list[tuple[str, str]]:
    """Rows for the parameters of a name, with their values."""
    values = word.parameter_values
    return [
        (
            "parameter" if i == 0 else "",
            f"{each.name}={write_value(values[each.name])}: {each.about}; {each.allowed}",
        )
        for i, each in enumerate(word.parameters)
    ]


def elsewhere(spellings: Spellings, aliases: tuple[str, ...]) -> list[tuple[str, str]]:
    """Rows for aliases and names in other frameworks, as far as there are any."""
    rows = [("JAX", spellings.jax), ("Keras", spellings.keras), ("PyTorch", spellings.torch)]
    return [row for row in [*rows, ("also called", ", ".join(aliases))] if row[1]]


def elsewhere_data(spellings: Spellings, aliases: tuple[str, ...]) -> dict[str, object]:
    """Aliases and names in other frameworks, for programs."""
    return {
        "jax": spellings.jax,
        "keras": spellings.keras,
        "torch": spellings.torch,
        "aliases": list(aliases),
    }


def flat(data: dict[str, object]) -> dict[str, object]:
    """`data` as one line of CSV, with lists joined by commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in data.items()
    }
