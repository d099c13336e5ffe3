"""Figures: arrays of a run onto the Axes that are given."""
