"""Says which named distributions the weights of a network may have been drawn from."""

from xavier_cli.findings.drawn.naming import drawn_from
from xavier_cli.findings.drawn.network import describe

__all__ = ["describe", "drawn_from"]
