"""Says which layers of a custom network were drawn anew, and by what."""

from __future__ import annotations

from collections.abc import Iterator

from xavier_cli.views.folding import listed
from xavier_cli.views.page import clean
from xavier_cli.vocabulary.layer_choice import LayerRows
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.user_functions import is_user_function, short_name


def redrawn_sentences(rows: LayerRows, network: NetworkInfo) -> Iterator[str]:
    """A sentence for the weights of `network`, and one for its biases, where `rows` draw any of them."""
    weights, biases = rows.chosen()
    biases = {at: row for at, row in biases.items() if network.layers[at].bias}
    for option, whose, chosen in (("--init", "", weights), ("--bias-init", "the biases of ", biases)):
        layers: dict[str, list[int]] = {}
        for at, row in chosen.items():
            name = short_name(row.name) if is_user_function(row.name) else row.name
            layers.setdefault(name, []).append(at + 1)
        if layers:
            told = "; ".join(f"{listed(numbers)} by {clean(name)}" for name, numbers in layers.items())
            yield f"`{option}` drew {whose}layer{'s' * (len(chosen) > 1)} {told}."
