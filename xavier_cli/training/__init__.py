"""How a network learns and what is measured while it does."""
