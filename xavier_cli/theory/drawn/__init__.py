"""Says which named distributions the weights of a network may have been drawn from."""

from xavier_cli.theory.drawn.naming import drawn_from
from xavier_cli.theory.drawn.network import describe

__all__ = ["describe", "drawn_from"]
