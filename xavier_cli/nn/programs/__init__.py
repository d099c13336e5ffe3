"""Reads the program of any network: its weight layers, and what passes through them."""
