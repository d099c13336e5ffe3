"""Runs many configurations: expands recipes into cells, groups them by program, and runs the groups."""
