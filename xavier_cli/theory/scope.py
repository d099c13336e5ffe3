"""Decides which networks theory cannot predict at initialization, and why."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.vocabulary.entry import InitializerEntry

_WHY = {
    "constant": "the weights of `{}` are all alike, and theory assumes weights drawn around 0",
    "diagonal": "the weights of `{}` are not drawn, and theory assumes weights drawn around 0",
    "from data": "`{}` scales its weights by the data",
}


def unpredictable(laws: Sequence[InitializerEntry], bias: InitializerEntry) -> str:
    """Why layers with these initializers, the output layer's last, are not predicted; empty if they are.

    An output layer of zeros is predicted: it propagates nothing back.
    """
    for i, law in enumerate(laws):
        if law.name == "zeros" and i == len(laws) - 1:
            continue
        if law.distribution in _WHY:
            return _WHY[law.distribution].format(law.name)
        if law.mean:
            return f"the weights of `{law.name}` are not drawn around 0"
    if bias.mean:
        return f"the biases of `{bias.name}` are not drawn around 0"
    return ""
