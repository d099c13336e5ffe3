"""Judges the claims of the paper and of later work by runs.

The entry point is `judging.judge`. A claim selects runs by their configuration; where they are missing, too
short or too narrow, or have too few seeds, it is undecided, and the verdict says why.
"""
