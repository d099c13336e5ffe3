"""Predicts what networks do at initialization."""
