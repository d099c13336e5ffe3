"""Unsupervised pre-training, layer by layer."""
