"""Trains a population on the devices: its compiled programs, its state, its records."""
