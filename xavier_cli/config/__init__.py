"""Defines experiments: their settings, checked together, with canonical text and a hash."""
