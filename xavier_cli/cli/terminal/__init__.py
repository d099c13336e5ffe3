"""Handles output, progress, signals and errors of commands."""
