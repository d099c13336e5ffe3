"""Trains networks, and measures them at initialization and while they learn."""
