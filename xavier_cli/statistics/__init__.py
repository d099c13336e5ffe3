"""Estimates, intervals and tests over seeds; plain arrays in, plain numbers out."""
