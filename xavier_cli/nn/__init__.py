"""Defines networks: initializers, activations, losses, and the multi-layer perceptron."""
