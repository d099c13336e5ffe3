"""What an experiment is: its settings, checked together, with one canonical text and a hash."""
