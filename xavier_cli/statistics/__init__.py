"""Computes estimates, intervals and tests over seeds, from arrays to numbers."""
