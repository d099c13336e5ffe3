"""Generates or reads the data of an experiment, as bytes or floats and labels."""
