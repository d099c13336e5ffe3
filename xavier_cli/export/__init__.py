"""Converts runs to the formats of other programs; computes nothing."""
