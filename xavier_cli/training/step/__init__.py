"""One update of one member."""
