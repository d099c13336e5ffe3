"""Runs in the forms that other programs read; nothing is computed here."""
