"""Watches a training in somebody's own loop, PyTorch's or JAX's, and writes a run file like any other."""
