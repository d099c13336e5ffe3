"""Pre-trains the hidden layers without labels, one after another."""
