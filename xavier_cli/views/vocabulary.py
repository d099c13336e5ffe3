"""What a word of the vocabulary has in every view: its parameters, and what others call it."""

from __future__ import annotations

from xavier_cli.vocabulary.entry import Activation, Initializer
from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.lookup import Spellings


def parameters(word: Activation | Initializer) -> list[tuple[str, str]]:
    """Rows for the parameters a name takes, with their values here."""
    values = word.parameter_values
    return [
        (
            "parameter" if i == 0 else "",
            f"{each.name}={write_value(values[each.name])}: {each.about}; {each.allowed}",
        )
        for i, each in enumerate(word.parameters)
    ]


def elsewhere(spellings: Spellings, aliases: tuple[str, ...]) -> list[tuple[str, str]]:
    """Rows for the other names a thing has; what it has not is left out."""
    rows = [("JAX", spellings.jax), ("Keras", spellings.keras), ("PyTorch", spellings.torch)]
    return [row for row in [*rows, ("also called", ", ".join(aliases))] if row[1]]


def elsewhere_data(spellings: Spellings, aliases: tuple[str, ...]) -> dict[str, object]:
    """The same for programs."""
    return {
        "jax": spellings.jax,
        "keras": spellings.keras,
        "torch": spellings.torch,
        "aliases": list(aliases),
    }


def flat(data: dict[str, object]) -> dict[str, object]:
    """`data` as one line of a CSV: what has several parts is joined by commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in data.items()
    }
