"""Describes, stores and reads what a run leaves behind."""
