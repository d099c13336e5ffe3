"""Compares runs, diagnoses their problems, and judges claims by them."""
