"""Looks at networks of PyTorch, in torch alone: the layers, and the statistics of the run file."""
