"""One update of one network of a population."""
