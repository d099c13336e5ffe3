"""Measures the tensors, errors and Jacobians of a network, and predicts them from theory."""
