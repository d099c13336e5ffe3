"""Measures training speed, next to this machine's limits and to other software."""
